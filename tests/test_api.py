"""The public calls, over fake networks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import vssn
from vssn.api import process
from vssn.runtime.load import WeightPaths
from vssn.types import (
    DEFAULT_PROPAGATION,
    DVSNET_PROPAGATION,
    FlowMethod,
    Propagate,
    Propagation,
    TimedFrame,
    UInt8Array,
)

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
    expected_paths = ("light", given.get("flownets"), given.get("decision"))
    assert located == [(*expected_paths, expected)]


def test_a_chunk_is_a_stream_of_its_own(
    fake_networks: Networks, paint: Callable[[np.ndarray], UInt8Array]
) -> None:
    segmenter = vssn.load_segmenter(networks=fake_networks, target=0)
    frame_bgr = paint(np.full((48, 64), 3))
    frames = [TimedFrame(n, Fraction(n), frame_bgr, starts_chunk=n == 3) for n in range(5)]
    results = [result for _, result in process(frames, segmenter)]
    assert [result.path is vssn.FramePath.SEGMENT for result in results] == [
        *(True, False, False, True, False)
    ]
    assert [result.index for result in results] == list(range(5))


def test_a_preset_of_one_stream_has_no_chunks(weights_dir: Path) -> None:
    with pytest.raises(vssn.BadInputError, match="chunk_s=60 with preset='original'"):
        vssn.segment_dataset([], preset="original", chunk_s=60)
