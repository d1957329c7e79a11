"""Post-training quantisation to eight bits: which tensors, over which ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import openvino.opset13 as ops

from vssn.runtime.folding import ConvWeights
from vssn.runtime.openvino_graph import (
    Node,
    Padding,
    biased,
    convolve,
    depthwise,
    kernel_constant,
    same,
    shape_of,
)
from vssn.runtime.processor import FULL_LIMIT
from vssn.types import Float32Array

ACTIVATION_LEVELS = 256

Ranges = Mapping[str, tuple[float, float]]


def _rounded(kernel: Float32Array, limit: int) -> tuple[npt.NDArray[np.int8], Float32Array]:
    """A kernel (h, w, inputs, outputs) in steps of a scale (outputs,), symmetric."""
    scale = np.abs(kernel).max(axis=(0, 1, 2)) / np.float32(limit)
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.rint(kernel / scale).astype(np.int8), scale


def _eight_bit_constant(steps: npt.NDArray[np.int8], scale: Float32Array) -> Node:
    constant = ops.constant(np.ascontiguousarray(steps.transpose(3, 2, 0, 1)))
    return ops.multiply(ops.convert(constant, "f32"), scale.reshape(-1, 1, 1, 1))


@dataclass
class Layers:
    """Makes convolutions, in eight bits where the range of their input is known.

    Attributes:
        ranges: lowest and highest value of each tensor to be quantised, by its name.
        weight_limit: largest weight in steps; see
            :func:`vssn.runtime.processor.byte_weight_limit`.
        tensors: every named tensor of the graph built so far, not quantised, to measure ranges of.
    """

    ranges: Ranges = field(default_factory=dict)
    weight_limit: int = FULL_LIMIT
    tensors: dict[str, Node] = field(default_factory=dict)

    def named(self, name: str, x: Node) -> Node:
        """Give a tensor its name; quantise it where its range is known."""
        self.tensors[name] = x
        if name not in self.ranges:
            return x
        low, high = (np.float32(limit) for limit in self.ranges[name])
        return ops.fake_quantize(x, low, high, low, high, ACTIVATION_LEVELS)

    def convolution(
        self,
        x: Node,
        source: str,
        weights: ConvWeights,
        strides: int = 1,
        padding: Padding | None = None,
        reference_input: Float32Array | None = None,
    ) -> Node:
        """Convolution of ``x``, which came from the tensor named ``source``.

        Args:
            x: (n, c, h, w).
            source: decides, by its range, whether this convolution is in eight bits.
            weights: its weights.
            strides: in both directions.
            padding: without it, half the kernel's size.
            reference_input: (c,) an input at which the bias cancels the weights' rounding error.
        """
        padding = same(weights.kernel.shape[0]) if padding is None else padding
        if source not in self.ranges:
            y = convolve(x, kernel_constant(weights.kernel), strides, padding)
            return biased(y, weights.bias)
        steps, scale = _rounded(weights.kernel, self.weight_limit)
        y = convolve(x, _eight_bit_constant(steps, scale), strides, padding)
        if reference_input is None:
            return biased(y, weights.bias)
        excess = np.einsum("hwio,i->o", steps * scale - weights.kernel, reference_input)
        return biased(y, weights.bias - excess)

    def depthwise(
        self, x: Node, source: str, weights: ConvWeights, strides: int, padding: Padding
    ) -> Node:
        """Convolution of each channel alone, with a kernel (h, w, channels, 1); see above."""
        kernel = weights.kernel.transpose(0, 1, 3, 2)  # (h, w, 1, channels): as outputs
        if source in self.ranges:
            constant = _eight_bit_constant(*_rounded(kernel, self.weight_limit))
        else:
            constant = kernel_constant(kernel)
        channels, _, height, width = shape_of(constant)
        grouped = ops.reshape(constant, [channels, 1, 1, height, width], special_zero=False)
        return biased(depthwise(x, grouped, strides, padding), weights.bias)
