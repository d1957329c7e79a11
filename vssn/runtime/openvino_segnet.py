"""ResNet50-SegNet as an OpenVINO graph: the same function as the Keras model at 2/3 of the work.

What is rewritten, all of it exact up to rounding:

- batch norms are folded into the convolutions, the colour order and means into the first;
- the last block of ResNet's stages 2 and 3 is computed only where the next stage's stride reads;
- `upsample, pad, 3x3` is a 2x2 convolution on the small grid that yields four pixels a cell;
- the decoder's last three layers, a linear map, are one 3x3 convolution of 16 pixels a cell.

Merging still more layers would cost more: with the second (512 channels) 3.5 instead of 2.2 + 1.75
billion products, but 3.5 million weights for each of the nine cases at the borders.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino.opset13 as ops

from vssn.checkpoints.arrays import Weights
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.models.layout import STAGES
from vssn.preprocess import SEGNET_MEANS_RGB
from vssn.runtime.folding import (
    TAIL_STRIDE,
    ConvWeights,
    folded,
    merged_tail,
    upsampling_phases,
    with_means,
)
from vssn.runtime.openvino_graph import (
    ALPHA,
    Node,
    channels_first,
    channels_last,
    cropped,
    every_second,
    shape_of,
)
from vssn.runtime.quantisation import Layers


def _first(layers: Layers, image: Node, weights: Weights) -> Node:
    rgb = folded(weights, "conv1")
    bgr = ConvWeights(rgb.kernel[:, :, ::-1], rgb.bias)
    means_bgr = SEGNET_MEANS_RGB[::-1]
    conv = with_means(bgr, means_bgr, ALPHA)
    x = layers.named("image", channels_first(ops.convert(image, "f32")))
    # The mean image is to give nothing in eight bits too: without that, a third of a point of IoU.
    reference_input = np.append(means_bgr, np.float32(ALPHA))
    x = layers.convolution(x, "image", conv, strides=2, reference_input=reference_input)
    x = layers.named("conv1", ops.relu(x))
    return ops.max_pool(x, [2, 2], [1, 1], [0, 0], [0, 0], [3, 3]).output(0)


def _bottleneck(
    layers: Layers, x: Node, source: str, weights: Weights, block: str, thin: bool
) -> Node:
    """One residual block; where ``thin``, only every second row and column of its result."""

    def convolution(x: Node, source: str, branch: str, strides: int = 1) -> Node:
        name = f"{block}_branch{branch}"
        conv = folded(weights, f"res{name}")
        return layers.convolution(x, source, conv, strides)

    def activated(x: Node, source: str, branch: str, strides: int = 1) -> Node:
        return layers.named(block + branch, ops.relu(convolution(x, source, branch, strides)))

    shortcut = convolution(x, source, "1") if block.endswith("a") else x
    shortcut = every_second(shortcut) if thin else shortcut
    y = activated(x, source, "2a")
    y = activated(y, f"{block}2a", "2b", strides=2 if thin else 1)
    y = convolution(y, f"{block}2b", "2c")
    return layers.named(block, ops.relu(ops.add(y, shortcut)))


def _encoder(layers: Layers, image: Node, weights: Weights) -> Node:
    x, source = _first(layers, image, weights), "conv1"
    for stage, _, blocks in STAGES:
        for letter in blocks:
            # Stages 3 and 4 start with 1x1 convolutions of stride 2, which read a quarter of the
            # last block before them: that quarter is computed, and their stride is 1 then.
            thin = letter == blocks[-1] and stage < STAGES[-1][0]
            x = _bottleneck(layers, x, source, weights, f"{stage}{letter}", thin)
            source = f"{stage}{letter}"
    return x


def _part(x: Node, layers: Layers, row: int, column: int, conv: ConvWeights) -> Node:
    """The merged convolution's inside, or one of its edges or corners (0, 2: first, last)."""
    height, width = shape_of(x)[2:]
    spans = []
    for place, size in ((row, height), (column, width)):
        spans.append(((0, 2), (0, size), (size - 2, size))[place])
    taps = [(slice(1, 3), slice(0, 3), slice(0, 2))[place] for place in (row, column)]
    near = ConvWeights(np.ascontiguousarray(conv.kernel[taps[0], taps[1]]), conv.bias)
    return layers.convolution(cropped(x, *spans), "conv2d_2", near, padding=((0, 0), (0, 0)))


def _tail(layers: Layers, x: Node, merged: Mapping[tuple[int, int], ConvWeights]) -> Node:
    """(1, c, h, w) to (h, w, 12, 16) logits."""
    rows = [
        ops.concat([_part(x, layers, row, column, merged[row, column]) for column in range(3)], 3)
        for row in range(3)
    ]
    x = channels_last(ops.concat(rows, 2))
    _, height, width, _ = shape_of(x)
    return ops.reshape(x, [height, width, NUM_OUTPUTS, TAIL_STRIDE**2], special_zero=False)


def _decoder(layers: Layers, x: Node, source: str, weights: Weights) -> Node:
    convolutions = [folded(weights, f"conv2d_{n}") for n in range(1, 6)]
    x = layers.named("conv2d_1", layers.convolution(x, source, convolutions[0]))
    phases = upsampling_phases(convolutions[1])
    x = layers.convolution(x, "conv2d_1", phases, padding=((1, 1), (1, 1)))
    x = ops.depth_to_space(layers.named("conv2d_2", x), "blocks_first", 2)
    height, width = shape_of(x)[2:]
    x = cropped(x, (1, height - 1), (1, width - 1))
    return _tail(layers, x, merged_tail(convolutions[2:]))


def _probabilities(logits: Node) -> Node:
    """(h, w, 12, 16) to probabilities (4h, 4w, 11); void takes part in the softmax alone."""
    height, width = shape_of(logits)[:2]
    side = TAIL_STRIDE
    # Softmax is quick along an axis that isn't the innermost.
    x = ops.slice(ops.softmax(logits, 2), [0], [NUM_CLASSES], [1], [2])
    x = ops.reshape(x, [height, width, NUM_CLASSES, side, side], special_zero=False)
    x = ops.transpose(x, [0, 3, 1, 4, 2])
    return ops.reshape(x, [side * height, side * width, NUM_CLASSES], special_zero=False)


def segnet_probabilities(layers: Layers, image: Node, weights: Weights) -> Node:
    """ResNet50-SegNet; see :class:`vssn.runtime.openvino_segmentation.Network`."""
    x = _encoder(layers, image, weights)
    last = f"{STAGES[-1][0]}{STAGES[-1][2][-1]}"
    return _probabilities(layers.named("logits", _decoder(layers, x, last, weights)))
