"""What the user leaves open of flow and propagation, and the schedule that follows from it."""

from __future__ import annotations

import itertools
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vssn
from vssn.checkpoints.confidence_fit import UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.errors import BadInputError
from vssn.runtime.load import WeightPaths
from vssn.streaming.assemble import SegmenterPlan, choose_propagation, make_schedule
from vssn.streaming.schedule import DynamicSchedule, TargetSchedule
from vssn.types import (
    DEFAULT_PROPAGATION,
    DVSNET_PROPAGATION,
    FlowMethod,
    FramePath,
    Propagate,
    Propagation,
)

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import FakeDecision, FakeFlow

    from vssn.runtime.load import Networks

DIS, FLOWNETS = FlowMethod.DIS, FlowMethod.FLOWNETS
CHAIN, KEY = Propagate.CHAIN, Propagate.KEY
ALL = [Propagation(*both) for both in itertools.product(FlowMethod, Propagate)]


@pytest.mark.parametrize(
    ("flow", "propagate", "names_checkpoint", "expected"),
    [
        (None, None, False, (DIS, CHAIN)),
        (None, None, True, (FLOWNETS, KEY)),
        (None, "key", False, (DIS, KEY)),
        (None, "chain", True, (FLOWNETS, CHAIN)),
        ("flownets", None, False, (FLOWNETS, KEY)),
        ("flownets", "chain", False, (FLOWNETS, CHAIN)),
        ("dis", None, False, (DIS, CHAIN)),
        ("dis", None, True, (DIS, CHAIN)),
        ("dis", "key", True, (DIS, KEY)),
    ],
)
def test_what_is_left_open_is_filled_in(
    flow: str | None,
    propagate: str | None,
    names_checkpoint: bool,
    expected: tuple[FlowMethod, Propagate],
) -> None:
    assert choose_propagation(flow, propagate, names_checkpoint) == Propagation(*expected)


def test_a_preset_may_admit_one_propagation_only() -> None:
    for flow, propagate in itertools.product((None, "flownets"), (None, "key")):
        chosen = choose_propagation(flow, propagate, only=DVSNET_PROPAGATION)
        assert chosen == DVSNET_PROPAGATION
    for flow, propagate in [("dis", None), (None, "chain"), ("dis", "key"), ("flownets", "chain")]:
        with pytest.raises(BadInputError, match="with --preset original: expected flownets and"):
            choose_propagation(flow, propagate, only=DVSNET_PROPAGATION)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"flow": "farneback"}, "flow 'farneback': expected dis or flownets; pass flow='dis'"),
        ({"propagate": ""}, "propagate '': expected chain or key; pass propagate='chain'"),
    ],
)
def test_names_of_nothing_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        vssn.load_segmenter(**given)  # type: ignore[arg-type]


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
    segmenter = SegmenterPlan(target, propagation).build(fake_networks)
    results = list(segmenter.stream([np.zeros((48, 64, 3), np.uint8)] * 4))
    assert [result.path for result in results].count(FramePath.SEGMENT) == segmented
    assert [result.predicted_confidence for result in results] == [None] * 4
    assert (fake_flow.encodings, fake_decision.calls) == (4 - segmented, 0)


@pytest.mark.parametrize("propagation", ALL, ids=str)
def test_a_target_that_is_no_number_is_refused(
    fake_networks: Networks, propagation: Propagation
) -> None:
    with pytest.raises(BadInputError, match="target 'nan'"):
        SegmenterPlan(math.nan, propagation).build(fake_networks)


@pytest.mark.parametrize("maker", [TargetSchedule, DynamicSchedule])
@pytest.mark.parametrize("propagation", ALL, ids=str)
def test_the_decision_network_is_asked_where_it_was_trained_for(
    fake_networks: Networks,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
    propagation: Propagation,
    maker: type[TargetSchedule],
) -> None:
    schedule = make_schedule(SegmenterPlan(80, propagation, maker), fake_networks)
    assert type(schedule) is maker
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    decision = schedule.decide(fake_flow.compare(view, view), 1)
    asked = propagation == DVSNET_PROPAGATION
    assert fake_decision.calls == asked
    assert decision.predicted_confidence == (90 if asked else 100)  # nothing moves
    assert decision.learns is not asked


def test_fits_are_those_of_the_propagation(fake_networks: Networks, fake_flow: FakeFlow) -> None:
    fits = {
        "dis-key": ConfidenceFit(7.0, ConfidenceMap((0, 100), (20, 60))),
        "flownets-key": UNFITTED,
    }
    networks = replace(fake_networks, fits=fits)
    view = fake_flow.prepare(np.zeros((48, 64, 3), np.uint8))
    expected = []
    for propagation in ALL:
        schedule = make_schedule(SegmenterPlan(80, propagation), networks)
        expected.append(schedule.decide(fake_flow.compare(view, view), 1).predicted_confidence)
    assert dict(zip([p.name for p in ALL], expected, strict=True)) == {
        "dis-chain": 100,
        "dis-key": 60,
        "flownets-chain": 100,
        "flownets-key": 90,
    }


def test_what_is_used_is_logged(fake_networks: Networks, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        SegmenterPlan(100, Propagation(FLOWNETS, CHAIN)).build(fake_networks)
    assert "flow: flownets, propagate: chain" in caplog.messages


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, DEFAULT_PROPAGATION),
        ({"flow": "dis", "propagate": "key"}, Propagation(DIS, KEY)),
        ({"flow": "flownets"}, DVSNET_PROPAGATION),
        ({"decision": "decision"}, DVSNET_PROPAGATION),
        ({"flownets": "flow", "propagate": "chain"}, Propagation(FLOWNETS, CHAIN)),
    ],
)
def test_load_segmenter_looks_for_what_it_needs(
    fake_networks: Networks,
    weights_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, str],
    expected: Propagation,
) -> None:
    located = []

    def locate(*paths: object) -> WeightPaths:
        located.append(paths)
        return WeightPaths(weights_dir)

    monkeypatch.setattr(WeightPaths, "locate", locate)
    monkeypatch.setattr("vssn.streaming.assemble.load_networks", lambda *_, **__: fake_networks)
    vssn.load_segmenter(100, **given)  # type: ignore[arg-type]
    assert located == [(None, given.get("flownets"), given.get("decision"), expected)]
