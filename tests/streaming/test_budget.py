"""A pace is kept, and spent where confidence is lowest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playing import Falling, play

from vssn.errors import BadInputError
from vssn.streaming.budget import BudgetSchedule, budget_ms

if TYPE_CHECKING:
    from fake_networks import FakeComparison, FakeFlow


@pytest.fixture
def comparison(fake_flow: FakeFlow) -> FakeComparison:
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    return fake_flow.compare(view, view)


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
