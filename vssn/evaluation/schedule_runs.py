"""Runs of schedules over frame orders of a labelled video, measured frame by frame."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from vssn.evaluation.agreement_growth import AgreementGrowth
from vssn.evaluation.baselines import MeasuredConfidence, measured_agreement
from vssn.evaluation.cached_networks import CachedFlow, CachedSegmentation
from vssn.evaluation.frame_orders import FrameOrder
from vssn.evaluation.metrics import ConfusionMatrix, Float64Array
from vssn.evaluation.temporal_consistency import TemporalConsistency
from vssn.preprocess import size_hw
from vssn.runtime.load import Networks
from vssn.streaming.propagated import Propagated
from vssn.streaming.rules import VSSN_RULES
from vssn.streaming.schedule import Schedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import Float32Array, Propagate, UInt8Array

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What a schedule made of a frame order of n frames.

    Attributes:
        key_distance: (n,) int64, frames since the key frame; 0 for a key frame.
        predicted_confidence: (n,) float64, 0-100; NaN where none was asked for.
        measured_agreement: (n,) float64, 0-100; 100 for a key frame, NaN where the network is
            confident nowhere.
        measured_confidence: (n,) float64, likewise, on the scale of the predicted confidence; see
            :class:`vssn.evaluation.baselines.MeasuredConfidence`.
        counts: (n, 11, 11) int64, each frame's confusion; rows are truth.
    """

    key_distance: Int64Array
    predicted_confidence: Float64Array
    measured_agreement: Float64Array
    measured_confidence: Float64Array
    counts: Int64Array

    @property
    def segmented(self) -> int:
        """How many frames were segmented."""
        return int(np.count_nonzero(self.key_distance == 0))

    @property
    def mean_iou(self) -> float:
        """Over all frames, 0-1; NaN where every label is void."""
        return confusion_of(self.counts).mean_iou()


def confusion_of(counts: Int64Array) -> ConfusionMatrix:
    """The confusion of several frames, whose own counts, (n, 11, 11), are given."""
    confusion = ConfusionMatrix()
    confusion.counts += counts.sum(0)
    return confusion


class ScheduleEvaluator:
    """Runs schedules over frame orders of one video, on the segmenter that users get.

    What a frame's result is worth depends on nothing but the frames that it was propagated over, so
    it is measured once for each such row of frames.

    Args:
        frames_bgr: (H, W, 3) uint8 BGR, not to be changed afterwards.
        labels: (H, W) uint8 true labels of each.
        networks: segmentation and flow; each frame is segmented once.
        propagate: which frame results are propagated from.
        ran: called after each run, of which there are many.
    """

    def __init__(
        self,
        frames_bgr: Sequence[UInt8Array],
        labels: Sequence[UInt8Array],
        networks: Networks,
        propagate: Propagate,
        ran: Callable[[], None] = lambda: None,
    ) -> None:
        self.propagate = propagate
        self._frames = frames_bgr
        self._labels = labels
        self._segmentation = CachedSegmentation(networks.segmentation)
        self._companion = networks.companion and CachedSegmentation(networks.companion)
        self._key_frames = replace(
            networks, segmentation=self._segmentation, companion=self._companion
        ).of_key_frames
        self._flow = CachedFlow(networks.flow)
        self._ran = ran
        self._measured: dict[tuple[int, ...], tuple[float, Int64Array]] = {}

    def segmented_frames(self, frame_order: FrameOrder) -> list[Float32Array]:
        """(h, w, 11) float32 probabilities of every frame of an order, segmented."""
        return [
            self._key_frames.probabilities(self._frames[number]) for number in frame_order.order
        ]

    def run(self, frame_order: FrameOrder, schedule: Schedule) -> Outcome:
        """Show a frame order to a segmenter.

        Args:
            frame_order: of the video.
            schedule: a new one; most serve one stream only.
        """
        segmenter = self._segmenter(schedule)
        predicted: list[float] = []
        distances, measured, confidences = [], [], []
        confidence = MeasuredConfidence(self.flicker)
        for position, number in enumerate(frame_order.order):
            done = segmenter.step_result(self._frames[number])
            distances.append(done.key_distance)
            predicted.append(
                np.nan if done.predicted_confidence is None else done.predicted_confidence
            )
            row = frame_order.order[position - done.key_distance : position + 1]
            agreement, counts = self._measure(row, done.result)
            measured.append((agreement, counts))
            confidences.append(confidence.of(agreement, done.key_distance))
        self._ran()
        agreements, all_counts = zip(*measured, strict=True)
        return Outcome(
            np.array(distances),
            np.array(predicted),
            np.array(agreements),
            np.array(confidences),
            np.stack(all_counts),
        )

    @cached_property
    def flicker(self) -> float:
        """Points of agreement that no key frame cures, on the video; 0 where nothing moves."""
        growth = AgreementGrowth(self._flow, self.propagate)
        for frame in self._frames:
            growth.add(frame, self._key_frames.probabilities(frame))
        flicker, _ = growth.fit()
        return 0.0 if math.isnan(flicker) else flicker

    def temporal_consistency(self, frame_order: FrameOrder, schedule: Schedule) -> float:
        """Pixels with the label of the frame before, in %; NaN for a single frame."""
        temporal_consistency = TemporalConsistency()
        frames = (self._frames[number] for number in frame_order.order)
        for result in self._segmenter(schedule).stream(frames):
            temporal_consistency.add(str(result.index), result.labels)
        self._ran()
        return temporal_consistency.percent

    def _segmenter(self, schedule: Schedule) -> AdaptiveSegmenter:
        return AdaptiveSegmenter(
            self._segmentation,
            self._flow,
            schedule,
            VSSN_RULES,
            self.propagate,
            companion=self._companion,
        )

    def _measure(self, row: tuple[int, ...], result: Propagated) -> tuple[float, Int64Array]:
        """Agreement and confusion of the last of some frames, the first of which is its key."""
        if row not in self._measured:
            truth = self._labels[row[-1]]
            segmented = self._key_frames.probabilities(self._frames[row[-1]])
            score = 100.0
            if len(row) > 1:
                score = measured_agreement(VSSN_RULES.probabilities_of(result), segmented)
            confusion = ConfusionMatrix()
            confusion.add(truth, VSSN_RULES.labels_of(result, size_hw(truth)))
            self._measured[row] = score, confusion.counts
        return self._measured[row]
