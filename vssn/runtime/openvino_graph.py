"""Building OpenVINO graphs from NumPy weights: the few operations that the networks need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import openvino.opset13 as ops

from vssn.runtime.folding import ConvWeights
from vssn.types import Float32Array

ALPHA = 255  # what OpenCV fills the image's fourth channel with
IMAGE_RANGE = (0.0, 255.0)

Node = Any  # an OpenVINO node or one of its outputs
Padding = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)


def channels_first(x: Node) -> Node:
    """(n, h, w, c) to OpenVINO's (n, c, h, w); costs nothing where the plugin keeps c last."""
    return ops.transpose(x, [0, 3, 1, 2])


def channels_last(x: Node) -> Node:
    """(n, c, h, w) to (n, h, w, c)."""
    return ops.transpose(x, [0, 2, 3, 1])


def shape_of(x: Node) -> list[int]:
    """A static shape."""
    return [int(side) for side in x.get_output_shape(0)]


def same(size: int) -> Padding:
    """Zero padding of size // 2 on all sides."""
    return ((size // 2, size // 2), (size // 2, size // 2))


def kernel_constant(kernel: Float32Array) -> Node:
    """(h, w, inputs, outputs) as OpenVINO's constant (outputs, inputs, h, w)."""
    return ops.constant(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))


def biased(x: Node, bias: Float32Array) -> Node:
    """(n, c, h, w) plus a bias (c,)."""
    return ops.add(x, ops.constant(np.asarray(bias, np.float32).reshape(1, -1, 1, 1)))


def convolve(x: Node, kernel: Node, strides: int, padding: Padding) -> Node:
    """Convolution of (n, c, h, w) without bias; ``kernel`` (outputs, inputs, h, w)."""
    begins, ends = zip(*padding, strict=True)
    return ops.convolution(x, kernel, [strides] * 2, list(begins), list(ends), [1, 1])


def depthwise(x: Node, kernel: Node, strides: int, padding: Padding) -> Node:
    """Convolution of each channel of (n, c, h, w) alone; ``kernel`` (c, 1, 1, h, w)."""
    begins, ends = zip(*padding, strict=True)
    return ops.group_convolution(x, kernel, [strides] * 2, list(begins), list(ends), [1, 1])


def convolution(
    x: Node, weights: ConvWeights, strides: int = 1, padding: Padding | None = None
) -> Node:
    """Convolution of (n, c, h, w) with bias; without ``padding``, half the kernel's size."""
    padding = same(weights.kernel.shape[0]) if padding is None else padding
    return biased(convolve(x, kernel_constant(weights.kernel), strides, padding), weights.bias)


def leaky_relu(x: Node, leak: float) -> Node:
    """Leaky ReLU."""
    return ops.prelu(x, np.array([leak], np.float32))


def _strided(x: Node, begin: Sequence[int], end: Sequence[int], steps: Sequence[int]) -> Node:
    none = [0] * len(begin)
    return ops.strided_slice(x, list(begin), list(end), list(steps), none, none)


def every_second(x: Node) -> Node:
    """Every second row and column of (n, c, h, w), from the first."""
    return _strided(x, [0, 0, 0, 0], shape_of(x), [1, 1, 2, 2])


def cropped(x: Node, rows: tuple[int, int], columns: tuple[int, int]) -> Node:
    """A part of (n, c, h, w): first row and column in it, and first after it."""
    n, channels, height, width = shape_of(x)
    if (rows, columns) == ((0, height), (0, width)):
        return x
    begin, end = [0, 0, rows[0], columns[0]], [n, channels, rows[1], columns[1]]
    return _strided(x, begin, end, [1, 1, 1, 1])
