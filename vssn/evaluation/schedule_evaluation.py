"""How well a schedule chooses the frames to segment, on frame orders of a labelled video."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy.stats import spearmanr

from vssn.evaluation.baselines import Oracle, phases
from vssn.evaluation.frame_orders import FrameOrder, all_frame_orders, even
from vssn.evaluation.metrics import Float64Array
from vssn.evaluation.results import (
    AdaptivePoint,
    DistanceRow,
    FrameOrderResult,
    Point,
    ScheduleEvaluation,
)
from vssn.evaluation.schedule_runs import Outcome, ScheduleEvaluator, confusion_of
from vssn.streaming.schedule import FixedInterval, Schedule

TARGETS = (98.0, 97.0, 96.0, 95.0, 94.0, 92.0, 90.0, 85.0, 80.0, 70.0)
INTERVALS = (*range(1, 11), 12, 14, 16, 20, 25, 30)
STEADY_INTERVAL = 5  # fixed, to compare the temporal consistency of labels with

ScheduleMaker = Callable[[float], Schedule]  # of a target


def fixed_point(evaluator: ScheduleEvaluator, frame_order: FrameOrder, interval: int) -> Point:
    """A fixed interval, averaged over its phases: one's luck is 0.7 points on 100 frames."""
    outcomes = [evaluator.run(frame_order, schedule) for schedule in phases(interval)]
    segmented = float(np.mean([outcome.segmented for outcome in outcomes]))
    return Point(interval, segmented, float(np.mean([outcome.mean_iou for outcome in outcomes])))


def at_same_cost(points: Iterable[Point], segmented: float) -> float:
    """Mean IoU that schedules would have with so many segmented frames.

    Args:
        points: of the schedules; between them it runs straight over the logarithm of the frames.
        segmented: frames, 1 or more.

    Returns:
        0-1; NaN beyond the points.
    """
    ordered = sorted((point.segmented, point.mean_iou) for point in points)
    costs, ious = np.array(ordered).T
    here = np.interp(np.log(segmented), np.log(costs), ious, left=np.nan, right=np.nan)
    return float(here)


def adaptive_point(target: float, outcome: Outcome, fixed: Iterable[Point]) -> AdaptivePoint:
    """Sum up the run of an adaptive schedule, and compare it with fixed intervals."""
    warped = outcome.key_distance > 0
    asked = warped & np.isfinite(outcome.predicted_confidence + outcome.measured_confidence)
    predicted, measured = outcome.predicted_confidence[asked], outcome.measured_confidence[asked]
    agreements = outcome.measured_agreement[warped]
    return AdaptivePoint(
        target,
        outcome.segmented,
        outcome.mean_iou,
        at_same_cost(fixed, outcome.segmented),
        _mean(agreements[np.isfinite(agreements)]),
        _mean(predicted),
        _mean(measured),
        _mean(np.abs(predicted - measured)),
        _rank_correlation(predicted, measured),
    )


def _mean(values: Float64Array) -> float:
    return float(values.mean()) if values.size else math.nan


def _rank_correlation(first: Float64Array, second: Float64Array) -> float:
    if min(len(np.unique(first)), len(np.unique(second))) < 2:  # then there are no ranks
        return math.nan
    return float(spearmanr(first, second).statistic)


def evaluate_order(
    evaluator: ScheduleEvaluator,
    frame_order: FrameOrder,
    make_schedule: ScheduleMaker,
    targets: Sequence[float] = TARGETS,
    intervals: Sequence[int] = INTERVALS,
) -> FrameOrderResult:
    """Run the adaptive schedule, fixed intervals and the oracle over a frame order.

    Args:
        evaluator: of the video.
        frame_order: of the same.
        make_schedule: makes the adaptive schedule of a target.
        targets: 0-100, for the adaptive schedule and the oracle.
        intervals: frames from one key frame to the next.
    """
    fixed = [fixed_point(evaluator, frame_order, interval) for interval in intervals]
    adaptive = [
        adaptive_point(target, evaluator.run(frame_order, make_schedule(target)), fixed)
        for target in targets
    ]
    segmented = evaluator.segmented_frames(frame_order)

    def oracle_of(target: float) -> Oracle:
        return Oracle(segmented, target, evaluator.propagate, evaluator.flicker)

    oracle = []
    for target in targets:
        outcome = evaluator.run(frame_order, oracle_of(target))
        oracle.append(Point(target, outcome.segmented, outcome.mean_iou))
    return FrameOrderResult(frame_order.name, len(frame_order.order), adaptive, fixed, oracle)


def by_key_distance(outcome: Outcome) -> list[DistanceRow]:
    """Sum up a run by distance from the key frame."""
    rows = []
    for distance in np.unique(outcome.key_distance):
        counts = outcome.counts[outcome.key_distance == distance]
        confusion = confusion_of(counts)
        own = [confusion_of(each[np.newaxis]).mean_iou() for each in counts]
        worst = min((iou for iou in own if math.isfinite(iou)), default=math.nan)
        classes = confusion.class_iou().tolist()
        rows.append(DistanceRow(int(distance), len(counts), confusion.mean_iou(), worst, classes))
    return rows


def evaluate_schedule(
    evaluator: ScheduleEvaluator,
    frames: int,
    make_schedule: ScheduleMaker,
    targets: Sequence[float],
    one_target: float,
) -> ScheduleEvaluation:
    """Evaluate an adaptive schedule on all frame orders.

    Args:
        evaluator: of the video.
        frames: how many the video has.
        make_schedule: makes the schedule of a target.
        targets: 0-100, for the frame orders.
        one_target: 0-100, for what is measured at one target alone.
    """
    video = even(frames)
    frame_orders = [
        evaluate_order(evaluator, each, make_schedule, targets) for each in all_frame_orders(frames)
    ]
    schedules = {
        "target 100": make_schedule(100),
        f"target {one_target:g}": make_schedule(one_target),
        f"every {STEADY_INTERVAL}th": FixedInterval(STEADY_INTERVAL),
    }
    return ScheduleEvaluation(
        frame_orders,
        by_key_distance(evaluator.run(video, make_schedule(one_target))),
        {
            name: evaluator.temporal_consistency(video, schedule)
            for name, schedule in schedules.items()
        },
    )


def count_runs(targets: int) -> int:
    """How many runs :func:`evaluate_schedule` takes for so many targets."""
    fixed = sum(len(phases(interval)) for interval in INTERVALS)
    return 3 * (2 * targets + fixed) + 4
