"""Training of the decision network on features and measured agreement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vssn.checkpoints.tf1 import BEST_NAME, FINAL_NAME, load_decision, save_decision
from vssn.models.decision import build_decision
from vssn.training.feature_set import Features, FeatureSet, blocks
from vssn.training.feature_statistics import channel_deviations, deviation
from vssn.training.progress import Metrics
from vssn.training.recipes import DecisionRecipe
from vssn.types import Float32Array

PREDICT_BATCH = 512  # a block of features is a multiple of it
MIN_DEVIATION = 0.1  # of a channel, as a share of all features'


def _initialise(model: keras.Model, train: FeatureSet) -> None:
    """Start with the mean agreement as output and the channels of the features at unit scale.

    Otherwise dropout's noise on an output of about 90 hides differences of a few points.
    """
    first, last = model.get_layer("Conv"), model.layers[-2]
    # The lower bound keeps nearly constant channels from becoming noise.
    least = max(MIN_DEVIATION * deviation(train.features), 1e-6)
    scale = np.maximum(channel_deviations(train.features), least)
    first.kernel.assign(first.kernel / scale[:, np.newaxis])
    last.bias.assign([float(train.agreement.mean())])


class DecisionTask:
    """A :class:`vssn.training.loop.Task` for the decision network.

    Args:
        train: pairs to train on.
        val: pairs that choose the best epoch.
        recipe: settings.
    """

    def __init__(self, train: FeatureSet, val: FeatureSet, recipe: DecisionRecipe) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.recipe = recipe
        self.train = train
        self.val = val
        self.steps_per_epoch = -(-len(train.agreement) // recipe.batch_size)
        self.model = build_decision()
        _initialise(self.model, train)
        rate = keras.optimizers.schedules.ExponentialDecay(
            recipe.learning_rate, self.steps_per_epoch, recipe.decay, staircase=True
        )
        self._optimizer = keras.optimizers.Adam(rate)
        self._optimizer.build(self.model.trainable_variables)
        self._step = tf.function(self._train_step, reduce_retracing=True, autograph=False)

    def variables(self) -> list[Any]:
        """Weights, and the states of the optimizer and of dropout."""
        dropouts = [layer for layer in self.model.layers if isinstance(layer, keras.layers.Dropout)]
        seeds = [dropout.seed_generator.state for dropout in dropouts]
        return [*self.model.weights, *self._optimizer.variables, *seeds]

    def batches(self, epoch: int) -> Iterator[tuple[Float32Array, Float32Array]]:
        """Shuffled batches of features and agreement; the last one may be smaller."""
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(
            len(self.train.agreement)
        )
        for start in range(0, len(order), self.recipe.batch_size):
            chosen = order[start : start + self.recipe.batch_size]
            yield self.train.features[chosen], self.train.agreement[chosen]

    def _train_step(self, features: tf.Tensor, agreement: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            # The original squares the error. The absolute error is robust to the part of a
            # synthetic pair's agreement that no feature shows.
            loss = tf.reduce_mean(tf.abs(self.model(features, training=True)[:, 0] - agreement))
        variables = self.model.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    def train_step(self, *batch: npt.NDArray[Any]) -> Metrics:
        """Train on one batch."""
        return {"mean_absolute_error": float(self._step(*map(tf.constant, batch)))}

    def load_best(self, directory: Path) -> None:
        """Load the best model saved.

        Raises:
            CheckpointError: it is damaged.
        """
        load_decision(self.model, directory / BEST_NAME)

    def predict(self, features: Features) -> Float32Array:
        """(N,) float32 predicted confidence, 0-100, of (N, 4, 5, 384) features."""
        predicted = [np.empty(0, np.float32)]
        for block in blocks(features):
            confidence = self.model.predict(block, batch_size=PREDICT_BATCH, verbose=0)
            predicted.append(confidence[:, 0])
        return np.concatenate(predicted)

    def train_error(self) -> float:
        """Mean absolute error on the training pairs in points, without dropout."""
        return _mean_absolute_error(self.predict(self.train.features), self.train.agreement)

    def validate(self) -> Metrics:
        """Mean absolute error on the validation pairs, in points."""
        predicted = self.predict(self.val.features)
        return {"val_mean_absolute_error": _mean_absolute_error(predicted, self.val.agreement)}

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """Compare mean absolute errors."""
        return metrics["val_mean_absolute_error"] < best["val_mean_absolute_error"]

    def save(self, directory: Path, best: bool) -> None:
        """Write a TF1 checkpoint: the best as ``model.ckpt``, the last as ``modelFinal.ckpt``."""
        save_decision(self.model, directory, BEST_NAME if best else FINAL_NAME)


def _mean_absolute_error(predicted: Float32Array, measured: Float32Array) -> float:
    return float(np.abs(predicted - measured).mean())
