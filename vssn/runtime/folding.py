"""Exact rewriting of convolutions, in NumPy: the same function at fewer operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vssn.checkpoints.arrays import Weights
from vssn.checkpoints.folded import fold
from vssn.types import Float32Array

TAIL_STRIDE = 4  # the decoder's tail enlarges twice


@dataclass(frozen=True)
class ConvWeights:
    """A convolution's weights.

    Attributes:
        kernel: (height, width, inputs, outputs) float32.
        bias: (outputs,) float32.
    """

    kernel: Float32Array
    bias: Float32Array


def folded(weights: Weights, convolution: str) -> ConvWeights:
    """The convolution named, with the batch norm that follows it multiplied in."""
    return ConvWeights(*fold(weights, convolution))


def with_means(weights: ConvWeights, means: Float32Array, one: float) -> ConvWeights:
    """Take the subtraction of ``means`` from the input into the kernel.

    Zero padding comes after the subtraction, so a bias would be wrong at the borders. Instead the
    input gets one more channel that holds ``one`` everywhere and zero in the padding.
    """
    shift = -np.einsum("hwio,i->hwo", weights.kernel, means) / one
    kernel = np.concatenate([weights.kernel, shift[:, :, np.newaxis]], axis=2)
    return ConvWeights(kernel.astype(np.float32), weights.bias)


def upsampling_phases(weights: ConvWeights) -> ConvWeights:
    """Turn `nearest 2x upsampling -> zero padding 1 -> convolution 3x3` into one 2x2 convolution.

    Each output pixel reads a 3x3 window of the enlarged image, which covers 2x2 cells of the
    small one: 4/9 of the products. The four phases become four groups of outputs.

    Returns:
        A kernel (2, 2, inputs, 4 * outputs) for the small image with zero padding 1 on all
        sides. Its (h + 1, w + 1) result, each cell's groups laid out as 2x2 pixels (rows first)
        and one pixel cropped from every side, is the convolution's (2h, 2w) result.
    """
    kernel = weights.kernel
    inputs, outputs = kernel.shape[2:]
    phases = np.zeros((2, 2, inputs, 2, 2, outputs), np.float32)
    # By pixel row of the block: which rows of the 3x3 kernel fall on each of its two cells. The
    # block lies across the border of the cells, its upper row in the upper cell.
    taps = (((0, 1), (2,)), ((0,), (1, 2)))
    for row, column, y, x in np.ndindex(2, 2, 2, 2):
        window = kernel[np.ix_(taps[row][y], taps[column][x])]
        phases[y, x, :, row, column] = window.sum(axis=(0, 1), dtype=np.float64)
    return ConvWeights(phases.reshape(2, 2, inputs, 4 * outputs), np.tile(weights.bias, 4))


def deconvolution_phases(kernel: Float32Array) -> ConvWeights:
    """Turn a 4x4 deconvolution of stride 2 without bias into one 2x2 convolution.

    Args:
        kernel: (4, 4, outputs, inputs), as TensorFlow stores it.

    Returns:
        A kernel (2, 2, inputs, 4 * outputs) whose result is laid out as that of
        :func:`upsampling_phases`: with one pixel cropped from every side, it is the
        deconvolution's result less one pixel on every side.
    """
    outputs, inputs = kernel.shape[2:]
    phases = np.zeros((2, 2, inputs, 2, 2, outputs), np.float32)
    for row, column, y, x in np.ndindex(2, 2, 2, 2):
        # The upper of the two cells reaches this block with the kernel's lower half.
        phases[y, x, :, row, column] = kernel[2 - 2 * y + row, 2 - 2 * x + column].T
    return ConvWeights(phases.reshape(2, 2, inputs, 4 * outputs), np.zeros(4 * outputs, np.float32))


def _convolve(image: Float32Array, weights: ConvWeights) -> Float32Array:
    """3x3 convolution of (n, h, w, inputs) with zero padding 1."""
    height, width = image.shape[1:3]
    padded = np.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    result = np.broadcast_to(weights.bias, (*image.shape[:3], len(weights.bias))).copy()
    for y, x in np.ndindex(3, 3):
        result += padded[:, y : y + height, x : x + width] @ weights.kernel[y, x]
    return result


def _decoder_tail(cells: Float32Array, layers: Sequence[ConvWeights]) -> Float32Array:
    """(n, h, w, inputs) through the decoder's last three layers: (n, h, w, outputs * 16)."""
    third, fourth, last = layers
    x = cells
    for weights in (third, fourth):
        x = _convolve(x.repeat(2, axis=1).repeat(2, axis=2), weights)
    x = _convolve(x, last)
    n, height, width, outputs = x.shape
    side = TAIL_STRIDE
    blocks = x.reshape(n, height // side, side, width // side, side, outputs)
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(*cells.shape[:3], outputs * side * side)


def merged_tail(layers: Sequence[ConvWeights]) -> dict[tuple[int, int], ConvWeights]:
    """Merge the decoder's last three layers, a linear map, into one 3x3 convolution.

    `upsample, 3x3, upsample, 3x3, 3x3` on 256, 128, 64 and 12 channels, the first two in phases,
    is 4.6 billion products at 52x76 cells; merged, where each cell yields its 4x4 pixels at once,
    it is 1.75, without the large maps between. The zero padding of the layers between reaches
    into the outermost cells only, which get kernels of their own.

    Args:
        layers: the decoder's third and fourth convolution and the last, batch norms folded.

    Returns:
        By (row, column) of a 3x3 grid, of which the middle stands for the inside and the others
        for corners and edges: a kernel (3, 3, inputs, outputs * 16); what it would read of the
        zero padding is zero. Outputs are ordered (class, row, column) within the cell.
    """
    inputs = layers[0].kernel.shape[2]
    silence = _decoder_tail(np.zeros((1, 3, 3, inputs), np.float32), layers)[0]
    # A linear map's matrix is its response to unit vectors; nine cells hold every case.
    responses = np.empty((3, 3, inputs, *silence.shape), np.float32)
    for y, x in np.ndindex(3, 3):
        units = np.zeros((inputs, 3, 3, inputs), np.float32)
        units[:, y, x] = np.eye(inputs, dtype=np.float32)
        responses[y, x] = _decoder_tail(units, layers) - silence
    merged = {}
    for row, column in np.ndindex(3, 3):
        kernel = np.zeros((3, 3, inputs, silence.shape[-1]), np.float32)
        for y, x in np.ndindex(3, 3):
            if abs(y - row) <= 1 and abs(x - column) <= 1:
                kernel[y - row + 1, x - column + 1] = responses[y, x, :, row, column]
        merged[row, column] = ConvWeights(kernel, silence[row, column])
    return merged
