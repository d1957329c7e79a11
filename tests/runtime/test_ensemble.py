"""The mean of networks, and where an ensemble's weights are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vssn.errors import CheckpointError
from vssn.runtime.ensemble import Ensemble
from vssn.runtime.load import WeightPaths
from vssn.types import DEFAULT_PROPAGATION

FRAME = np.zeros((8, 8, 3), np.uint8)


class Constant:
    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def probabilities(self, frame_bgr: np.ndarray) -> np.ndarray:
        return self.values


def test_it_is_the_mean_at_the_first_ones_size_and_changes_no_network() -> None:
    first = np.full((4, 6, 11), 0.25, np.float32)
    other = np.full((2, 3, 11), 0.75, np.float32)
    mean = Ensemble([Constant(first), Constant(other)]).probabilities(FRAME)
    assert mean.dtype == np.float32
    np.testing.assert_allclose(mean, np.full((4, 6, 11), 0.5), atol=1e-6)
    assert (first == 0.25).all()


def test_its_weights_are_those_of_every_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("resnet50_segnet_model/resnet50_segnet.h5", "light_segmenter_model/light_segmenter.h5")
    for name in names:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(name.encode())
    monkeypatch.chdir(tmp_path)
    paths = WeightPaths.locate("ensemble", propagation=DEFAULT_PROPAGATION)
    assert paths.segmentation == tuple(map(Path, names))
    assert set(paths.sha256()) == set(names)
    assert WeightPaths.locate("light", propagation=DEFAULT_PROPAGATION).segnet == Path(names[1])
    with pytest.raises(CheckpointError, match=r"weights .heavy.*resnet50_segnet or light"):
        WeightPaths.locate("heavy", propagation=DEFAULT_PROPAGATION)
