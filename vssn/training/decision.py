"""Training of the decision network on features and measured agreement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vssn.checkpoints.tf1 import BEST_NAME, FINAL_NAME, load_decision, save_decision
from vssn.errors import MediaError
from vssn.models.decision import build_decision
from vssn.models.layout import FEATURE_SHAPE
from vssn.training.archive import read_array
from vssn.training.feature_record import (
    AGREEMENT_FILE,
    FEATURES_FILE,
    MAX_ARRAY_BYTES,
    FeatureRecord,
    check_feature_record,
)
from vssn.training.progress import Metrics
from vssn.training.recipes import DecisionRecipe
from vssn.types import Float32Array

PREDICT_BATCH = 512
HELD_OUT_RUN = 20  # consecutive pairs
MIN_DEVIATION = 0.1  # of a channel, as a share of all features'


@dataclass(frozen=True)
class FeatureSet:
    """Pairs of frames.

    Attributes:
        features: (N, 4, 5, 384) float32.
        agreement: (N,) float32, 0-100, measured.
        record: what they were made with, where that is known.
    """

    features: Float32Array
    agreement: Float32Array
    record: FeatureRecord | None = None


def _read_array(path: Path) -> npt.NDArray[Any]:
    try:
        array = read_array(path, MAX_ARRAY_BYTES, "features")
    except ValueError as error:
        raise MediaError(
            f"features '{path}' ({error})", "a NumPy array file", "run vssn features again"
        ) from error
    if array.dtype.kind not in "fiu":
        raise MediaError(
            f"'{path}' of {array.dtype}", "numbers in a NumPy array file", "generate it again"
        )
    return array.astype(np.float32, copy=False)


def read_feature_set(directory: Path) -> FeatureSet:
    """Read ``X.npy`` and ``Y.npy``, and compare them with ``features.json`` where that is there.

    Raises:
        MediaError: missing, changed, damaged, of other shapes, types or lengths, empty,
            non-finite, or agreement outside 0-100.
    """
    record = check_feature_record(directory)
    features = _read_array(directory / FEATURES_FILE)
    agreement = _read_array(directory / AGREEMENT_FILE)
    agreement = (
        agreement.reshape(-1) if agreement.ndim == 2 and agreement.shape[1] == 1 else agreement
    )
    found = f"'{directory}' with X {features.shape} and Y {agreement.shape}"
    if features.shape[1:] != FEATURE_SHAPE or agreement.ndim != 1 or not len(agreement):
        raise MediaError(found, f"X (N, {FEATURE_SHAPE}) and Y (N,)", "generate them again")
    if len(features) != len(agreement):
        raise MediaError(found, "as many features as agreements", "generate them together")
    if not (np.isfinite(features).all() and np.isfinite(agreement).all()):
        raise MediaError(found, "finite numbers only", "generate them again")
    if agreement.min() < 0 or agreement.max() > 100:
        raise MediaError(
            f"'{directory / 'Y.npy'}' from {agreement.min():g} to {agreement.max():g}",
            "values from 0 to 100",
            "generate them again",
        )
    return FeatureSet(features, agreement, record)


def hold_out(pairs: FeatureSet, share: float, seed: int) -> tuple[FeatureSet, FeatureSet]:
    """Split off about a share of the pairs, in runs of consecutive ones, which look alike.

    Returns:
        Remaining pairs, held-out pairs.

    Raises:
        MediaError: none would remain.
    """
    runs = -(-len(pairs.agreement) // HELD_OUT_RUN)
    chosen = np.random.default_rng(seed).permutation(runs)[: round(share * runs)]
    held = np.isin(np.arange(len(pairs.agreement)) // HELD_OUT_RUN, chosen)
    if held.all():
        raise MediaError(
            f"{len(held)} pairs with {share:g} of them held out", "some to train on", "make more"
        )
    left, off = (FeatureSet(pairs.features[part], pairs.agreement[part]) for part in (~held, held))
    return left, off


def _initialise(model: keras.Model, train: FeatureSet) -> None:
    """Start with the mean agreement as output and the channels of the features at unit scale.

    Otherwise dropout's noise on an output of about 90 hides differences of a few points.
    """
    first, last = model.get_layer("Conv"), model.layers[-2]
    # The lower bound keeps nearly constant channels from becoming noise.
    least = max(MIN_DEVIATION * float(train.features.std()), 1e-6)
    deviation = np.maximum(train.features.std(axis=(0, 1, 2)), least)
    first.kernel.assign(first.kernel / deviation[:, np.newaxis])
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

    def predict(self, features: Float32Array) -> Float32Array:
        """(N,) float32 predicted confidence, 0-100, of (N, 4, 5, 384) features."""
        if not len(features):  # Keras refuses an empty array
            return np.empty(0, np.float32)
        confidence = self.model.predict(features, batch_size=PREDICT_BATCH, verbose=0)
        return confidence[:, 0]  # type: ignore[no-any-return]

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
