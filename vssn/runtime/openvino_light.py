"""The light segmentation network as an OpenVINO graph: the same function as the Keras model.

Batch norms are folded into the convolutions, colour order and scaling into the first.
"""

from __future__ import annotations

import numpy as np
import openvino.opset13 as ops

from vssn.checkpoints.arrays import Weights
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.models.light_layout import (
    DECODER_FILTERS,
    LITE_MEAN,
    LITE_SCALE,
    SKIP_STAGES,
    LiteBlock,
    lite_blocks,
    same_padding,
)
from vssn.runtime.folding import ConvWeights, folded, with_means
from vssn.runtime.openvino_graph import (
    ALPHA,
    Node,
    Padding,
    channels_first,
    shape_of,
)
from vssn.runtime.quantisation import Layers

POOL = 5  # px of stride 32


def _same(size: int, stride: int) -> Padding:
    """Zero padding of TensorFlow's "SAME" in both directions."""
    return (same_padding(size, stride), same_padding(size, stride))


def _relu6(x: Node) -> Node:
    return ops.clamp(x, 0.0, 6.0)


def _stem(layers: Layers, image: Node, weights: Weights) -> Node:
    rgb = folded(weights, "stem")
    means = np.full(3, LITE_MEAN, np.float32)
    bgr = ConvWeights(rgb.kernel[:, :, ::-1] / np.float32(LITE_SCALE), rgb.bias)
    conv = with_means(bgr, means, ALPHA)
    x = layers.named("image", channels_first(ops.convert(image, "f32")))
    # The mean image is to give nothing in eight bits too.
    reference_input = np.append(means, np.float32(ALPHA))
    x = layers.convolution(x, "image", conv, 2, _same(3, 2), reference_input)
    return layers.named("stem", _relu6(x))


def _unit(layers: Layers, x: Node, source: str, weights: Weights, name: str) -> Node:
    """Convolution and ReLU6."""
    return layers.named(name, _relu6(layers.convolution(x, source, folded(weights, name))))


def _block(layers: Layers, x: Node, source: str, weights: Weights, block: LiteBlock) -> Node:
    y, inner = x, source
    if block.expands:
        inner = f"{block.name}_expand"
        y = _unit(layers, x, source, weights, inner)
    name = f"{block.name}_depthwise"
    y = layers.depthwise(
        y, inner, folded(weights, name), block.stride, _same(block.kernel, block.stride)
    )
    y = layers.named(name, _relu6(y))
    y = layers.convolution(y, name, folded(weights, f"{block.name}_project"))
    if block.has_shortcut:
        y = ops.add(y, x)
    return layers.named(block.name, y)


def _encoder(layers: Layers, image: Node, weights: Weights) -> list[tuple[Node, str]]:
    """Features and the names of their tensors at strides 2, 4, 8, 16 and 32."""
    x, source = _stem(layers, image, weights), "stem"
    last = {}
    for block in lite_blocks():
        x, source = _block(layers, x, source, weights, block), block.name
        last[block.stage] = (x, source)
    return [last[stage] for stage in SKIP_STAGES]


def _context(layers: Layers, x: Node, source: str, weights: Weights) -> Node:
    _, _, height, width = shape_of(x)
    margin = [POOL // 2] * 2
    wide = ops.avg_pool(x, [1, 1], margin, margin, [POOL] * 2, True)
    whole = ops.reduce_mean(x, [2, 3], True)
    wide = _unit(
        layers, layers.named("context_pool", wide), "context_pool", weights, "context_wide"
    )
    whole = _unit(
        layers, layers.named("context_mean", whole), "context_mean", weights, "context_whole"
    )
    local = _unit(layers, x, source, weights, "context_local")
    whole = ops.broadcast(whole, [1, shape_of(whole)[1], height, width])
    x = layers.named("context_branches", ops.concat([local, wide, whole], 1))
    return _unit(layers, x, "context_branches", weights, "context")


def _twice(x: Node) -> Node:
    """Enlarge (n, c, h, w) twice, bilinearly by pixel centres."""
    _, _, height, width = shape_of(x)
    return ops.interpolate(
        x,
        np.array([2 * height, 2 * width]),
        "linear_onnx",
        "sizes",
        coordinate_transformation_mode="half_pixel",
        axes=np.array([2, 3]),
    )


def _decoder(layers: Layers, skips: list[tuple[Node, str]], weights: Weights) -> Node:
    (half, edges), (quarter, _), (eighth, _), (sixteenth, _), (deepest, source) = skips
    half = layers.convolution(half, edges, folded(weights, "edges"), 2, _same(3, 2))
    fine = ops.concat([quarter, layers.named("edges", _relu6(half))], 1)
    x = _context(layers, deepest, source, weights)
    for number, skip in enumerate((sixteenth, eighth, fine), start=1):
        joined = layers.named(f"skip{number}", ops.concat([_twice(x), skip], 1))
        x = _unit(layers, joined, f"skip{number}", weights, f"decoder{number}")
    source = f"decoder{len(DECODER_FILTERS)}"
    return layers.named("logits", layers.convolution(x, source, folded(weights, "head")))


def _probabilities(logits: Node) -> Node:
    """(1, 2 * 2 * 12, h, w) to probabilities (2h, 2w, 11)."""
    _, _, height, width = shape_of(logits)
    x = ops.reshape(logits, [2, 2, NUM_OUTPUTS, height, width], special_zero=False)
    # Softmax is quick along an axis with a long one inside it.
    x = ops.slice(ops.softmax(x, 2), [0], [NUM_CLASSES], [1], [2])
    x = ops.transpose(x, [3, 0, 4, 1, 2])
    return ops.reshape(x, [2 * height, 2 * width, NUM_CLASSES], special_zero=False)


def light_probabilities(layers: Layers, image: Node, weights: Weights) -> Node:
    """The light segmenter; see :class:`vssn.runtime.openvino_segmentation.Network`."""
    return _probabilities(_decoder(layers, _encoder(layers, image, weights), weights))
