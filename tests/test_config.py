"""What a configuration refuses, and what it fills in."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

import vssn
from vssn.cli.options import FLAGS
from vssn.config import PROFILES, SegmenterConfig
from vssn.errors import BadInputError
from vssn.types import DVSNET_PROPAGATION, FlowMethod, Propagate, Propagation

DIS, FLOWNETS = FlowMethod.DIS, FlowMethod.FLOWNETS
CHAIN, KEY = Propagate.CHAIN, Propagate.KEY


@pytest.mark.parametrize(
    ("flow", "propagate", "names_checkpoint", "expected"),
    [
        (None, None, False, (DIS, CHAIN)),
        (None, None, True, (FLOWNETS, KEY)),
        (None, "key", False, (DIS, KEY)),
        ("flownets", None, False, (FLOWNETS, KEY)),
        ("flownets", "chain", False, (FLOWNETS, CHAIN)),
        ("dis", None, False, (DIS, CHAIN)),
    ],
)
def test_what_is_left_open_is_filled_in(
    flow: str | None,
    propagate: str | None,
    names_checkpoint: bool,
    expected: tuple[FlowMethod, Propagate],
) -> None:
    decision = "decision" if names_checkpoint else None
    config = SegmenterConfig(flow=flow, propagate=propagate, decision=decision)
    assert config.propagation == Propagation(*expected)


def test_a_preset_may_admit_one_propagation_only() -> None:
    for flow, propagate in itertools.product((None, "flownets"), (None, "key")):
        config = SegmenterConfig(flow=flow, propagate=propagate, preset="original")
        assert config.propagation == DVSNET_PROPAGATION
    for flow, propagate in [("dis", None), (None, "chain"), ("dis", "key"), ("flownets", "chain")]:
        with pytest.raises(BadInputError, match="with preset='original': expected flownets and"):
            SegmenterConfig(flow=flow, propagate=propagate, preset="original")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"flow": "farneback"}, "flow='farneback': expected dis or flownets; pass flow='dis'"),
        ({"propagate": ""}, "propagate='': expected chain or key; pass propagate='chain'"),
    ],
)
def test_names_of_nothing_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        vssn.load_segmenter(**given)


@pytest.mark.parametrize(
    ("given", "python", "command"),
    [
        ({"target": math.nan}, "target=nan: expected 0 to 100", "--target nan: expected 0 to 100"),
        ({"target": 1000}, "target=1000: expected 0 to 100", "--target 1000: expected 0 to 100"),
        ({"preset": "mine"}, "preset='mine': expected vssn or", "--preset mine: expected vssn or"),
        (
            {"regions": "2x2", "preset": "original"},
            "regions='2x2' with preset='original': expected one of them",
            "--regions 2x2 with --preset original: expected one of them",
        ),
        (
            {"blend": 0.3, "preset": "original"},
            "blend=0.3 with preset='original': expected one of them",
            "--blend 0.3 with --preset original: expected one of them",
        ),
        ({"blend": 1}, "blend=1: expected 0 to below 1", "--blend 1: expected 0 to below 1"),
        (
            {"regions": "two"},
            "regions='two': expected ROWSxCOLUMNS",
            "--regions two: expected ROWS",
        ),
        (
            {"overlap": 9, "regions": "2x2"},
            "overlap=9: expected 0 or",
            "--overlap 9: expected 0 or",
        ),
    ],
)
def test_errors_name_arguments_and_those_of_commands_flags(
    given: dict[str, Any], python: str, command: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        SegmenterConfig(**given)
    assert str(caught.value).startswith(python)
    assert caught.value.for_command(FLAGS).startswith(command)


def test_an_unknown_argument_is_refused() -> None:
    expected = "argument 'tagret': expected one of profile, target"
    with pytest.raises(BadInputError, match=expected):
        vssn.load_segmenter(tagret=80)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fps": 0}, "fps=0: expected above 0"),
        ({"fps": 25, "budget_ms": 40}, "fps=25 with budget_ms=40: expected one of them"),
        ({"fps": 25, "schedule": "always"}, "fps=25 with schedule='always': expected one"),
        ({"schedule": "fixed"}, "schedule='fixed': expected confidence, decision"),
    ],
)
def test_what_decides_is_one_thing(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInputError) as caught:
        SegmenterConfig(**given)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "given",
    [
        {"flow": "dis", "decision": "d"},
        {"flow": "dis", "flownets": "f"},
        {"propagate": "chain", "decision": "d"},
    ],
)
def test_weights_that_have_no_part_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(BadInputError, match="expected weights that these use"):
        SegmenterConfig(**given)
    assert SegmenterConfig(flownets="f", propagate="chain").propagation == Propagation(
        FLOWNETS, CHAIN
    )


def test_a_profile_stands_for_its_settings() -> None:
    for name, settings in PROFILES.items():
        config = SegmenterConfig().changed({"profile": name})
        assert {each: getattr(config, each) for each in settings} == settings
    assert SegmenterConfig().changed({"profile": None}) == SegmenterConfig()
    segmenters = {name: settings["segmenter"] for name, settings in PROFILES.items()}
    assert segmenters == {
        "accurate": "ensemble",
        **dict.fromkeys(("balanced", "fast"), "light"),
        "original": "resnet50_segnet",
    }
    targets = [PROFILES[name]["target"] for name in ("accurate", "balanced", "fast")]
    assert targets == sorted(targets, reverse=True)


def test_without_a_word_the_balanced_profile_is_taken() -> None:
    config, balanced = SegmenterConfig(), SegmenterConfig().changed({"profile": "balanced"})
    assert config.weights == balanced.weights == "light"
    assert config.chosen_target == balanced.chosen_target == 98


@pytest.mark.parametrize(
    ("given", "target"),
    [
        ({"segmenter": "resnet50_segnet"}, 96),
        ({"segmenter": "ensemble"}, 96),
        ({"segmenter": "mine.h5"}, 96),
        ({"preset": "original"}, 96),
        ({"segmenter": "light"}, 98),
        ({"segmenter": "light", "target": 0}, 0),
    ],
)
def test_the_default_target_goes_with_the_network(given: dict[str, Any], target: float) -> None:
    assert SegmenterConfig(**given).chosen_target == target


def test_the_profile_original_is_the_originals_scheme_on_our_preset() -> None:
    config = SegmenterConfig().changed({"profile": "original"})
    assert config.propagation == DVSNET_PROPAGATION
    assert config.propagation.asks_decision_network
    assert (config.schedule, config.target, config.preset) == ("decision", 80.0, "vssn")
    assert config.weights == "resnet50_segnet"


def test_what_is_given_beats_the_profile() -> None:
    given = {"profile": "fast", "target": 61, "segmenter": "mine.h5"}
    config = SegmenterConfig().changed(given)
    assert (config.target, config.segmenter) == (61, "mine.h5")
    assert given["profile"] == "fast"  # the caller's dict is its own
    # What the profile changes comes before what the configuration had.
    start = SegmenterConfig(target=61, precision="f32")
    config = start.changed({"profile": "fast"})
    assert (config.target, config.precision) == (PROFILES["fast"]["target"], "f32")


def test_an_unknown_profile_is_refused_in_one_line() -> None:
    with pytest.raises(BadInputError) as caught:
        vssn.load_segmenter(profile="best")
    expected = "expected accurate or balanced or fast or original; pass"
    assert str(caught.value) == f"profile='best': {expected} profile='balanced'"
    assert caught.value.for_command(FLAGS) == f"--profile best: {expected} --profile balanced"
