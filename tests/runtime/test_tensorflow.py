"""The TensorFlow runtime gives what the Keras models give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.labels import SCALE_CHANNELS
from vssn.preprocess import flow_input, segnet_input

if TYPE_CHECKING:
    import keras

    from vssn.runtime.tensorflow import TensorFlowFlow


def frame(seed: int = 0, hw: tuple[int, int] = (90, 120)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*hw, 3), np.uint8)


def test_segmentation_gives_the_models_scores_without_void(small_segnet: keras.Model) -> None:
    from vssn.runtime.tensorflow import TensorFlowSegmentation, freeze

    network = TensorFlowSegmentation(freeze(small_segnet), (64, 96))
    probabilities = network.probabilities(frame())
    model_probabilities = np.asarray(small_segnet(segnet_input(frame(), (64, 96)), training=False))
    assert probabilities.shape == (32, 48, 11)
    assert probabilities.dtype == np.float32
    assert probabilities.flags.c_contiguous
    expected = model_probabilities.reshape(32, 48, 12)[..., :11]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-6)
    assert probabilities.std() > 1e-4


def test_void_never_wins() -> None:
    import tensorflow as tf

    from vssn.runtime.tensorflow import TensorFlowSegmentation

    flat = np.zeros((1, 16 * 24, 12), np.float32)
    flat[..., 11] = 0.9
    flat[..., 4] = 0.1
    network = TensorFlowSegmentation(lambda _: [tf.constant(flat)], (32, 48))
    probabilities = network.probabilities(frame())
    assert probabilities.shape == (16, 24, 11)
    assert (probabilities.argmax(-1) == 4).all()


def test_rows_of_the_flat_output_are_rows_of_the_image() -> None:
    import tensorflow as tf

    from vssn.runtime.tensorflow import TensorFlowSegmentation

    flat = np.zeros((1, 16 * 24, 12), np.float32)
    flat[0, 5 * 24 + 7, 8] = 1
    network = TensorFlowSegmentation(lambda _: [tf.constant(flat)], (32, 48))
    ys, xs, classes = np.nonzero(network.probabilities(frame()))
    assert (ys.tolist(), xs.tolist(), classes.tolist()) == ([5], [7], [8])


@pytest.fixture(scope="module")
def flow_network(flownets: keras.Model) -> TensorFlowFlow:
    from vssn.runtime.tensorflow import TensorFlowFlow

    return TensorFlowFlow(flownets)


@pytest.fixture(scope="module")
def model_output(flownets: keras.Model) -> dict[str, np.ndarray]:
    """The whole model on frames 1 (current) and 2 (key)."""
    pair = np.concatenate([flow_input(frame(1)), flow_input(frame(2))], axis=-1)[np.newaxis]
    return {name: np.asarray(value)[0] for name, value in flownets(pair, training=False).items()}


def test_encoder_and_refinement_apart_give_what_the_whole_network_gives(
    flow_network: TensorFlowFlow, model_output: dict[str, np.ndarray]
) -> None:
    current, key = (flow_network.prepare(frame(seed)) for seed in (1, 2))
    comparison = flow_network.compare(current, key)
    np.testing.assert_allclose(comparison.feature, model_output["feature"], rtol=1e-3, atol=1e-5)
    estimate = comparison.estimate()
    np.testing.assert_allclose(estimate.flow, model_output["flow"], rtol=1e-3, atol=1e-4)
    wanted = model_output["scale"][..., list(SCALE_CHANNELS)]
    assert estimate.scale.shape == (52, 76, 11)
    np.testing.assert_allclose(estimate.scale, wanted, rtol=1e-4)
    assert estimate.scale.std() > 0
    assert comparison.feature.dtype == estimate.flow.dtype == estimate.scale.dtype == np.float32


def test_current_comes_first(
    flow_network: TensorFlowFlow, model_output: dict[str, np.ndarray]
) -> None:
    current, key = (flow_network.prepare(frame(seed)) for seed in (1, 2))
    swapped = flow_network.compare(key, current).feature
    assert np.abs(swapped - model_output["feature"]).max() > 1e-3


def test_the_encoder_runs_once_at_most_and_only_when_it_is_asked() -> None:
    import tensorflow as tf

    from vssn.runtime.tensorflow import TensorFlowComparison

    runs = []

    def encoder(pair: tf.Tensor) -> list[tf.Tensor]:
        runs.append("encoder")
        return [tf.reduce_mean(pair) * tf.ones((1, 4, 5, 384))]

    def refinement(*features: tf.Tensor) -> list[tf.Tensor]:
        runs.append("refinement")
        return [tf.zeros((1, 52, 76, 2)), tf.ones((1, 52, 76, 19))]

    pair = np.full((1, 208, 304, 6), 0.5, np.float32)
    comparison = TensorFlowComparison(encoder, refinement, pair, SCALE_CHANNELS)
    assert runs == []
    assert comparison.feature.shape == (4, 5, 384)
    comparison.estimate()
    assert comparison.feature[0, 0, 0] == 0.5
    assert runs == ["encoder", "refinement"]
    TensorFlowComparison(encoder, refinement, pair, SCALE_CHANNELS).estimate()
    assert runs == ["encoder", "refinement"] * 2


def test_the_scale_channels_are_those_of_the_classes_meaning() -> None:
    import tensorflow as tf

    from vssn.models.flownets import build_flownets
    from vssn.runtime import tensorflow as runtime

    scale = np.tile(np.arange(19, dtype=np.float32), (1, 16, 24, 1))
    model = build_flownets((64, 96))
    network = runtime.TensorFlowFlow(model)
    network._refinement = lambda *_: [tf.zeros((1, 16, 24, 2)), tf.constant(scale)]
    view = network.prepare(frame())
    assert network.compare(view, view).estimate().scale[0, 0].tolist() == [
        10,
        2,
        5,
        0,
        1,
        8,
        7,
        4,
        13,
        11,
        18,
    ]


def test_the_decision_network_gives_the_models_score_without_dropout(
    decision: keras.Model,
) -> None:
    from vssn.runtime.tensorflow import TensorFlowDecision

    feature = np.random.default_rng(0).standard_normal((4, 5, 384)).astype(np.float32)
    network = TensorFlowDecision(decision)
    expected = float(decision(feature[np.newaxis], training=False)[0, 0])
    score = network.predicted_confidence(feature)
    assert isinstance(score, float)
    assert score == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert network.predicted_confidence(feature) == score


def test_a_frozen_function_keeps_the_weights_it_had() -> None:
    from vssn.models.decision import build_decision
    from vssn.runtime.tensorflow import TensorFlowDecision

    model = build_decision()
    network = TensorFlowDecision(model)
    feature = np.ones((4, 5, 384), np.float32)
    before = network.predicted_confidence(feature)
    model.get_layer("fully_connected_3").bias.assign([500.0])
    assert network.predicted_confidence(feature) == before
