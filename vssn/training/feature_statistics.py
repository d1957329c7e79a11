"""Deviations of features, block by block.

They equal :func:`numpy.std` of the whole array to the bit, so that a training does not depend on
where its features lie: sums are formed in the order in which NumPy forms them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vssn.models.layout import FEATURE_SHAPE
from vssn.training.feature_set import BLOCK_PAIRS, Features, blocks
from vssn.types import Float32Array

PAIR_VALUES = int(np.prod(FEATURE_SHAPE))
CHANNELS = FEATURE_SHAPE[-1]
PAIRWISE_UNIT = 8  # NumPy sums halves whose lengths are multiples of this

Change = Callable[[Float32Array], Float32Array]
Sum = Callable[[Features, Change], Float32Array]


def deviation(features: Features) -> float:
    """Of all values of (N, 4, 5, 384) float32 features; ``features.std()``."""
    return float(_deviation(features, _sum, len(features) * PAIR_VALUES)[0])


def channel_deviations(features: Features) -> Float32Array:
    """(384,) float32; ``features.std(axis=(0, 1, 2))``."""
    return _deviation(features, _channel_sums, len(features) * PAIR_VALUES // CHANNELS)


def _deviation(features: Features, summed: Sum, count: int) -> Float32Array:
    """The root of the mean squared distance from the mean."""
    mean = _divided(summed(features, lambda values: values), count)
    return np.sqrt(_divided(summed(features, lambda values: np.square(values - mean)), count))


def _divided(total: Float32Array, count: int) -> Float32Array:
    # As NumPy's mean does it, which rounds in its own way.
    np.true_divide(total, np.intp(count), out=total, casting="unsafe")
    return total


def _sum(features: Features, change: Change) -> Float32Array:
    return np.array([_pairwise(features, change, 0, len(features) * PAIR_VALUES)], np.float32)


def _pairwise(features: Features, change: Change, start: int, stop: int) -> np.float32:
    """The sum of values ``start`` to ``stop``, in NumPy's order: that of two halves."""
    count = stop - start
    if count <= BLOCK_PAIRS * PAIR_VALUES:
        first = start // PAIR_VALUES
        values = features[first : -(-stop // PAIR_VALUES)].reshape(-1)
        inside = values[start - first * PAIR_VALUES : stop - first * PAIR_VALUES]
        return np.float32(np.add.reduce(change(inside)))
    half = start + count // 2 // PAIRWISE_UNIT * PAIRWISE_UNIT
    return np.float32(
        _pairwise(features, change, start, half) + _pairwise(features, change, half, stop)
    )


def _channel_sums(features: Features, change: Change) -> Float32Array:
    """One value after the other, in NumPy's order."""
    total = np.zeros((1, CHANNELS), np.float32)
    for block in blocks(features):
        rows = change(block.reshape(-1, CHANNELS))
        total = np.add.reduce(np.concatenate([total, rows]), axis=0, keepdims=True)
    return np.asarray(total[0], np.float32)
