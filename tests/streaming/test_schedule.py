"""When to segment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.errors import BadInputError
from vssn.flow.dis import DISFlow
from vssn.streaming.confidence import MotionConfidence, NetworkConfidence
from vssn.streaming.schedule import (
    EXPLORE_EVERY,
    MOST_SEGMENTED,
    DynamicSchedule,
    FixedInterval,
    TargetSchedule,
)

if TYPE_CHECKING:
    from conftest import FakeComparison, FakeDecision, FakeFlow


@pytest.fixture
def comparison(fake_flow: FakeFlow) -> FakeComparison:
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    return fake_flow.compare(view, view)


@pytest.mark.parametrize(
    ("confidence", "segment"), [(79.9, True), (80.0, False), (100.0, False), (-3.0, True)]
)
def test_a_confidence_below_the_target_segments(
    fake_decision: FakeDecision, comparison: FakeComparison, confidence: float, segment: bool
) -> None:
    fake_decision.answers = [confidence]
    decision = TargetSchedule(NetworkConfidence(fake_decision), 80).decide(comparison, 1)
    assert (decision.segment, decision.predicted_confidence) == (segment, confidence)


@pytest.mark.parametrize("target", [100, 250, math.inf])
def test_at_100_no_frame_is_compared(fake_decision: FakeDecision, target: float) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), target)
    assert not any(schedule.compares_next(0) for _ in range(50))


@pytest.mark.parametrize("target", [0, -5])
def test_at_0_every_frame_is_warped_without_a_network(
    fake_decision: FakeDecision, fake_flow: FakeFlow, comparison: FakeComparison, target: float
) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), target)
    for key_distance in range(50):
        assert schedule.compares_next(key_distance)
        decision = schedule.decide(comparison, key_distance + 1)
        assert (decision.segment, decision.predicted_confidence) == (False, None)
    assert fake_decision.calls == fake_flow.encodings == 0


def compared(schedule: TargetSchedule, comparison: FakeComparison, frames: int) -> list[bool]:
    """Whether each of the frames after a first key frame was compared."""
    looked, key_distance = [], 0
    for _ in range(frames):
        looked.append(schedule.compares_next(key_distance))
        segment = not looked[-1] or schedule.decide(comparison, key_distance + 1).segment
        key_distance = 0 if segment else key_distance + 1
    return looked


def test_where_all_compared_frames_are_segmented_ever_longer_runs_are_not_compared(
    fake_decision: FakeDecision, comparison: FakeComparison
) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), 95)  # the network predicts 90
    expected = [True] * MOST_SEGMENTED
    for pause in (16, 32, 64, 128, 256, 256):
        expected += [False] * pause + [True]
    assert compared(schedule, comparison, len(expected)) == expected
    schedule.reset()
    assert compared(schedule, comparison, len(expected)) == expected


def test_where_frames_are_warped_all_frames_are_compared(
    fake_decision: FakeDecision, comparison: FakeComparison
) -> None:
    fake_decision.answers = [96.0, 90.0, 90.0, 96.0] * 25  # half of any eight frames
    schedule = TargetSchedule(NetworkConfidence(fake_decision), 95)
    assert all(compared(schedule, comparison, 100))


def test_every_sixteenth_neighbour_of_a_key_frame_is_segmented_to_learn_from(
    comparison: FakeComparison,
) -> None:
    schedule = TargetSchedule(MotionConfidence(), 80)  # nothing moves, so confidence is 100
    segmented = [schedule.decide(comparison, 1).segment for _ in range(3 * EXPLORE_EVERY)]
    assert [k for k, segment in enumerate(segmented, 1) if segment] == [16, 32, 48]
    assert not any(schedule.decide(comparison, 2).segment for _ in range(3 * EXPLORE_EVERY))


def test_an_estimator_that_learns_nothing_is_shown_no_neighbours(
    fake_decision: FakeDecision, comparison: FakeComparison
) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), 80)
    assert not any(schedule.decide(comparison, 1).segment for _ in range(3 * EXPLORE_EVERY))


def test_a_target_that_is_no_number_is_refused(fake_decision: FakeDecision) -> None:
    with pytest.raises(BadInputError, match="target=nan: expected a number from 0 to 100"):
        TargetSchedule(NetworkConfidence(fake_decision), math.nan)


def test_a_decision_network_refuses_a_flow_without_its_feature(fake_decision: FakeDecision) -> None:
    dis = DISFlow()
    view = dis.prepare(np.zeros((48, 64, 3), np.uint8))
    network = NetworkConfidence(fake_decision)
    for schedule in (TargetSchedule(network, 80), DynamicSchedule(network, 80)):
        with pytest.raises(BadInputError, match="with DISComparison: expected FlowNetS"):
            schedule.decide(dis.compare(view, view), 1)
    assert fake_decision.calls == 0


def test_a_fixed_interval_looks_at_the_distance_alone(
    fake_flow: FakeFlow, comparison: FakeComparison
) -> None:
    schedule = FixedInterval(3)
    assert [schedule.decide(comparison, k).segment for k in (1, 2, 3, 4)] == [
        *(False, False, True, True)
    ]
    assert fake_flow.encodings == 0


@pytest.mark.parametrize("interval", [0, -1])
def test_an_interval_below_one_is_refused(interval: int) -> None:
    with pytest.raises(BadInputError, match=f"interval {interval}"):
        FixedInterval(interval)
