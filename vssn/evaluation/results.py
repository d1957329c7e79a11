"""What an evaluation of schedules finds: figures only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """What a schedule costs and gives.

    Attributes:
        setting: its target, or its interval.
        segmented: number of segmented frames; a mean over several runs need not be whole.
        mean_iou: 0-1.
    """

    setting: float
    segmented: float
    mean_iou: float


@dataclass(frozen=True)
class AdaptivePoint(Point):
    """What an adaptive schedule costs and gives, and how well it predicts confidence.

    Attributes:
        fixed_mean_iou: of fixed intervals with the same number of segmented frames; see
            :func:`vssn.evaluation.schedule_evaluation.at_same_cost`.
        measured_agreement: 0-100, mean over warped frames.
        predicted_confidence, measured_confidence: likewise; the measured one should not be below
            the target.
        confidence_error: mean absolute error of the predicted confidence over warped frames, in
            points.
        rank_correlation: Spearman's, of predicted and measured confidence over warped
            frames. All are NaN where no frame counts.
    """

    fixed_mean_iou: float
    measured_agreement: float
    predicted_confidence: float
    measured_confidence: float
    confidence_error: float
    rank_correlation: float


@dataclass(frozen=True)
class FrameOrderResult:
    """Results of all schedules on one frame order.

    Attributes:
        name: of the frame order.
        frames: its length.
        adaptive, fixed, oracle: points, the most expensive first.
    """

    name: str
    frames: int
    adaptive: list[AdaptivePoint]
    fixed: list[Point]
    oracle: list[Point]


@dataclass(frozen=True)
class DistanceRow:
    """Accuracy of the frames at one distance from their key frame.

    Attributes:
        key_distance: frames since the key frame.
        frames: how many there are.
        mean_iou: over all of them, 0-1.
        worst_iou: mean IoU of the worst single frame, 0-1.
        class_iou: 11 values, 0-1; NaN for a class never seen.
    """

    key_distance: int
    frames: int
    mean_iou: float
    worst_iou: float
    class_iou: list[float]


@dataclass(frozen=True)
class ScheduleEvaluation:
    """All results of a schedule.

    Attributes:
        frame_orders: results by frame order.
        by_key_distance: at one target, on the video as it is.
        unchanged_labels_percent: of pixels, from one frame of the video to the next, by schedule:
            target 100, the one target, or a fixed interval of 5 frames.
    """

    frame_orders: list[FrameOrderResult]
    by_key_distance: list[DistanceRow]
    unchanged_labels_percent: dict[str, float]
