"""A segmentation network's convolutions with their batch norms multiplied in, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from vssn.models.architectures import architecture_of
from vssn.models.layout import BATCH_NORM_EPSILON
from vssn.types import Float32Array


def convolutions(keys: Iterable[str]) -> list[str]:
    """The convolutions' names among ``layer/variable``, in order."""
    return [key.removesuffix("/kernel") for key in keys if key.endswith("/kernel")]


def fold(
    weights: Mapping[str, Float32Array], convolution: str
) -> tuple[Float32Array, Float32Array]:
    """Kernel and bias of a convolution with the batch norm behind it, if it has one.

    Args:
        weights: by ``layer/variable``, as :func:`vssn.checkpoints.arrays.read_segnet` returns
            them; a frozen graph's have no batch norms left.
        convolution: its name.

    Returns:
        Float32 arrays, computed in float64.
    """
    kernel = weights[f"{convolution}/kernel"]
    depthwise = kernel.shape[3] == 1 and f"{convolution}/bias" not in weights
    outputs = kernel.shape[2 if depthwise else 3]
    bias = weights.get(f"{convolution}/bias", np.zeros(outputs, np.float32))
    batch_norm = architecture_of(weights).batch_norm_of(convolution)
    if f"{batch_norm}/gamma" not in weights:
        return kernel, bias
    gamma, beta, mean, variance = (
        weights[f"{batch_norm}/{name}"].astype(np.float64)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    gain = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    gains = gain[:, np.newaxis] if depthwise else gain
    return (kernel * gains).astype(np.float32), ((bias - mean) * gain + beta).astype(np.float32)


def weights_digest(weights: Mapping[str, Float32Array]) -> str:
    """SHA-256 of the folded weights: the same for a .h5 and for the .pb made of it.

    Args:
        weights: see :func:`fold`.

    Returns:
        In hexadecimal, of names and little-endian float32 values in the network's order.
    """
    digest = hashlib.sha256()
    for name in convolutions(architecture_of(weights).shapes()):
        digest.update(name.encode())
        for values in fold(weights, name):
            digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()
