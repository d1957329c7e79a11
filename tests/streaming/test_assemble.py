"""What the user leaves open of flow and propagation, and the schedule that follows from it."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.checkpoints.confidence_fit import ConfidenceFit, ConfidenceMap
from vssn.errors import BadInputError
from vssn.streaming.assemble import Plan, build_estimator, build_segmenter
from vssn.streaming.schedule import DynamicSchedule, TargetSchedule
from vssn.streaming.segmenter import Segmenter
from vssn.types import (
    DVSNET_PROPAGATION,
    FlowMethod,
    FramePath,
    Propagate,
    Propagation,
)

if TYPE_CHECKING:
    from fake_networks import FakeDecision, FakeFlow

    from vssn.runtime.load import Networks

DIS, FLOWNETS = FlowMethod.DIS, FlowMethod.FLOWNETS
CHAIN, KEY = Propagate.CHAIN, Propagate.KEY
ALL = [Propagation(*both) for both in itertools.product(FlowMethod, Propagate)]


def _segmenter(networks: Networks, propagation: Propagation, target: float) -> Segmenter:
    plan = Plan(propagation, lambda estimator: TargetSchedule(estimator, target))
    return build_segmenter(networks, plan)


@pytest.mark.parametrize("propagation", ALL, ids=str)
@pytest.mark.parametrize(("target", "segmented"), [(100, 4), (math.inf, 4), (0, 1), (-3, 1)])
def test_the_ends_of_the_scale_hold_for_every_propagation(
    fake_networks: Networks,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
    propagation: Propagation,
    target: float,
    segmented: int,
) -> None:
    segmenter = _segmenter(fake_networks, propagation, target)
    results = list(segmenter.stream([np.zeros((48, 64, 3), np.uint8)] * 4))
    assert [result.path for result in results].count(FramePath.SEGMENT) == segmented
    assert [result.predicted_confidence for result in results] == [None] * 4
    assert (fake_flow.encodings, fake_decision.calls) == (4 - segmented, 0)


@pytest.mark.parametrize("propagation", ALL, ids=str)
def test_a_target_that_is_no_number_is_refused(
    fake_networks: Networks, propagation: Propagation
) -> None:
    with pytest.raises(BadInputError, match="target=nan"):
        _segmenter(fake_networks, propagation, math.nan)


@pytest.mark.parametrize("maker", [TargetSchedule, DynamicSchedule])
@pytest.mark.parametrize("propagation", ALL, ids=str)
def test_the_decision_network_is_asked_where_it_was_trained_for(
    fake_networks: Networks,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
    propagation: Propagation,
    maker: type[TargetSchedule],
) -> None:
    schedule = maker(build_estimator(fake_networks, propagation), 80)
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    decision = schedule.decide(fake_flow.compare(view, view), 1)
    asked = propagation == DVSNET_PROPAGATION
    assert fake_decision.calls == asked
    assert decision.predicted_confidence == (90 if asked else 100)  # nothing moves
    assert decision.learns is not asked


def test_fits_are_those_of_the_propagation(fake_networks: Networks, fake_flow: FakeFlow) -> None:
    fits = {
        "dis-key": ConfidenceFit(7.0, 3.0),
        # The 90 that the network predicts is as good as the network agrees with itself.
        "flownets-key": ConfidenceFit(1.0, 3.0, ConfidenceMap((0, 90), (0, 97))),
    }
    fake_flow.flow_cells = (1.0, 0.0)
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))

    def predicted(networks: Networks) -> list[float]:
        estimators = [build_estimator(networks, propagation) for propagation in ALL]
        pair = fake_flow.compare(view, view)
        return [estimator.predict(pair, 1) for estimator in estimators]

    names = [propagation.name for propagation in ALL]
    before = dict(zip(names, predicted(fake_networks), strict=True))
    after = dict(zip(names, predicted(replace(fake_networks, fits=fits)), strict=True))
    assert after["dis-chain"] == before["dis-chain"]
    assert after["flownets-chain"] == before["flownets-chain"]
    assert after["dis-key"] < before["dis-key"]
    assert (before["flownets-key"], after["flownets-key"]) == (90, 100)


def test_what_is_used_is_logged(fake_networks: Networks, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _segmenter(fake_networks, Propagation(FLOWNETS, CHAIN), 100)
    assert "flow: flownets, propagate: chain" in caplog.messages
