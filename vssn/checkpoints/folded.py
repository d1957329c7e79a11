"""ResNet50-SegNet's convolutions with their batch norms multiplied in, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np

from vssn.models.layout import BATCH_NORM_EPSILON, segnet_shapes
from vssn.types import Float32Array


def batch_norm_of(convolution: str) -> str:
    """The name of the batch norm behind a convolution; the last one has none."""
    if convolution == "conv1":
        return "bn_conv1"
    if convolution.startswith("conv2d"):
        return convolution.replace("conv2d", "batch_normalization")
    return "bn" + convolution.removeprefix("res")


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
    kernel, bias = weights[f"{convolution}/kernel"], weights[f"{convolution}/bias"]
    batch_norm = batch_norm_of(convolution)
    if f"{batch_norm}/gamma" not in weights:
        return kernel, bias
    gamma, beta, mean, variance = (
        weights[f"{batch_norm}/{name}"].astype(np.float64)
        for name in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    gain = gamma / np.sqrt(variance + BATCH_NORM_EPSILON)
    return (kernel * gain).astype(np.float32), ((bias - mean) * gain + beta).astype(np.float32)


def weights_digest(weights: Mapping[str, Float32Array]) -> str:
    """SHA-256 of the folded weights: the same for a .h5 and for the .pb made of it.

    Args:
        weights: see :func:`fold`.

    Returns:
        In hexadecimal, of names and little-endian float32 values in the network's order.
    """
    digest = hashlib.sha256()
    for name in convolutions(segnet_shapes()):
        digest.update(name.encode())
        for values in fold(weights, name):
            digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()
