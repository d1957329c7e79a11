"""What a worker does with a data set: spans of its list segmented one by one, then summed up."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from vssn.api import segment_dataset
from vssn.config import SegmenterConfig
from vssn.data.dataset import dataset_frames
from vssn.data.lists import ListEntry, resolve
from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.fleet.chunks import ChunkFolder, ChunkResult, Input, InputPlan, count_chunks
from vssn.fleet.places import Place, is_url
from vssn.fleet.video_work import Assemble, LabelHash, assemble_video, start_networks
from vssn.fleet.weights import PackedWeights
from vssn.json_files import parse
from vssn.labels import NUM_CLASSES

SIDES = {NUM_CLASSES}  # of the counts of one distance
EVALUATION = "evaluation.json"
Counts = dict[str, tuple[tuple[int, ...], ...]]


@dataclass(frozen=True)
class ChunkCounts:
    """What joining needs of a chunk: the fields of :attr:`ChunkResult.more`."""

    counts: Counts


@dataclass
class DatasetWork(ChunkFolder):
    """See :class:`vssn.fleet.chunks.Work`.

    Attributes:
        place: where masks and the evaluation go.
        job: see :class:`vssn.fleet.video_work.VideoWork`.
        config: of the segmenter.
        weights: its files.
        chunk_s: length of a chunk; a frame counts as a second.
        data_dir: the folder that the list's paths start from, or its URL.
        entries: of the list.
        make: the assembler.
    """

    place: Place
    job: str
    config: SegmenterConfig
    weights: PackedWeights | None
    chunk_s: Fraction
    data_dir: str
    entries: list[ListEntry]
    make: Assemble = assemble_video

    def check_more(self, more: dict[str, Any]) -> None:
        """See :meth:`ChunkFolder.check_more`."""
        evaluation_of([parse(ChunkCounts, more).counts])

    def load(self) -> str:
        """Load the networks."""
        self._assembly, kind = start_networks(self.make, self.config, self.weights)
        return kind

    def plan(self, given: Input) -> InputPlan:
        """Cut the list."""
        return InputPlan(count_chunks(Fraction(len(self.entries)), self.chunk_s))

    def chunk(self, given: Input, plan: InputPlan, number: int) -> ChunkResult:
        """Segment a span of the list; its masks are there before the file that says so."""
        base = self._base(given, number)
        if done := self._done_before(base):
            return done
        begun = time.perf_counter()
        first, after = ceil(number * self.chunk_s), ceil((number + 1) * self.chunk_s)
        entries = self.entries[first:after]
        labels = LabelHash()
        with tempfile.TemporaryDirectory(prefix="vssn-") as masks, self._fetched(entries) as data:
            run = segment_dataset(
                dataset_frames(data, entries),
                masks,
                self.config,
                segmenter=self._assembly,
                on_result=labels.add,
            )
            for index in range(run.statistics.frames):
                mask = Path(masks) / f"mask{index}.png"
                self.place.write(f"mask{first + index}.png", mask.read_bytes())
        result = ChunkResult(
            run.statistics.frames,
            labels.segmented,
            labels.hexdigest(),
            seconds=time.perf_counter() - begun,
            more={"counts": counts_of(run.evaluation)},
        )
        self.place.write(f"{base}.json", result.to_json())
        return result

    @contextmanager
    def _fetched(self, entries: list[ListEntry]) -> Iterator[Path]:
        """The local folder of a span's files."""
        if not is_url(self.data_dir):
            yield Path(self.data_dir)
            return
        with tempfile.TemporaryDirectory(prefix="vssn-") as folder:
            source = Place(self.data_dir)
            names = {entry.frame for entry in entries}
            names |= {entry.label for entry in entries if entry.is_labelled}
            for name in sorted(names):
                path = resolve(Path(folder), name)
                path.parent.mkdir(parents=True, exist_ok=True)
                source.download(name, path)
            yield Path(folder)

    def join(self, given: Input, plan: InputPlan) -> dict[str, Any]:
        """Sum up the chunks' evaluations."""
        parts = (parse(ChunkCounts, each.more).counts for each in self._results(given, plan))
        counts = counts_of(evaluation_of(parts))
        self.place.write(given.name, json.dumps(counts).encode())
        return {}


def counts_of(evaluation: DatasetEvaluation) -> Counts:
    """The confusion counts by distance from the key frame, for JSON."""
    return {
        str(distance): tuple(tuple(row) for row in matrix.counts.tolist())
        for distance, matrix in evaluation.by_key_distance.items()
    }


def evaluation_of(parts: Iterable[Counts]) -> DatasetEvaluation:
    """The sum of several counts.

    Raises:
        ValueError: they are no confusion counts; in words.
    """
    evaluation = DatasetEvaluation()
    for part in parts:
        for distance, rows in part.items():
            if not distance.isdecimal() or {len(row) for row in rows} | {len(rows)} != SIDES:
                raise ValueError(f"'{distance[:40]}' holds no confusion counts")
            counts = np.array(rows, np.int64)
            evaluation.total.counts += counts
            evaluation.by_key_distance[int(distance)].counts += counts
    return evaluation
