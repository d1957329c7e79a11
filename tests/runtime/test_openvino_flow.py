from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest

from vssn.labels import SCALE_CHANNELS
from vssn.models.layout import FEATURE_SHAPE
from vssn.openvino_core import openvino_core
from vssn.runtime.openvino_flow import (
    build_decision_graph,
    build_flow_encoder,
    build_flow_refinement,
)
from vssn.runtime.openvino_networks import OpenVINODecision, OpenVINOFlow

if TYPE_CHECKING:
    import keras

    from vssn.checkpoints.arrays import Weights


def compiled(graph: ov.Model) -> ov.CompiledModel:
    return openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


def flow_network(weights: Weights, hw: tuple[int, int]) -> OpenVINOFlow:
    encoder = build_flow_encoder(weights, hw)
    return OpenVINOFlow(compiled(encoder), compiled(build_flow_refinement(weights, encoder)))


# The second size is cropped at every level of the refinement, in rows and in columns.
@pytest.mark.parametrize("hw", [(208, 304), (69, 101)])
def test_flow_scale_and_feature_are_those_of_keras(
    flownets: keras.Model, flownets_arrays: Weights, hw: tuple[int, int]
) -> None:
    from vssn.models.flownets import build_flownets

    model = build_flownets(hw)
    model.set_weights(flownets.get_weights())
    current, key = np.random.default_rng(1).random((2, *hw, 3)).astype(np.float32)
    expected = model(np.concatenate([current, key], -1)[np.newaxis], training=False)
    comparison = flow_network(flownets_arrays, hw).compare(current, key)
    estimate = comparison.estimate()
    flow, scale = expected["flow"].numpy()[0], expected["scale"].numpy()[0]
    assert np.ptp(flow) > 1e-3
    np.testing.assert_allclose(comparison.feature, expected["feature"].numpy()[0], atol=1e-4)
    np.testing.assert_allclose(estimate.flow, flow, atol=1e-4)
    np.testing.assert_allclose(estimate.scale, scale[..., SCALE_CHANNELS], atol=1e-4)


def test_scale_channels_are_chosen_by_meaning(flownets_arrays: Weights) -> None:
    weights = dict(flownets_arrays)
    weights["predict_scale/kernel"] = np.zeros_like(weights["predict_scale/kernel"])
    weights["predict_scale/bias"] = np.arange(19, dtype=np.float32)
    frame = np.zeros((64, 96, 3), np.float32)
    scale = flow_network(weights, (64, 96)).compare(frame, frame).estimate().scale
    np.testing.assert_allclose(scale[0, 0], SCALE_CHANNELS, atol=1e-5)


def test_a_comparison_keeps_its_own_frames(flownets_arrays: Weights) -> None:
    network = flow_network(flownets_arrays, (64, 96))
    first, second, key = np.random.default_rng(2).random((3, 64, 96, 3)).astype(np.float32)
    alone = network.compare(first, key).estimate().flow
    held = network.compare(first, key)
    feature = held.feature.copy()
    assert abs(network.compare(second, key).feature - feature).max() > 1e-6
    np.testing.assert_array_equal(held.feature, feature)
    np.testing.assert_array_equal(held.estimate().flow, alone)
    assert held.estimate() is held.estimate()


def test_the_decision_is_that_of_keras(decision: keras.Model, decision_arrays: Weights) -> None:
    feature = np.random.default_rng(3).normal(0, 3, FEATURE_SHAPE).astype(np.float32)
    expected = float(decision(feature[np.newaxis], training=False)[0, 0])
    got = OpenVINODecision(compiled(build_decision_graph(decision_arrays))).predicted_confidence(
        feature
    )
    assert got == pytest.approx(expected, rel=1e-4)
