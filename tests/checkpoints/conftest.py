"""Networks with made weights, built once: they take seconds each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    import keras

SEGNET_HW = (64, 96)  # the weights are the same at every size


def made_values(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Weights of sizes that keep the signal through 48 layers neither flat nor saturated."""
    kind = name.removesuffix(":0").rsplit("/", 1)[-1]
    if kind == "kernel":
        return rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype(np.float32)
    low, high = {"gamma": (0.2, 0.6), "moving_variance": (0.7, 1.4)}.get(kind, (-0.2, 0.2))
    return rng.uniform(low, high, shape).astype(np.float32)


def fill(model: Any, seed: int) -> Any:
    """Give a Keras 2 or 3 model made weights."""
    rng = np.random.default_rng(seed)
    names = [getattr(variable, "path", variable.name) for variable in model.weights]
    arrays = [
        made_values(name, tuple(variable.shape), rng)
        for name, variable in zip(names, model.weights, strict=True)
    ]
    model.set_weights(arrays)
    return model


def clear(model: Any) -> Any:
    """Set every weight to 0, so that what a test finds there was loaded."""
    model.set_weights([np.zeros(variable.shape, np.float32) for variable in model.weights])
    return model


@pytest.fixture(scope="session")
def segnet() -> keras.Model:
    """ResNet50-SegNet whose weights no test changes."""
    from vssn.models.segnet import build_segnet

    return fill(build_segnet(SEGNET_HW), seed=1)


@pytest.fixture(scope="session")
def _spare_segnet() -> keras.Model:
    from vssn.models.segnet import build_segnet

    return build_segnet(SEGNET_HW)


@pytest.fixture
def empty_segnet(_spare_segnet: keras.Model) -> keras.Model:
    """ResNet50-SegNet to load into; all weights are 0."""
    return clear(_spare_segnet)


@pytest.fixture(scope="session")
def segnet_image() -> np.ndarray:
    """An input of the segmentation network, (1, 64, 96, 3) float32."""
    return np.random.default_rng(2).uniform(-120, 140, (1, *SEGNET_HW, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def segnet_scores(segnet: keras.Model, segnet_image: np.ndarray) -> np.ndarray:
    """What ``segnet`` makes of ``segnet_image``."""
    return segnet(segnet_image, training=False).numpy()
