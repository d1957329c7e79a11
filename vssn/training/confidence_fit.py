"""Fits the confidence prediction of :mod:`vssn.streaming.confidence` to a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from vssn.checkpoints.confidence_fit import IDENTITY, UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.errors import MediaError
from vssn.evaluation.frame_orders import all_frame_orders
from vssn.networks import FlowNetwork, SegmentationNetwork
from vssn.streaming.agreement import class_agreement
from vssn.streaming.confidence import LEAST_MOTION_PCT, MotionConfidence
from vssn.streaming.schedule import TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, Propagate, UInt8Array

TARGETS = (50.0, 60.0, 70.0, 80.0, 90.0)
CORNERS = 12  # of the calibration
Float64Array = npt.NDArray[np.float64]
Clip = Sequence[UInt8Array]


class ConfidenceFitter:
    """Fits :class:`vssn.streaming.confidence.PathScore` on clips, which need no labels.

    Args:
        clips: (H, W, 3) uint8 BGR frames of each.
        segmentation: what the fit is for; it is shown each frame often.
        flow: what results are carried by; it compares neighbours often.
        propagate: which frame they are carried from.

    Raises:
        MediaError: a clip has fewer than two frames.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        segmentation: SegmentationNetwork,
        flow: FlowNetwork,
        propagate: Propagate,
    ) -> None:
        short = [clip for clip in clips if len(clip) < 2]
        if short or not clips:
            raise MediaError(
                f"{len(clips)} clips, of which {len(short)} have one frame or none",
                "clips of two frames or more",
                "pass longer ones",
            )
        self._clips = clips
        self._segmentation = segmentation
        self._flow = flow
        self._propagate = propagate

    def fit(self) -> ConfidenceFit:
        """Fit the rate to start with, then, with it, the calibration."""
        start = [self._notes(clip, UNFITTED, TARGETS[:1]) for clip in self._clips]
        rate = float(np.exp(np.mean([np.log(_rate(notes)) for notes in start])))
        notes = [self._notes(clip, ConfidenceFit(rate), TARGETS) for clip in self._clips]
        _, raw, true = np.concatenate(notes).T
        return ConfidenceFit(rate, calibration(raw, true))

    def _notes(self, clip: Clip, fit: ConfidenceFit, targets: Iterable[float]) -> Float64Array:
        """(n, 3) path, expected and true score over all replays of a clip at all targets."""
        rows = [
            row
            for frame_order in all_frame_orders(len(clip))
            for target in targets
            for row in self._propagated(
                clip, frame_order.order, MotionConfidence(fit, self._chains), target
            )
        ]
        return np.array(rows, np.float64).reshape(-1, 3)

    @property
    def _chains(self) -> bool:
        return self._propagate is Propagate.CHAIN

    def _propagated(
        self, clip: Clip, order: Iterable[int], score: MotionConfidence, target: float
    ) -> Iterator[tuple[float, float, float]]:
        """Path in %, expected and true score of each frame that is carried in one replay."""
        schedule = TargetSchedule(score, target)
        segmenter = AdaptiveSegmenter(
            self._segmentation, self._flow, schedule, propagate=self._propagate
        )
        for number in order:
            result = segmenter.step_probabilities(clip[number])
            if result.path is FramePath.WARP and result.predicted_confidence is not None:
                segmented = self._segmentation.probabilities(clip[number])
                true = class_agreement(result.probabilities[::2, ::2], segmented[::2, ::2])
                yield score.accumulated_motion_pct, result.predicted_confidence, true


def _rate(notes: Float64Array) -> float:
    """Median loss, in points, of a path of 1 %; that of unfitted networks where nothing moves."""
    path, _, true = notes[notes[:, 0] >= LEAST_MOTION_PCT].T
    losses = np.maximum(100 - true, 1) / np.sqrt(path)
    return float(np.median(losses)) if losses.size else UNFITTED.rate


def calibration(raw: Float64Array, true: Float64Array) -> ConfidenceMap:
    """The rising map from expected to true scores that errs least in the square.

    Args:
        raw: (n,) expected scores.
        true: (n,) true scores, 0-100.

    Returns:
        A map that gives 0 for 0, so that nothing hopeless is ever carried; the identity where
        there is nothing to go by.
    """
    if not raw.size:
        return IDENTITY
    order = np.lexsort((-true, raw))  # falling where raw is equal, so that those are pooled
    fitted = isotonic_regression(true[order]).x
    corners = np.unique(np.round(np.quantile(raw, np.linspace(0, 1, CORNERS)), 2))
    corners = corners[corners > 0]
    scores = np.interp(corners, raw[order], fitted)
    return ConfidenceMap((0.0, *corners.tolist()), (0.0, *scores.tolist()))
