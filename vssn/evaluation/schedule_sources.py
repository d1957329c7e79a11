"""What a schedule costs and gives on clips of any source, with labels or without."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.data.clips import iter_clip
from vssn.data.stills import list_stills
from vssn.errors import MediaError
from vssn.evaluation.agreement_growth import AgreementGrowth
from vssn.evaluation.baselines import MeasuredConfidence
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.files import is_dir
from vssn.networks import FlowNetwork
from vssn.preprocess import size_hw
from vssn.streaming.rules import VSSN_RULES
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import Float32Array, Propagate, UInt8Array

EVERY_FRAME = 100.0  # the target
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClipSource:
    """A clip to evaluate on.

    Attributes:
        path: a video, or a folder of frames. A folder with another of its name and ``annot`` beside
            it is labelled.
        frames: how many to take at most.
    """

    path: Path
    frames: int

    @property
    def name(self) -> str:
        """Its file name without the ending, with its folder's name before it."""
        return f"{self.path.absolute().parent.name}/{self.path.stem}"

    @property
    def split(self) -> str:
        """The weather, light or city that its name says: up to the first ``_``, or its folder."""
        prefix, separator, _ = self.path.stem.partition("_")
        return prefix if separator and prefix else self.path.absolute().parent.name

    @property
    def labelled(self) -> bool:
        """Whether labels lie beside it."""
        return is_dir(self.path.with_name(f"{self.path.name}annot"))

    def iter_frames(self) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
        """Yield (H, W, 3) uint8 BGR frames, with their (H, W) uint8 labels where it has some.

        Raises:
            MediaError: missing, empty, or unreadable.
        """
        if self.labelled:
            stills = list_stills(self.path.parent, self.path.name)
            yield from (still.load_bgr() for still in stills[: self.frames])
        else:
            yield from ((frame, None) for frame in islice(iter_clip(self.path), self.frames))


@dataclass(frozen=True)
class SourcePoint:
    """What one target costs and gives on one source, or on a split of them.

    Attributes:
        target: 0-100.
        frames, segmented: how many.
        mean_iou: 0-1, against the labels; without labels, against the result of segmenting every
            frame.
        loss: points of mean IoU below segmenting every frame.
        seconds: spent on decoding and segmenting all frames.
        promised: mean predicted confidence over warped frames, 0-100; NaN for none.
        measured: mean measured confidence over them; see
            :class:`vssn.evaluation.baselines.MeasuredConfidence`.
        agreement: mean measured agreement over them.
        counts: (11, 11) confusion; rows are truth.
    """

    target: float
    frames: int
    segmented: int
    mean_iou: float
    loss: float
    seconds: float
    promised: float
    measured: float
    agreement: float
    counts: npt.NDArray[np.int64]

    @property
    def fps(self) -> float:
        """Frames per second, decoding included."""
        return self.frames / self.seconds if self.seconds else math.nan


@dataclass(frozen=True)
class SourceResult:
    """All targets on one source, or on a split of them, segmenting every frame first.

    Attributes:
        name: of the source or split.
        split: that it belongs to.
        labelled: whether labels are the truth.
        flicker: points of agreement that no key frame cures; see
            :class:`vssn.evaluation.agreement_growth.AgreementGrowth`. NaN for splits.
        points: segmenting every frame by itself, then by target as given.
    """

    name: str
    split: str
    labelled: bool
    flicker: float
    points: list[SourcePoint]


class _Reference:
    """What segmenting every frame of a source gives.

    Results are kept at a quarter of their pixels and in float16, as far as agreement needs them,
    so that 250 frames take 90 MB; labels are kept where they are the truth.
    """

    def __init__(self, flow: FlowNetwork, propagate: Propagate) -> None:
        self._growth = AgreementGrowth(flow, propagate)
        self._sparse: list[npt.NDArray[np.float16]] = []
        self._labels: list[UInt8Array] = []

    def add(
        self, frame_bgr: UInt8Array, probabilities: Float32Array, labels: UInt8Array | None
    ) -> None:
        """Keep the next frame's result; its labels where they are the truth."""
        self._growth.add(frame_bgr, probabilities)
        self._sparse.append(probabilities[::2, ::2].astype(np.float16))
        if labels is not None:
            self._labels.append(labels)

    @property
    def flicker(self) -> float:
        """See :class:`SourceResult`; 0 where nothing moves."""
        flicker, _ = self._growth.fit()
        return 0.0 if math.isnan(flicker) else flicker

    def truth(self, index: int) -> UInt8Array:
        """The frame's labels."""
        return self._labels[index]

    def agreement(self, index: int, probabilities: Float32Array) -> float:
        """Of a propagated result with the segmentation; NaN where that is confident nowhere."""
        segmented = self._sparse[index].astype(np.float32)
        agreement = VSSN_RULES.agreement(probabilities[::2, ::2], segmented)
        return math.nan if agreement is None else agreement


