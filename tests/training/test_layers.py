"""The fused batch norm gives what Keras' own gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

SHAPE = (4, 9, 11, 5)
VALUES = 4 * 9 * 11


def make_model(name: str = "norm") -> Any:
    import keras

    image = keras.Input(SHAPE[1:])
    x = keras.layers.BatchNormalization(epsilon=1e-3, momentum=0.9, name=name)(image)
    return keras.Model(image, x)


@pytest.fixture(scope="module")
def models() -> tuple[Any, Any]:
    """Keras' own and the fused one, with the same weights."""
    from vssn.training.layers import for_training

    plain = make_model()
    rng = np.random.default_rng(0)
    weights = [
        rng.uniform(0.5, 1.5, np.shape(value)).astype(np.float32) for value in plain.get_weights()
    ]
    fused = for_training(plain, lambda layer: False)
    for model in (plain, fused):
        model.set_weights(weights)
    return plain, fused


@pytest.fixture(scope="module")
def steps(models: tuple[Any, Any]) -> list[dict[str, Any]]:
    """Both models' output, gradients and moving statistics of one training step."""
    import tensorflow as tf

    rng = np.random.default_rng(1)
    x = tf.constant(rng.normal(2, 3, SHAPE), tf.float32)
    target = tf.constant(rng.standard_normal(SHAPE), tf.float32)
    made = []
    for model in models:
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = model(x, training=True)
            loss = tf.reduce_mean((out - target) ** 2)
        gradients = tape.gradient(loss, [x, *model.trainable_variables])
        layer = model.get_layer("norm")
        made.append(
            {
                "out": out.numpy(),
                "gradients": [gradient.numpy() for gradient in gradients],
                "mean": np.asarray(layer.moving_mean),
                "variance": np.asarray(layer.moving_variance),
                "later": model(x, training=False).numpy(),
            }
        )
    return made


def test_the_layer_is_swapped_and_its_settings_kept(models: tuple[Any, Any]) -> None:
    from vssn.training.layers import FusedBatchNormalization

    plain, fused = (model.get_layer("norm") for model in models)
    assert type(fused) is FusedBatchNormalization
    assert (fused.epsilon, fused.momentum) == (plain.epsilon, plain.momentum)
    assert [v.name for v in fused.weights] == [v.name for v in plain.weights]


def test_values_in_training(steps: list[dict[str, Any]]) -> None:
    plain, fused = steps
    np.testing.assert_allclose(fused["out"], plain["out"], rtol=1e-4, atol=1e-5)


def test_gradients(steps: list[dict[str, Any]]) -> None:
    for fused, plain in zip(steps[1]["gradients"], steps[0]["gradients"], strict=True):
        np.testing.assert_allclose(fused, plain, rtol=1e-3, atol=1e-6)


def test_moving_statistics(steps: list[dict[str, Any]]) -> None:
    plain, fused = steps
    np.testing.assert_allclose(fused["mean"], plain["mean"], rtol=1e-5)
    # TensorFlow's kernel gives the variance of a sample, larger by n / (n - 1).
    np.testing.assert_allclose(fused["variance"], plain["variance"], rtol=1 / (VALUES - 1) + 1e-5)


def test_values_at_inference(steps: list[dict[str, Any]]) -> None:
    plain, fused = steps
    np.testing.assert_allclose(fused["later"], plain["later"], rtol=4e-3, atol=2e-3)
    assert np.abs(plain["later"] - plain["out"]).max() > 0.1


def test_half_precision_keeps_float32_statistics() -> None:
    import keras
    import tensorflow as tf

    from vssn.training.layers import FusedBatchNormalization

    layer = FusedBatchNormalization(momentum=0.0, dtype="mixed_bfloat16")
    x = np.random.default_rng(0).normal(2, 3, SHAPE).astype(np.float32)
    out = layer(tf.constant(x), training=True)
    assert out.dtype == tf.bfloat16
    assert keras.backend.standardize_dtype(layer.moving_mean.dtype) == "float32"
    np.testing.assert_allclose(np.asarray(layer.moving_mean), x.mean((0, 1, 2)), rtol=0.02)
