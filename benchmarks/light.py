"""The alternative: a light network on every frame.

EfficientNet-Lite2 with a feature pyramid of 128 channels, 352x480, as an OpenVINO graph. Its
weights are random, since time does not depend on them; its mean IoU is that of the same network
trained once on CamVid for 28 epochs, whose weights are not kept.

Sources: Tan and Le, "EfficientNet" (ICML 2019), and its Lite variant; Lin et al., "Feature Pyramid
Networks" (CVPR 2017).
"""

from __future__ import annotations

import cv2
import numpy as np
import openvino as ov
import openvino.opset13 as ops

from vssn.preprocess import SEGNET_MEANS_RGB
from vssn.runtime.folding import ConvWeights
from vssn.runtime.openvino_graph import Node, channels_first, channels_last, shape_of
from vssn.runtime.processor import byte_weight_limit
from vssn.runtime.quantisation import Layers
from vssn.streaming.labelling import labels_from_probabilities

TRAINED_MEAN_IOU = 0.696
INPUT_HW = (352, 480)
PYRAMID = 128
STEM = 32
# Kernel, stride, expansion, channels, blocks: B0's, scaled 1.1 in width and 1.2 in depth.
BLOCKS = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 3),
    (5, 2, 6, 48, 3),
    (3, 2, 6, 88, 4),
    (5, 1, 6, 120, 4),
    (5, 2, 6, 208, 5),
    (3, 1, 6, 352, 1),
)
PYRAMID_STAGES = (1, 2, 4, 6)  # the last of each stride: 4, 8, 16, 32
# Of what a layer reads: ReLU6's result, or a sum that may be negative.
RANGES = {"relu6": (0.0, 6.0), "sum": (-8.0, 8.0 * 127 / 128)}


class _Graph:
    """Builds layers with random weights, in eight bits where wanted."""

    def __init__(self, int8: bool) -> None:
        self._layers = Layers(RANGES if int8 else {}, byte_weight_limit())
        self._rng = np.random.default_rng(0)

    def convolution(self, x: Node, size: int, outputs: int, source: str, stride: int = 1) -> Node:
        inputs = shape_of(x)[1]
        spread = (2 / (size * size * inputs)) ** 0.5
        kernel = self._rng.normal(0, spread, (size, size, inputs, outputs)).astype(np.float32)
        linear = ConvWeights(kernel, np.zeros(outputs, np.float32))
        return self._layers.convolution(self._layers.named(source, x), source, linear, stride)

    def depthwise(self, x: Node, size: int, stride: int) -> Node:
        channels = shape_of(x)[1]
        kernel = self._rng.normal(0, 1 / size, (channels, 1, 1, size, size)).astype(np.float32)
        weights = ops.constant(kernel)
        if self._layers.ranges:
            limit = self._layers.weight_limit
            scale = np.abs(kernel).max(axis=(1, 2, 3, 4), keepdims=True) / limit
            steps = ops.constant(np.rint(kernel / scale).astype(np.int8))
            weights = ops.multiply(ops.convert(steps, "f32"), scale.astype(np.float32))
        pad = [size // 2] * 2
        x = self._layers.named("relu6", x)
        return ops.group_convolution(x, weights, [stride] * 2, pad, pad, [1, 1])


def _relu6(x: Node) -> Node:
    return ops.clamp(x, 0.0, 6.0)


def _block(graph: _Graph, x: Node, size: int, stride: int, expansion: int, outputs: int) -> Node:
    inputs = shape_of(x)[1]
    y = x
    if expansion > 1:
        y = _relu6(graph.convolution(y, 1, inputs * expansion, "sum"))
    y = _relu6(graph.depthwise(y, size, stride))
    y = graph.convolution(y, 1, outputs, "relu6")
    return ops.add(x, y) if (stride, inputs) == (1, outputs) else y


def _upsampled(x: Node) -> Node:
    height, width = shape_of(x)[2:]
    sizes, axes = np.array([2 * height, 2 * width]), np.array([2, 3])
    return ops.interpolate(x, sizes, "nearest", "sizes", axes=axes)


def build(int8: bool) -> ov.Model:
    """From (1, 352, 480, 3) uint8 RGB to class probabilities (88, 120, 12)."""
    graph = _Graph(int8)
    image = ops.parameter([1, *INPUT_HW, 3], np.uint8)
    x = channels_first(ops.convert(image, "f32"))
    x = ops.multiply(ops.subtract(x, SEGNET_MEANS_RGB.reshape(1, 3, 1, 1)), np.float32(1 / 128))
    x = _relu6(graph.convolution(x, 3, STEM, "sum", stride=2))
    pyramid = []
    for stage, (size, stride, expansion, outputs, blocks) in enumerate(BLOCKS):
        for index in range(blocks):
            x = _block(graph, x, size, stride if index == 0 else 1, expansion, outputs)
        if stage in PYRAMID_STAGES:
            pyramid.append(x)
    merged = graph.convolution(pyramid.pop(), 1, PYRAMID, "sum")
    while pyramid:
        lateral = graph.convolution(pyramid.pop(), 1, PYRAMID, "sum")
        merged = ops.add(_upsampled(merged), lateral)
    merged = _relu6(graph.convolution(merged, 3, PYRAMID, "sum"))
    logits = graph.convolution(merged, 1, 12, "relu6")
    return ov.Model([channels_last(ops.softmax(logits, 1))], [image], "light")


class LightNetwork:
    """Runs it on every frame, as far as labels at the frame's size."""

    def __init__(self, precision: str) -> None:
        hint = "bf16" if precision == "bf16" else "f32"
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": hint}
        compiled = ov.Core().compile_model(build(precision == "int8"), "CPU", config)
        self._request = compiled.create_infer_request()

    def labels(self, frame_bgr: np.ndarray) -> np.ndarray:
        small = cv2.resize(frame_bgr, INPUT_HW[::-1])
        rgb = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)[np.newaxis]
        self._request.infer([rgb], share_inputs=True)
        probabilities = self._request.get_output_tensor().data[0]
        return labels_from_probabilities(
            np.ascontiguousarray(probabilities[..., :11]), frame_bgr.shape[:2]
        )