class SourceEvaluator:
    """Runs a segmenter over sources at several targets. No more than one source is held in memory.

    Args:
        make_segmenter: makes a segmenter of a target.
        make_reference: makes what segments every frame by itself, which others are compared with.
        flow: what it propagates by.
        propagate: from which frame.
    """

    def __init__(
        self,
        make_segmenter: Callable[[float], AdaptiveSegmenter],
        make_reference: Callable[[], AdaptiveSegmenter],
        flow: FlowNetwork,
        propagate: Propagate,
    ) -> None:
        self._make = make_segmenter
        self._make_reference = make_reference
        self._flow = flow
        self._propagate = propagate

    def evaluate(self, source: ClipSource, targets: Sequence[float]) -> SourceResult:
        """Evaluate one source.

        Args:
            source: of two frames or more.
            targets: 0 to 100.

        Raises:
            MediaError: the source can't be read, or is too short.
        """
        reference = _Reference(self._flow, self._propagate)
        every = self._run(source, EVERY_FRAME, reference, first=True)
        if every.frames < 2:
            raise MediaError(
                f"clip '{source.path}' of {every.frames} frames", "two or more", "pass a longer one"
            )
        points = [self._run(source, target, reference, first=False) for target in targets]
        points = [replace(p, loss=100 * (every.mean_iou - p.mean_iou)) for p in (every, *points)]
        return SourceResult(source.name, source.split, source.labelled, reference.flicker, points)

    def _run(
        self, source: ClipSource, target: float, reference: _Reference, first: bool
    ) -> SourcePoint:
        segmenter = self._make_reference() if first else self._make(target)
        confidence = MeasuredConfidence(0.0 if first else reference.flicker)
        confusion, seconds = ConfusionMatrix(), 0.0
        keys, rows, index = 0, [], -1
        before = time.perf_counter()
        for index, (frame_bgr, label) in enumerate(source.iter_frames()):
            done = segmenter.step_result(frame_bgr)
            labels = VSSN_RULES.labels_of(done.result, size_hw(frame_bgr))
            seconds += time.perf_counter() - before
            probabilities = VSSN_RULES.probabilities_of(done.result)
            if first:
                reference.add(frame_bgr, probabilities, labels if label is None else None)
            confusion.add(reference.truth(index) if label is None else label, labels)
            agreement = reference.agreement(index, probabilities)
            measured = confidence.of(agreement, done.key_distance)
            if done.key_distance == 0:
                keys += 1
            elif done.predicted_confidence is not None:
                rows.append((done.predicted_confidence, measured, agreement))
            before = time.perf_counter()
        promised, measured, agreement = _means(np.array(rows, np.float64).reshape(-1, 3))
        return SourcePoint(
            target,
            index + 1,
            keys,
            confusion.mean_iou(),
            0.0,
            seconds,
            promised,
            measured,
            agreement,
            confusion.counts,
        )


def _means(rows: Float64Array) -> tuple[float, float, float]:
    """Means of the columns over the rows without NaN; NaN where there is none."""
    known = rows[np.isfinite(rows).all(1)]
    if not len(known):
        return math.nan, math.nan, math.nan
    promised, measured, agreement = known.mean(0).tolist()
    return promised, measured, agreement


def by_split(results: Sequence[SourceResult]) -> list[SourceResult]:
    """Sum up the sources of each split; none where every source is a split of its own.

    Args:
        results: with the same targets each.
    """
    splits: dict[tuple[str, bool], list[SourceResult]] = {}
    for result in results:
        splits.setdefault((result.split, result.labelled), []).append(result)
    if len(splits) == len(results):
        return []
    return [_joined(name, group) for (name, _), group in splits.items()]


def _joined(name: str, group: Sequence[SourceResult]) -> SourceResult:
    points = [_joined_point(each) for each in zip(*(r.points for r in group), strict=True)]
    every = points[0].mean_iou
    points = [replace(point, loss=100 * (every - point.mean_iou)) for point in points]
    return SourceResult(name, name, group[0].labelled, math.nan, points)


def _joined_point(points: Sequence[SourcePoint]) -> SourcePoint:
    confusion = ConfusionMatrix()
    confusion.counts += np.sum([point.counts for point in points], axis=0)
    warped = np.array([point.frames - point.segmented for point in points], np.float64)
    columns = np.array([[p.promised, p.measured, p.agreement] for p in points], np.float64)
    known = np.isfinite(columns).all(1) & (warped > 0)
    promised = measured = agreement = math.nan
    if known.any():
        promised, measured, agreement = np.average(columns[known], axis=0, weights=warped[known])
    return SourcePoint(
        points[0].target,
        sum(point.frames for point in points),
        sum(point.segmented for point in points),
        confusion.mean_iou(),
        0.0,
        sum(point.seconds for point in points),
        promised,
        measured,
        agreement,
        confusion.counts,
    )
