"""The public calls, over fake networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import vssn
from vssn.runtime.load import WeightPaths
from vssn.types import DEFAULT_PROPAGATION, DVSNET_PROPAGATION, FlowMethod, Propagate, Propagation

if TYPE_CHECKING:
    from vssn.runtime.load import Networks

DIS, FLOWNETS = FlowMethod.DIS, FlowMethod.FLOWNETS
CHAIN, KEY = Propagate.CHAIN, Propagate.KEY


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
    monkeypatch.setattr("vssn.runtime.load.load_networks", lambda *_, **__: fake_networks)
    vssn.load_segmenter(target=100, **given)
    expected_paths = ("resnet50_segnet", given.get("flownets"), given.get("decision"))
    assert located == [(*expected_paths, expected)]
