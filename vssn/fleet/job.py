"""A job: what is to be done next, what became of it, and what is kept of that."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vssn.errors import VssnError, argument
from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.fleet.chunks import FOLDER, ChunkResult, InputPlan
from vssn.fleet.manifest import DONE, JOINED, WAITING, Manifest
from vssn.fleet.manifest_file import write_manifest
from vssn.fleet.places import Place, shown
from vssn.fleet.pool import Answer, Runner, Task

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 2  # of a chunk that raises an error
MAX_DEATHS = 4  # of workers at one chunk
MAX_FULL = 8  # full disks in a row, after which the rest would find them full too
MANIFEST_S = 5.0  # how often the manifest is written, and at most this share of the time:
MANIFEST_SHARE = 0.02

OnChunk = Callable[[int, int], None]


@dataclass(frozen=True)
class Failure:
    """A chunk, or an input, that failed.

    Attributes:
        source: of the input.
        chunk: its number; None where the input can't be opened.
        error: in one line.
    """

    source: str
    chunk: int | None
    error: str


@dataclass(frozen=True)
class FleetRun:
    """What became of a job.

    Attributes:
        place: where its results are.
        inputs: how many there were.
        joined: how many of them have their result.
        chunks: how many there are, of the inputs that could be opened.
        worked: how many of them were done in this call.
        frames: of the chunks that are done, in this call or before.
        segmented: how many of the frames, or of their regions, were segmented.
        seconds: that this call took.
        failures: what failed.
        truncated: sources that ended before their end; what there was of them is done.
        evaluation: of a data set's labelled frames; None for videos.
    """

    place: str
    inputs: int
    joined: int
    chunks: int
    worked: int
    frames: int
    segmented: int
    seconds: float
    failures: tuple[Failure, ...] = ()
    truncated: tuple[str, ...] = ()
    evaluation: DatasetEvaluation | None = field(default=None, compare=False)

    def lines(self) -> list[str]:
        """The figures as printed."""
        lines = [
            f"{self.joined} of {self.inputs} inputs done, {self.chunks} chunks "
            f"({self.worked} in this run), {self.frames} frames, {self.segmented} segmented, "
            f"{self.seconds:.1f} s",
            *(self.evaluation.lines() if self.evaluation else ()),
            *(f"cut short: {source}" for source in self.truncated),
        ]
        for failure in self.failures:
            chunk = "" if failure.chunk is None else f", chunk {failure.chunk}"
            lines.append(f"failed: {failure.source}{chunk}: {failure.error}")
        return lines

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        names = ("place", "inputs", "joined", "chunks", "worked", "frames", "segmented", "seconds")
        return {
            **{name: getattr(self, name) for name in names},
            "failures": [vars(failure) for failure in self.failures],
            "truncated": list(self.truncated),
            **(self.evaluation.summary() if self.evaluation else {}),
        }


class Job:
    """Hands out tasks and takes their answers.

    A worker goes on with the input that it is at, since its node has a copy of that; else it begins
    another input, or helps with the one of which most is left.

    Args:
        manifest: with what earlier runs did.
        place: where the manifest and the results go.
        on_chunk: called after each chunk with how many are over and how many are known.

    Attributes:
        joined: by the input's number, what joining gave.
        worked: how many chunks were done.
    """

    def __init__(
        self, manifest: Manifest, place: Place, on_chunk: OnChunk = lambda over, known: None
    ) -> None:
        self.joined: dict[int, dict[str, Any]] = {}
        self.worked = 0
        self._manifest = manifest
        self._place = place
        self._on_chunk = on_chunk
        self._over = 0
        self._joins: deque[int] = deque()
        self._plans: deque[int] = deque()
        self._rows: dict[int, deque[int]] = {}
        self._left: Counter[int] = Counter()  # by input, chunks that are not done
        self._attempts: Counter[tuple[str, int]] = Counter()
        self._deaths: Counter[tuple[str, int]] = Counter()
        self._full = 0
        self._written, self._writing_s = time.monotonic(), 0.0
        for number in range(manifest.asked):
            if number in manifest.plans:
                self._add_chunks(number)
            else:
                self._plans.append(number)

    def _add_chunks(self, number: int) -> None:
        rows = self._manifest.rows_of(number)
        statuses = self._manifest.rows["status"][rows.start : rows.stop]
        waiting = rows.start + np.flatnonzero(statuses == WAITING)
        self._over += len(rows) - len(waiting)
        self._left[number] = len(waiting)
        if len(waiting):
            self._rows[number] = deque(waiting.tolist())
        elif (statuses == DONE).all():
            self._joins.append(number)

    def __bool__(self) -> bool:
        return bool(self._joins or self._rows or self._plans)

    def take(self, last: int | None) -> Task:
        """The next task; see :class:`vssn.fleet.pool.Tasks`."""
        given, plans = self._manifest.inputs, self._manifest.plans
        if self._joins:
            number = self._joins.popleft()
            return Task("join", number, None, (given[number], plans[number]))
        if last not in self._rows and self._plans:
            number = self._plans.popleft()
            return Task("plan", number, None, (given[number],))
        number = last if last is not None and last in self._rows else self._longest()
        rows = self._rows[number]
        row = rows.popleft()
        if not rows:
            del self._rows[number]
        chunk = int(self._manifest.rows["chunk"][row])
        return Task("chunk", number, row, (given[number], plans[number], chunk))

    def _longest(self) -> int:
        """Of a few inputs, that of which most is left."""
        few = [number for number, _ in zip(self._rows, range(100), strict=False)]
        return max(few, key=lambda number: len(self._rows[number]))

    def run(self, runner: Runner) -> None:
        """Do everything; whatever ends this, the manifest is written.

        Raises:
            VssnError: the workers can't start, disks are full, or the manifest can't be written.
        """
        try:
            for task, answer in runner.answers(self):
                self._take(task, answer)
                self._write_now_and_then()
        finally:
            write_manifest(self._manifest, self._place)
        statuses = self._manifest.rows["status"]  # of inputs of earlier calls too
        if (statuses == JOINED).all() and not self._manifest.unplanned:
            self._place.remove(FOLDER)

    def _write_now_and_then(self) -> None:
        now = time.monotonic()
        if now - self._written > max(MANIFEST_S, self._writing_s / MANIFEST_SHARE):
            write_manifest(self._manifest, self._place)
            self._written = time.monotonic()
            self._writing_s = self._written - now

    def _take(self, task: Task, answer: Answer) -> None:
        failed = answer.error is not None
        if answer.full:
            self._full += 1
        elif not failed and task.method != "plan":  # which writes nothing
            self._full = 0
        if self._full >= MAX_FULL:
            resume = argument("resume")
            raise VssnError(f"{answer.error} ({self._full} times in a row); go on with {resume}")
        if failed and self._is_tried_again(task, answer):
            self._again(task, answer.lost)
        elif task.method == "chunk":
            self._take_chunk(task, answer)
        elif task.method == "plan":
            self._take_plan(task, answer)
        else:
            self._take_join(task, answer)

    def _is_tried_again(self, task: Task, answer: Answer) -> bool:
        key = (task.method, task.input if task.row is None else task.row)
        if task.row is not None:
            self._manifest.rows["attempt"][task.row] += 1
        counts, most = (self._deaths, MAX_DEATHS) if answer.lost else (self._attempts, MAX_ATTEMPTS)
        counts[key] += 1
        return counts[key] < most

    def _again(self, task: Task, lost: bool) -> None:
        if task.method == "plan":
            self._plans.append(task.input)
        elif task.method == "join" and lost:
            self._joins.append(task.input)
        elif task.method == "join":  # its chunks may have to be done again
            self._over -= len(self._manifest.rows_of(task.input))
            self._manifest.wait_again(task.input)
            self._add_chunks(task.input)
        else:
            assert task.row is not None
            self._rows.setdefault(task.input, deque()).append(task.row)

    def _take_plan(self, task: Task, answer: Answer) -> None:
        if answer.error is not None:
            tried = self._attempts["plan", task.input] + self._deaths["plan", task.input]
            self._manifest.unplanned[task.input] = answer.error, tried
            logger.warning("failed: %s", answer.error)
            return
        plan: InputPlan = answer.value
        self._manifest.add_plan(task.input, plan)
        self._add_chunks(task.input)

    def _take_chunk(self, task: Task, answer: Answer) -> None:
        assert task.row is not None
        self._over += 1
        if answer.error is not None:
            self._manifest.fail(task.row, answer.error)
            logger.warning("failed: %s", answer.error)
        else:
            result: ChunkResult = answer.value
            if not result.reused:
                self._manifest.rows["attempt"][task.row] += 1
                self.worked += 1
            self._manifest.finish(task.row, replace(result, node=answer.node))
            self._left[task.input] -= 1
            if self._left[task.input] == 0:
                self._joins.append(task.input)
        self._on_chunk(self._over, len(self._manifest))

    def _take_join(self, task: Task, answer: Answer) -> None:
        if answer.error is not None:
            logger.warning("failed: %s", answer.error)
            for row in self._manifest.rows_of(task.input):
                self._manifest.fail(row, answer.error)
            return
        self.joined[task.input] = answer.value
        self._manifest.join(task.input)

    def result(self, seconds: float, evaluation: DatasetEvaluation | None = None) -> FleetRun:
        """The figures."""
        manifest, rows = self._manifest, self._manifest.asked_rows
        over = rows[np.isin(rows["status"], (DONE, JOINED))]
        cut = sorted(set(over["input"][over["truncated"]].tolist()))
        names = [shown(given.source) for given in manifest.inputs[: manifest.asked]]
        return FleetRun(
            str(self._place),
            len(names),
            len(set(rows["input"][rows["status"] == JOINED].tolist())),
            len(rows),
            self.worked,
            int(over["frames"].sum()),
            int(over["segmented"].sum()),
            seconds,
            tuple(
                Failure(names[number], chunk, text) for number, chunk, text in manifest.failures()
            ),
            tuple(names[number] for number in cut),
            evaluation,
        )
