"""Weights of the made networks as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import keras

    from vssn.checkpoints.arrays import Weights


def arrays_of(model: keras.Model) -> Weights:
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable, np.float32)
        for layer in model.layers
        for variable in layer.weights
        if "seed" not in variable.name
    }


@pytest.fixture(scope="session")
def segnet_arrays(small_segnet: keras.Model) -> Weights:
    return arrays_of(small_segnet)


@pytest.fixture(scope="session")
def flownets_arrays(flownets: keras.Model) -> Weights:
    return arrays_of(flownets)


@pytest.fixture(scope="session")
def decision_arrays(decision: keras.Model) -> Weights:
    return arrays_of(decision)


@pytest.fixture
def frame_bgr() -> np.ndarray:
    """A frame of another size than the network's, with structure at its borders too."""
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (9, 12, 3)).astype(np.uint8)
    return np.kron(coarse, np.ones((10, 11, 1), np.uint8))
