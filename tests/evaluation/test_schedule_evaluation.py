"""Evaluating schedules: runs measured frame by frame, and the figures made of them."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.evaluation.baselines import Oracle, measured_agreement
from vssn.evaluation.frame_orders import FrameOrder, even
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.results import Point
from vssn.evaluation.schedule_evaluation import (
    INTERVALS,
    adaptive_point,
    at_same_cost,
    by_key_distance,
    count_runs,
    evaluate_order,
    evaluate_schedule,
    fixed_point,
)
from vssn.evaluation.schedule_runs import Outcome, ScheduleEvaluator
from vssn.runtime.load import Networks
from vssn.streaming.schedule import FixedInterval, Schedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import Propagate, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

ROAD, CAR = 3, 8
FRAMES = 12
DRIVE = [12 + 3 * number for number in range(FRAMES)]
Ran = list[None]


@pytest.fixture
def labels() -> list[UInt8Array]:
    """A car that moves 3 px each frame."""
    truth = []
    for left in DRIVE:
        label = np.full((48, 64), ROAD, np.uint8)
        label[10:30, left : left + 14] = CAR
        truth.append(label)
    return truth


@pytest.fixture
def frames(labels: list[UInt8Array], paint: Callable[[np.ndarray], UInt8Array]) -> list[UInt8Array]:
    return [paint(label) for label in labels]


@pytest.fixture
def ran() -> Ran:
    return []


@pytest.fixture
def evaluator(
    frames: list[UInt8Array], labels: list[UInt8Array], fake_networks: Networks, ran: Ran
) -> ScheduleEvaluator:
    return ScheduleEvaluator(
        frames, labels, fake_networks, Propagate.CHAIN, lambda: ran.append(None)
    )


@pytest.mark.parametrize("propagate", Propagate)
def test_runs_are_measured_as_segmenters_make_them(
    propagate: Propagate,
    frames: list[UInt8Array],
    labels: list[UInt8Array],
    fake_networks: Networks,
    fake_flow: FakeFlow,
) -> None:
    fake_flow.flow_cells = (-1, 0)  # so that a longer way to the same frame has another end
    evaluator = ScheduleEvaluator(frames, labels, fake_networks, propagate)
    # One evaluator for all: what was measured before must not get into other runs.
    orders = [tuple(range(FRAMES)), (0, 2, 4, 4, 4, 7, 0, 1, 2, 4, 6), (0, 4, 3, 3, 4, 6)]
    for order, interval in itertools.product(orders, (2, 4, 3, 4)):
        outcome = evaluator.run(FrameOrder("made", order), FixedInterval(interval))
        segmenter = AdaptiveSegmenter(
            fake_networks.segmentation, fake_flow, FixedInterval(interval), propagate=propagate
        )
        total = ConfusionMatrix()
        for position, number in enumerate(order):
            result = segmenter.step(frames[number])
            own = ConfusionMatrix()
            own.add(labels[number], result.labels)
            total.add(labels[number], result.labels)
            assert outcome.counts[position].tolist() == own.counts.tolist()
            assert outcome.key_distance[position] == result.key_distance == position % interval
        assert outcome.mean_iou == total.mean_iou() < 1
        assert outcome.segmented == math.ceil(len(order) / interval)


def test_agreement_is_of_the_propagated_with_the_segmented(
    evaluator: ScheduleEvaluator, frames: list[UInt8Array], fake_segmentation: FakeSegmentation
) -> None:
    outcome = evaluator.run(even(FRAMES), FixedInterval(5))
    segmented = [fake_segmentation.probabilities(frame) for frame in frames]
    true = [
        measured_agreement(segmented[number - number % 5], own)
        for number, own in enumerate(segmented)
    ]
    np.testing.assert_allclose(outcome.measured_agreement, true)
    assert outcome.measured_agreement[[0, 5, 10]].tolist() == [100] * 3
    assert np.isnan(outcome.predicted_confidence).all()


def test_an_oracle_predicts_the_measured_confidence(evaluator: ScheduleEvaluator) -> None:
    segmented = evaluator.segmented_frames(even(FRAMES))
    oracle = Oracle(segmented, 85, Propagate.CHAIN, evaluator.flicker)
    outcome = evaluator.run(even(FRAMES), oracle)
    warped = outcome.key_distance > 0
    assert 0 < np.count_nonzero(warped) < FRAMES - 1
    assert outcome.measured_confidence[warped].min() >= 85
    assert (outcome.predicted_confidence[~warped][1:] < 85).all()
    assert (outcome.measured_confidence[~warped] == 100).all()


def test_flicker_is_what_is_lost_without_motion(
    frames: list[UInt8Array], labels: list[UInt8Array], fake_networks: Networks, fake_flow: FakeFlow
) -> None:
    # The flow sees no motion, so that there is no growth to tell flicker from.
    evaluator = ScheduleEvaluator(frames, labels, fake_networks, Propagate.CHAIN)
    assert evaluator.flicker == 0
    fake_flow.flow_cells = (-1.5, 0)  # right: nothing is lost but on the edges of the car
    evaluator = ScheduleEvaluator(frames, labels, fake_networks, Propagate.CHAIN)
    assert 0 <= evaluator.flicker < 10


def test_each_frame_is_segmented_once_and_each_run_told(
    evaluator: ScheduleEvaluator, fake_segmentation: FakeSegmentation, ran: Ran
) -> None:
    evaluation = evaluate_schedule(evaluator, FRAMES, lambda target: FixedInterval(3), [90, 60], 80)
    assert fake_segmentation.calls == FRAMES
    assert len(ran) == count_runs(2)
    assert [result.name for result in evaluation.frame_orders] == ["even", "stop-and-go", "cuts"]


def test_temporal_consistency_is_of_the_labels_alone(evaluator: ScheduleEvaluator) -> None:
    still, played = FrameOrder("held", (0,) * 6), even(FRAMES)
    assert evaluator.temporal_consistency(still, FixedInterval(1)) == 100
    # The car's front and back, 3 px each, on 20 of 48 rows of 64 px.
    every = evaluator.temporal_consistency(played, FixedInterval(1))
    assert every == pytest.approx(100 * (1 - 2 * 3 * 20 / (48 * 64)), abs=0.5)
    assert evaluator.temporal_consistency(played, FixedInterval(99)) == 100
    assert every < evaluator.temporal_consistency(played, FixedInterval(3)) < 100
    assert math.isnan(evaluator.temporal_consistency(even(1), FixedInterval(1)))


def test_a_fixed_interval_is_a_mean_over_its_phases(evaluator: ScheduleEvaluator) -> None:
    point = fixed_point(evaluator, even(FRAMES), 10)
    # Segmented: 0 and 10; 0 and 7; 0 and 4.
    assert (point.setting, point.segmented) == (10, 2)
    assert fixed_point(evaluator, even(FRAMES), 2).segmented == (6 + 7) / 2
    first = evaluator.run(even(FRAMES), FixedInterval(10)).mean_iou
    assert point.mean_iou != first
    assert (
        fixed_point(evaluator, even(FRAMES), 1).mean_iou
        == evaluator.run(even(FRAMES), FixedInterval(1)).mean_iou
    )


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point(0, segmented, iou) for segmented, iou in pairs]


def test_costs_are_compared_on_a_logarithmic_scale() -> None:
    fixed = points((100, 0.8), (4, 0.6), (25, 0.7))
    assert at_same_cost(fixed, 25) == pytest.approx(0.7)
    assert at_same_cost(fixed, 10) == pytest.approx(0.6 + 0.1 / 2)
    assert at_same_cost(fixed, 50) == pytest.approx(0.75)
    assert at_same_cost(fixed, 100) == pytest.approx(0.8)
    assert math.isnan(at_same_cost(fixed, 3))
    assert math.isnan(at_same_cost(fixed, 101))


def made_outcome(
    distances: Sequence[int],
    predicted: Sequence[float],
    measured: Sequence[float],
    agreements: Sequence[float] | None = None,
) -> Outcome:
    """Frames whose ROAD is found, or taken for CAR the further they are from their key frame."""
    counts = np.zeros((len(distances), 11, 11), np.int64)
    counts[:, ROAD, ROAD] = 100 - 10 * np.array(distances)
    counts[:, ROAD, CAR] = 10 * np.array(distances)
    counts[:, CAR, CAR] = 100
    return Outcome(
        np.array(distances),
        np.array(predicted),
        np.array(agreements or measured),
        np.array(measured),
        counts,
    )


def test_confidence_is_evaluated_on_warped_frames_alone() -> None:
    nan = math.nan
    outcome = made_outcome(
        [0, 1, 2, 3, 0, 1],
        [nan, 90.0, 85.0, 70.0, 20.0, 95.0],
        [100.0, 88.0, 80.0, 81.0, 100.0, 99.0],
        [100.0, 70.0, nan, 60.0, 100.0, 80.0],
    )
    point = adaptive_point(80, outcome, points((1, 0.5), (4, 0.7)))
    assert (point.setting, point.segmented) == (80, 2)
    assert point.mean_iou == outcome.mean_iou
    assert point.fixed_mean_iou == pytest.approx(0.6)
    assert point.measured_agreement == pytest.approx((70 + 60 + 80) / 3)
    assert point.predicted_confidence == pytest.approx((90 + 85 + 70 + 95) / 4)
    assert point.measured_confidence == pytest.approx((88 + 80 + 81 + 99) / 4)
    assert point.confidence_error == pytest.approx((2 + 5 + 11 + 4) / 4)
    # Ranks 3 2 1 4 against 3 1 2 4: 1 - 6 * (0 + 1 + 1 + 0) / (4 * 15).
    assert point.rank_correlation == pytest.approx(0.8)


@pytest.mark.parametrize("distances", [[0], [0, 0], [0, 1], [0, 1, 2]])
def test_where_there_is_nothing_to_evaluate_there_are_no_figures(distances: list[int]) -> None:
    outcome = made_outcome(distances, [math.nan] * len(distances), [100.0] * len(distances))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        point = adaptive_point(0, outcome, points((4, 0.7)))
    assert math.isnan(point.confidence_error)
    assert math.isnan(point.rank_correlation)
    assert math.isnan(point.fixed_mean_iou)
    assert math.isnan(point.measured_agreement) == (max(distances) == 0)


def test_distances_have_their_mean_and_their_worst_frame() -> None:
    outcome = made_outcome([0, 1, 0, 1, 2], [80.0] * 5, [90.0] * 5)
    outcome.counts[1] = 0
    outcome.counts[1, ROAD, [ROAD, CAR]] = [50, 50]
    rows = by_key_distance(outcome)
    assert [(row.key_distance, row.frames) for row in rows] == [(0, 2), (1, 2), (2, 1)]
    assert rows[0].mean_iou == rows[0].worst_iou == 1
    road, car = 140 / 200, 100 / 160  # frames 1 and 3 together
    assert rows[1].mean_iou == pytest.approx((road + car) / 2)
    assert rows[1].class_iou[ROAD] == pytest.approx(road)
    assert rows[1].class_iou[CAR] == pytest.approx(car)
    assert math.isnan(rows[1].class_iou[0])
    assert rows[1].worst_iou == pytest.approx((50 / 100 + 0) / 2)
    assert rows[2].mean_iou == rows[2].worst_iou == pytest.approx((80 / 100 + 100 / 120) / 2)


def test_a_frame_that_is_all_void_is_not_the_worst() -> None:
    outcome = made_outcome([0, 0], [80.0] * 2, [90.0] * 2)
    outcome.counts[1] = 0
    assert by_key_distance(outcome)[0].worst_iou == 1
    outcome.counts[0] = 0
    assert math.isnan(by_key_distance(outcome)[0].worst_iou)


def test_a_frame_order_has_every_target_and_interval(evaluator: ScheduleEvaluator) -> None:
    asked: list[float] = []

    def make(target: float) -> Schedule:
        asked.append(target)
        return FixedInterval(2 if target > 70 else 4)

    result = evaluate_order(evaluator, even(FRAMES), make, [90, 60])
    assert asked == [90, 60]
    assert (result.name, result.frames) == ("even", FRAMES)
    assert [point.setting for point in result.fixed] == list(INTERVALS)
    assert [(point.setting, point.segmented) for point in result.adaptive] == [(90, 6), (60, 3)]
    for index, (oracle, target) in enumerate(zip(result.oracle, (90, 60), strict=True)):
        segmented = evaluator.segmented_frames(even(FRAMES))
        oracle_of = Oracle(segmented, target, Propagate.CHAIN, evaluator.flicker)
        outcome = evaluator.run(even(FRAMES), oracle_of)
        assert (oracle.setting, oracle.segmented) == (target, outcome.segmented)
        assert oracle.mean_iou == outcome.mean_iou
        expected = at_same_cost(result.fixed, result.adaptive[index].segmented)
        assert result.adaptive[index].fixed_mean_iou == expected
