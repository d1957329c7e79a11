"""What became of every chunk of a job, in columns.

A row takes some 170 bytes, so that 100,000 chunks take 17 MB from beginning to end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.fleet.chunks import ChunkResult, Input, InputPlan

STATUSES = ("waiting", "done", "joined", "failed")
WAITING, DONE, JOINED, FAILED = range(len(STATUSES))
NO_END = -1.0
GROWTH = 1024
NODE_BYTES = 24

ROW = np.dtype(
    [
        *(("input", "i4"), ("chunk", "i4"), ("start_s", "f8"), ("end_s", "f8")),
        *(("status", "u1"), ("attempt", "u2"), ("seconds", "f8"), ("finished", "f8")),
        *(("frames", "i4"), ("segmented", "i4"), ("lost_frames", "i4"), ("truncated", "?")),
        *(("hash", "S64"), ("node", f"S{NODE_BYTES}")),
    ]
)


class Manifest:
    """The rows of a job's chunks, input by input.

    Args:
        inputs: in the order of the job.
        job: tells apart jobs of other settings.
        chunk_s: length of a chunk.

    Attributes:
        inputs: those of the job, and behind them others that an earlier run did.
        asked: how many are of the job.
        plans: by the input's number, those that are known.
        unplanned: error and attempts of each input that could not be opened.
        errors: by row, of those that failed.
    """

    def __init__(self, inputs: Sequence[Input], job: str, chunk_s: Fraction) -> None:
        self.inputs = list(inputs)
        self.asked = len(self.inputs)
        self.job = job
        self.chunk_s = chunk_s
        self.plans: dict[int, InputPlan] = {}
        self.unplanned: dict[int, tuple[str, int]] = {}
        self.errors: dict[int, str] = {}
        self._first: dict[int, int] = {}
        self._rows: npt.NDArray[Any] = np.zeros(GROWTH, ROW)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def rows(self) -> npt.NDArray[Any]:
        """The rows, of :data:`ROW`; to read and to change."""
        return self._rows[: self._count]

    @property
    def asked_rows(self) -> npt.NDArray[Any]:
        """A copy of the rows of the job's own inputs."""
        return self.rows[self.rows["input"] < self.asked]

    def add_plan(self, number: int, plan: InputPlan) -> range:
        """Add an input's chunks, waiting; their rows."""
        first = self._count
        while first + plan.chunks > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._count += plan.chunks
        self.plans[number] = plan
        self.unplanned.pop(number, None)
        self._first[number] = first
        rows = self._rows[first : self._count]
        rows["input"], rows["chunk"] = number, np.arange(plan.chunks)
        spans = [plan.span(chunk, self.chunk_s) for chunk in range(plan.chunks)]
        rows["start_s"] = [float(start) for start, _ in spans]
        rows["end_s"] = [NO_END if end is None else float(end) for _, end in spans]
        return range(first, self._count)

    def rows_of(self, number: int) -> range:
        """The rows of an input; none before it is planned."""
        if number not in self.plans:
            return range(0)
        first = self._first[number]
        return range(first, first + self.plans[number].chunks)

    def finish(self, row: int, result: ChunkResult) -> None:
        """A chunk is done."""
        told = self.rows[row]
        told["status"], told["finished"] = DONE, time.time()
        for name in ("frames", "segmented", "truncated", "seconds"):
            told[name] = getattr(result, name)
        told["lost_frames"] = result.lost
        told["hash"], told["node"] = result.hash.encode(), result.node.encode()[:NODE_BYTES]
        self.errors.pop(row, None)

    def fail(self, row: int, error: str) -> None:
        """A chunk failed for good."""
        self.rows["status"][row] = FAILED
        self.rows["finished"][row] = time.time()
        self.errors[row] = error

    def is_joinable(self, number: int) -> bool:
        """Whether all chunks of an input are done."""
        rows = self.rows_of(number)
        return len(rows) > 0 and bool((self.rows["status"][rows.start : rows.stop] == DONE).all())

    def join(self, number: int) -> None:
        """An input's result is there."""
        rows = self.rows_of(number)
        self.rows["status"][rows.start : rows.stop] = JOINED

    def wait_again(self, number: int) -> None:
        """An input's result is gone: all its chunks are to be done again."""
        rows = self.rows_of(number)
        self.rows["status"][rows.start : rows.stop] = WAITING

    def failures(self) -> Iterator[tuple[int, int | None, str]]:
        """Input, chunk and error of whatever failed; no chunk where an input can't be opened."""
        for number, (error, _) in sorted(self.unplanned.items()):
            yield number, None, error
        asked = self.rows["input"] < self.asked
        for row in np.flatnonzero((self.rows["status"] == FAILED) & asked).tolist():
            yield int(self.rows["input"][row]), int(self.rows["chunk"][row]), self.errors[row]
