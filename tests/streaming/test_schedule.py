"""When frames are segmented."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playing import Falling, play

from vssn.errors import BadInputError
from vssn.flow.dis import DISFlow
from vssn.streaming.confidence import NetworkConfidence
from vssn.streaming.schedule import (
    EXPLORE_EVERY,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    Decision,
    DynamicSchedule,
    FixedInterval,
    TargetSchedule,
)

if TYPE_CHECKING:
    from fake_networks import FakeComparison, FakeDecision, FakeFlow


@pytest.fixture
def comparison(fake_flow: FakeFlow) -> FakeComparison:
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    return fake_flow.compare(view, view)


@pytest.mark.parametrize(
    ("score", "segment"), [(79.9, True), (80.0, False), (100.0, False), (-3.0, True)]
)
def test_a_score_below_the_target_segments(
    fake_decision: FakeDecision, comparison: FakeComparison, score: float, segment: bool
) -> None:
    fake_decision.answers = [score]
    decision = TargetSchedule(NetworkConfidence(fake_decision), 80).decide(comparison, 1)
    assert (decision.segment, decision.predicted_confidence) == (segment, score)


@pytest.mark.parametrize("target", [100, 250, math.inf])
def test_at_100_nothing_is_compared(
    fake_decision: FakeDecision, fake_flow: FakeFlow, target: float
) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), target)
    assert not any(schedule.compares_next(k) for k in (0, 0, 0, 0))
    assert fake_decision.calls == fake_flow.encodings == 0


@pytest.mark.parametrize("target", [0, -5])
def test_at_0_no_frame_is_segmented_and_no_network_asked(
    fake_decision: FakeDecision, fake_flow: FakeFlow, comparison: FakeComparison, target: float
) -> None:
    schedule = TargetSchedule(NetworkConfidence(fake_decision), target)
    for k in range(1, 40):
        assert schedule.compares_next(k - 1)
        assert schedule.decide(comparison, k) == Decision(False, None)
    assert fake_decision.calls == fake_flow.encodings == 0


def test_a_target_that_is_no_number_is_refused(fake_decision: FakeDecision) -> None:
    with pytest.raises(BadInputError, match="target=nan: expected a number"):
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


def test_where_every_frame_is_segmented_comparing_stops_and_is_tried_again_ever_more_rarely(
    comparison: FakeComparison,
) -> None:
    schedule = TargetSchedule(Falling(50), 90)
    keys, compared = play(schedule, comparison, 3000)
    assert keys == list(range(3000))
    seen = [number for number, was in enumerate(compared) if was]
    assert len([number for number in seen if number < 100]) <= 9
    assert len([number for number in seen if number >= 100]) <= 20
    pauses = [pause for pause in np.diff(seen) - 1 if pause]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (SHORTEST_PAUSE, LONGEST_PAUSE)


def test_comparing_goes_on_where_it_pays_again(comparison: FakeComparison) -> None:
    estimator = Falling(50)

    def calm(number: int) -> None:
        estimator.by = 50 if number < 100 else 1

    _, compared = play(TargetSchedule(estimator, 90), comparison, 400, before=calm)
    assert np.mean(compared[:100]) < 0.15
    assert np.mean(compared[250:]) > 0.95


def test_a_schedule_that_warps_most_frames_always_compares(comparison: FakeComparison) -> None:
    _, compared = play(TargetSchedule(Falling(4), 90), comparison, 300)
    assert all(compared[1:])


@pytest.mark.parametrize("learns", [True, False])
def test_neighbours_of_key_frames_are_explored_where_the_estimator_learns(
    comparison: FakeComparison, learns: bool
) -> None:
    keys, _ = play(TargetSchedule(Falling(4, learns), 90), comparison, 300)
    neighbours = sum(after == key + 1 for key, after in itertools.pairwise(keys))
    assert neighbours == (len(keys) // EXPLORE_EVERY if learns else 0)


def test_reset_brings_the_moved_target_back_and_resets_the_estimator(
    comparison: FakeComparison,
) -> None:
    estimator = Falling(1)
    schedule = DynamicSchedule(estimator, 98.95, fall=0.0, rise=5.0)
    assert not schedule.decide(comparison, 1).segment
    assert schedule.decide(comparison, 1).segment  # 103.95 by now
    schedule.reset()
    assert estimator.resets == 1
    assert not schedule.decide(comparison, 1).segment


def test_a_fixed_interval_compares_no_frame_that_it_segments() -> None:
    assert [FixedInterval(3).compares_next(k) for k in (0, 1, 2)] == [True, True, False]
    assert not FixedInterval(1).compares_next(0)
