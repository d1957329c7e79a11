"""Schedules by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from playing import Falling, play

from vssn.errors import BadInputError
from vssn.streaming.confidence import NetworkConfidence
from vssn.streaming.schedule import DynamicSchedule, TargetSchedule
from vssn.streaming.schedule_names import parse_schedule

if TYPE_CHECKING:
    from fake_networks import FakeComparison, FakeDecision, FakeFlow


@pytest.fixture
def comparison(fake_flow: FakeFlow) -> FakeComparison:
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    return fake_flow.compare(view, view)


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
