"""When to segment."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.errors import BadInputError
from vssn.flow.dis import DISFlow
from vssn.streaming.confidence import NetworkConfidence
from vssn.streaming.schedule import DynamicSchedule, FixedInterval, TargetSchedule

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


@pytest.mark.parametrize(
    ("target", "segment"), [(100, True), (250, True), (math.inf, True), (0, False), (-5, False)]
)
def test_the_ends_of_the_scale_need_no_network(
    fake_decision: FakeDecision,
    fake_flow: FakeFlow,
    comparison: FakeComparison,
    target: float,
    segment: bool,
) -> None:
    decision = TargetSchedule(NetworkConfidence(fake_decision), target).decide(comparison, 1)
    assert (decision.segment, decision.predicted_confidence) == (segment, None)
    assert fake_decision.calls == fake_flow.encodings == 0


def test_a_target_that_is_no_number_is_refused(fake_decision: FakeDecision) -> None:
    with pytest.raises(BadInputError, match="target 'nan': expected a number"):
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
