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
    BudgetSchedule,
    DynamicSchedule,
    FixedInterval,
    TargetSchedule,
    parse_schedule,
)
from vssn.types import FramePath

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


SECONDS = {FramePath.SEGMENT: 0.05, FramePath.WARP: 0.01}


def played(schedule: BudgetSchedule, comparison: FakeComparison, frames: int) -> list[FramePath]:
    """The paths of a stream's frames, whose times are those of ``SECONDS``."""
    paths, key_distance, compares = [], 0, False
    for _ in range(frames):
        segment = not compares or schedule.decide(comparison, key_distance + 1).segment
        key_distance = 0 if segment else key_distance + 1
        compares = schedule.compares_next(key_distance)
        paths.append(FramePath.SEGMENT if segment else FramePath.WARP)
        schedule.spent(SECONDS[paths[-1]], paths[-1])
    return paths


@pytest.mark.parametrize(("budget_ms", "share"), [(20, 1 / 4), (30, 1 / 2), (10, 0)])
def test_a_budget_decides_the_share_of_segmented_frames(
    fake_decision: FakeDecision, comparison: FakeComparison, budget_ms: float, share: float
) -> None:
    fake_decision.answers = np.random.default_rng(0).uniform(70, 100, 2000).tolist()
    schedule = BudgetSchedule(NetworkConfidence(fake_decision), budget_ms)
    paths = played(schedule, comparison, 2000)
    # (budget - 10 ms) / (50 ms - 10 ms), as every frame takes 10 ms at least.
    assert paths.count(FramePath.SEGMENT) / 2000 == pytest.approx(share, abs=0.02)


def test_a_budget_for_every_frame_segments_every_frame(
    fake_decision: FakeDecision, comparison: FakeComparison
) -> None:
    schedule = BudgetSchedule(NetworkConfidence(fake_decision), 50)
    assert set(played(schedule, comparison, 50)) == {FramePath.SEGMENT}
    assert schedule.target == 100
    assert fake_decision.calls == 0


@pytest.mark.parametrize("budget", [0, -1, math.inf, math.nan])
def test_a_budget_that_is_no_time_is_refused(fake_decision: FakeDecision, budget: float) -> None:
    with pytest.raises(BadInputError, match=f"budget_ms={budget}: expected milliseconds above 0"):
        BudgetSchedule(NetworkConfidence(fake_decision), budget)


def test_schedules_are_made_by_name(fake_decision: FakeDecision) -> None:
    network, motion = NetworkConfidence(fake_decision), MotionConfidence()
    assert isinstance(parse_schedule("confidence")(motion, 80), TargetSchedule)
    assert isinstance(parse_schedule(" Decision")(network, 80), TargetSchedule)
    assert isinstance(parse_schedule("dynamic")(motion, 80), DynamicSchedule)
    with pytest.raises(BadInputError, match="schedule='decision': expected FlowNetS"):
        parse_schedule("decision")(motion, 80)


@pytest.mark.parametrize(("name", "interval"), [("fixed:3", 3), ("always", 1)])
def test_fixed_schedules_are_made_by_name(
    name: str, interval: int, comparison: FakeComparison
) -> None:
    schedule = parse_schedule(name)(MotionConfidence(), 80)
    assert [schedule.decide(comparison, k).segment for k in (1, 2, 3)] == [
        k >= interval for k in (1, 2, 3)
    ]
    assert [schedule.compares_next(k) for k in (0, 1, 2)] == [k + 1 < interval for k in (0, 1, 2)]


@pytest.mark.parametrize("name", ["", "fixed", "fixed:", "fixed:x", "fixed:²", "always:2", "other"])
def test_a_schedule_that_there_is_not_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="expected confidence, decision, dynamic, always"):
        parse_schedule(name)
