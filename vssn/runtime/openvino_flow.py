"""Thin FlowNetS and the decision network as OpenVINO graphs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from vssn.checkpoints.arrays import Weights
from vssn.labels import SCALE_CHANNELS
from vssn.models.layout import DENSE_UNITS, ENCODER, FEATURE_SHAPE, FLOW_UNIT, LEAK, REFINEMENT
from vssn.runtime.folding import ConvWeights, deconvolution_phases
from vssn.runtime.openvino_graph import (
    Node,
    channels_first,
    channels_last,
    convolution,
    cropped,
    leaky_relu,
    shape_of,
)
from vssn.types import Float32Array

SKIPS = tuple(skip for _, skip, _ in reversed(REFINEMENT))
DEEPEST = ENCODER[-1][0]


def _linear(weights: Weights, name: str) -> ConvWeights:
    return ConvWeights(weights[f"{name}/kernel"], weights[f"{name}/bias"])


def build_flow_encoder(weights: Weights, input_hw: tuple[int, int]) -> ov.Model:
    """Build FlowNetS' encoder.

    Args:
        weights: from :func:`vssn.checkpoints.arrays.read_flownets`.
        input_hw: height and width of both frames in px; 64 px or more.

    Returns:
        Model from the current and the key frame, each (1, H, W, 3) float32 RGB in [0, 1], to
        the features that the refinement reads, (1, h, w, c) float32, fine to coarse; the last
        is ``feature``, which the decision network reads.
    """
    names = ("current", "key")
    frames = [ops.parameter([1, *input_hw, 3], np.float32, name=name) for name in names]
    x = channels_first(ops.concat(frames, 3))
    features = {}
    for name, _, _, strides in ENCODER:
        x = features[name] = leaky_relu(convolution(x, _linear(weights, name), strides), LEAK)
    results = [channels_last(features[name]) for name in (*SKIPS, DEEPEST)]
    return ov.Model(results, frames, "flownets_encoder")


def _enlarged(x: Node, skip: Node, kernel: Float32Array, leak: float | None = None) -> Node:
    """Deconvolution 4x4/2 without bias, cropped at the start to the size of ``skip``."""
    x = convolution(x, deconvolution_phases(kernel), padding=((1, 1), (1, 1)))
    x = x if leak is None else leaky_relu(x, leak)
    height, width = shape_of(skip)[2:]
    return cropped(ops.depth_to_space(x, "blocks_first", 2), (1, 1 + height), (1, 1 + width))


def _refined(features: Mapping[str, Node], weights: Weights) -> Node:
    x = features[DEEPEST]
    for level, skip_name, _ in REFINEMENT:
        flow = convolution(x, _linear(weights, f"predict_flow{level + 1}"))
        skip = features[skip_name]
        up = _enlarged(x, skip, weights[f"deconv{level}/kernel"], LEAK)
        flow_up = _enlarged(flow, skip, weights[f"upsample_flow{level + 1}to{level}/kernel"])
        x = ops.concat([skip, up, flow_up], 1)
    return x


def _flow_and_scale(weights: Weights) -> ConvWeights:
    """One convolution for both: the flow in cells, and the scale of our classes only."""
    flow, scale = _linear(weights, "predict_flow2"), _linear(weights, "predict_scale")
    chosen = list(SCALE_CHANNELS)
    return ConvWeights(
        np.concatenate([flow.kernel * np.float32(FLOW_UNIT), scale.kernel[..., chosen]], axis=3),
        np.concatenate([flow.bias * np.float32(FLOW_UNIT), scale.bias[chosen]]),
    )


def build_flow_refinement(weights: Weights, encoder: ov.Model) -> ov.Model:
    """Build FlowNetS' refinement.

    Args:
        weights: from :func:`vssn.checkpoints.arrays.read_flownets`.
        encoder: from :func:`build_flow_encoder`, for its outputs' shapes.

    Returns:
        Model from the encoder's outputs to (1, h, w, 13) float32: the flow (dx, dy) in cells of
        its grid, current -> key, then the scale of the 11 CamVid classes.
    """
    names = (*SKIPS, DEEPEST)
    inputs = [
        ops.parameter(list(output.shape), np.float32, name=name)
        for name, output in zip(names, encoder.outputs, strict=True)
    ]
    features = {name: channels_first(x) for name, x in zip(names, inputs, strict=True)}
    x = convolution(_refined(features, weights), _flow_and_scale(weights))
    return ov.Model([channels_last(x)], inputs, "flownets_refinement")


def build_decision_graph(
    weights: Weights, feature_shape: tuple[int, int, int] = FEATURE_SHAPE
) -> ov.Model:
    """Build the decision network.

    Args:
        weights: from :func:`vssn.checkpoints.arrays.read_decision`.
        feature_shape: (h, w, channels) of the flow network's ``feature``.

    Returns:
        Model from (1, *feature_shape) float32 to the predicted confidence (1, 1) float32, 0-100.
    """
    feature = ops.parameter([1, *feature_shape], np.float32, name="feature")
    x = leaky_relu(convolution(channels_first(feature), _linear(weights, "Conv")), LEAK)
    x = ops.reshape(channels_last(x), [1, -1], special_zero=False)
    for index in range(len(DENSE_UNITS)):
        name = "fully_connected" if index == 0 else f"fully_connected_{index}"
        dense = np.ascontiguousarray(weights[f"{name}/kernel"].T)
        x = ops.matmul(x, ops.constant(dense), False, True)
        x = leaky_relu(ops.add(x, ops.constant(weights[f"{name}/bias"][np.newaxis])), LEAK)
    return ov.Model([x], [feature], "decision")
