"""When frames are segmented."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.errors import BadInputError
from vssn.flow.dis import DISFlow
from vssn.streaming.confidence import ConfidenceEstimator, NetworkConfidence
from vssn.streaming.schedule import (
    EXPLORE_EVERY,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    BudgetSchedule,
    Decision,
    DynamicSchedule,
    FixedInterval,
    Schedule,
    TargetSchedule,
    budget_ms,
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


class Falling(ConfidenceEstimator):
    """Confidence that falls by so many points a frame, and counts what it is told."""

    def __init__(self, by: float, learns: bool = True) -> None:
        self.by, self.learns = by, learns
        self.asked = self.resets = 0

    def predict(self, comparison: object, key_distance: int) -> float:
        self.asked += 1
        return 100 - self.by * key_distance

    def reset(self) -> None:
        self.resets += 1


def play(
    schedule: Schedule,
    comparison: FakeComparison,
    frames: int,
    times: tuple[float, float] | None = None,
    before: Callable[[int], None] = lambda number: None,
) -> tuple[list[int], list[bool]]:
    """Numbers of the segmented frames, and which frames were compared, as a segmenter asks.

    Args:
        schedule: asked.
        comparison: shown each time.
        frames: how many there are.
        times: seconds that a segmented and a warped frame take, all told; None for not telling.
        before: called with the number of each frame after the first.
    """
    keys, compared = [0], [False]
    for number in range(frames):
        if number:
            before(number)
            segment = True
            if compared[number]:
                segment = schedule.decide(comparison, number - keys[-1]).segment
            keys += [number] if segment else []
        if times:
            path = FramePath.SEGMENT if keys[-1] == number else FramePath.WARP
            schedule.spent(times[path is FramePath.WARP], path)
        compared.append(schedule.compares_next(number - keys[-1]))
    return keys, compared[:frames]


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


SEGMENTED_S, WARPED_S = 0.060, 0.010


@pytest.mark.parametrize("budget", [20.0, 30.0, 40.0, 50.0])
@pytest.mark.parametrize("fall", [0.5, 3.0, 20.0])
def test_a_budget_is_kept_whatever_the_scene(
    comparison: FakeComparison, budget: float, fall: float
) -> None:
    schedule = BudgetSchedule(Falling(fall), budget)
    keys, _ = play(schedule, comparison, 600, (SEGMENTED_S, WARPED_S))
    late = [key for key in keys if key >= 100]
    spent = (len(late) * SEGMENTED_S + (500 - len(late)) * WARPED_S) / 500
    assert spent * 1000 == pytest.approx(budget, rel=0.06)
    assert 0 < schedule.target < 100


def test_a_budget_is_spent_where_confidence_is_lowest(comparison: FakeComparison) -> None:
    estimator = Falling(1)

    def busy(number: int) -> None:
        estimator.by = 6 if number % 40 < 20 else 1

    keys, _ = play(BudgetSchedule(estimator, 22.0), comparison, 800, (SEGMENTED_S, WARPED_S), busy)
    late = [key for key in keys if key >= 200]
    assert np.mean([key % 40 < 20 for key in late]) > 0.6


def test_a_tighter_budget_amounts_to_a_lower_target(comparison: FakeComparison) -> None:
    targets = []
    for budget in (15.0, 25.0, 45.0):
        schedule = BudgetSchedule(Falling(3), budget)
        play(schedule, comparison, 400, (SEGMENTED_S, WARPED_S))
        targets.append(schedule.target)
    assert targets == sorted(targets)


def test_a_budget_for_every_frame_compares_nothing(comparison: FakeComparison) -> None:
    schedule = BudgetSchedule(Falling(3), 80.0)
    keys, compared = play(schedule, comparison, 50, (SEGMENTED_S, WARPED_S))
    assert keys == list(range(50))
    assert not any(compared)
    assert schedule.target == 100


def test_a_budget_too_small_for_warping_warps_all_it_can(comparison: FakeComparison) -> None:
    keys, _ = play(BudgetSchedule(Falling(3), 5.0), comparison, 200, (SEGMENTED_S, WARPED_S))
    assert keys == [0]


def test_what_comes_on_top_of_each_frame_counts(comparison: FakeComparison) -> None:
    class WithLabels(BudgetSchedule):
        def compares_next(self, key_distance: int) -> bool:
            self.spent(0.010, None)
            return super().compares_next(key_distance)

    few, _ = play(WithLabels(Falling(3), 30.0), comparison, 400, (SEGMENTED_S, WARPED_S))
    more, _ = play(BudgetSchedule(Falling(3), 30.0), comparison, 400, (SEGMENTED_S, WARPED_S))
    assert len(few) == pytest.approx(len(more) / 2, rel=0.15)


@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf])
def test_budgets_and_paces_that_can_not_be_are_refused(bad: float) -> None:
    with pytest.raises(BadInputError, match="budget_ms="):
        BudgetSchedule(Falling(1), bad)
    with pytest.raises(BadInputError, match="fps="):
        budget_ms(bad)


def test_a_pace_is_a_budget() -> None:
    assert budget_ms(25) == 40


def test_schedules_are_made_by_name(
    fake_decision: FakeDecision, comparison: FakeComparison
) -> None:
    estimator = Falling(8)

    def keys_of(text: str) -> list[int]:
        return play(parse_schedule(text)(estimator, 90), comparison, 8)[0]

    assert keys_of("confidence") == [0, 2, 4, 6]
    assert keys_of(" Fixed:3 ") == [0, 3, 6]
    assert keys_of("always") == list(range(8))
    assert isinstance(parse_schedule("dynamic")(estimator, 90), DynamicSchedule)
    by_network = parse_schedule("decision")(NetworkConfidence(fake_decision), 90)
    assert isinstance(by_network, TargetSchedule)
    with pytest.raises(BadInputError, match=r"schedule='decision': expected FlowNetS"):
        parse_schedule("decision")(estimator, 90)


@pytest.mark.parametrize("text", ["", "fixed", "fixed:", "fixed:0", "fixed:x", "always:3", "never"])
def test_other_names_of_schedules_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match=r"(schedule|interval)"):
        parse_schedule(text)(Falling(1), 90)
