"""Made weights for networks, and networks without any."""

from __future__ import annotations

from typing import Any

import numpy as np

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
