"""Layers that only training needs."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf


class FusedBatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Keras' batch normalisation with its training step as one fused TensorFlow kernel.

    Keras 3 computes the moments and the normalisation in separate float32 passes; on a CPU those
    passes took a third of a training step. Same variables, same result up to rounding.
    """

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: None = None) -> tf.Tensor:
        """Normalise (batch, h, w, channels) ``inputs``, over the batch in training."""
        if not training:
            return super().call(inputs, training=False)
        empty = tf.zeros([0])
        out, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=tf.cast(inputs, self.compute_dtype),
            scale=self.gamma,
            offset=self.beta,
            mean=empty,
            variance=empty,
            epsilon=self.epsilon,
            is_training=True,
        )
        for moving, batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + batch * (1 - self.momentum))
        return out


def for_training(
    model: keras.Model, is_frozen: Callable[[keras.layers.Layer], bool]
) -> keras.Model:
    """Return a copy of ``model`` with new random weights and fused batch norms.

    Args:
        model: with batch norms of Keras' own.
        is_frozen: whether a layer keeps its weights; a batch norm that does uses the mean and
            variance that it has.
    """

    def swap(layer: keras.layers.Layer) -> keras.layers.Layer:
        frozen = is_frozen(layer)
        is_norm = type(layer) is keras.layers.BatchNormalization
        kind = FusedBatchNormalization if is_norm and not frozen else type(layer)
        copy = kind.from_config(layer.get_config())
        if frozen:
            copy.trainable = False
        return copy

    return keras.models.clone_model(model, clone_function=swap)
