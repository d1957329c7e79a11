"""Training of thin FlowNetS on known flow: synthetic motion, and pseudo ground truth from clips."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vssn.checkpoints.tf1 import BEST_NAME, FINAL_NAME, save_flownets
from vssn.data.stills import Still
from vssn.models.layout import FLOW_UNIT
from vssn.preprocess import FLOW_INPUT_HW
from vssn.training.batches import drawn_ahead
from vssn.training.clip_pairs import PseudoLabelledClip
from vssn.training.progress import Metrics
from vssn.training.recipes import FlowRecipe
from vssn.training.schedules import warm_cosine
from vssn.training.synthetic_motion import FlowExample, cut_outs, photometric_jitter, synthetic_pair
from vssn.types import Float32Array

# Loss weights of the coarse predictions, after FlowNet's.
COARSE_WEIGHTS = {
    "predict_flow6": 0.32,
    "predict_flow5": 0.16,
    "predict_flow4": 0.16,
    "predict_flow3": 0.2,
}
PIXELS_PER_CELL = 4.0  # 208 / 52
HELD_OUT = 64  # synthetic pairs for validation


def end_point_error(
    predicted_px: tf.Tensor, flow_px: tf.Tensor, weight: tf.Tensor, epsilon: float = 0.1
) -> tf.Tensor:
    """Weighted mean length of the flow's error in px, smooth near zero."""
    squared = tf.reduce_sum((predicted_px - flow_px) ** 2, axis=-1)
    return tf.reduce_sum(tf.sqrt(squared + epsilon**2) * weight) / (tf.reduce_sum(weight) + 1e-6)


def with_coarse_predictions(model: keras.Model) -> keras.Model:
    """FlowNetS with its coarse predictions as outputs: [*coarse, flow, scale]."""
    coarse = [model.get_layer(name).output for name in COARSE_WEIGHTS]
    return keras.Model(model.input, [*coarse, model.output["flow"], model.output["scale"]])


def coarse_error(coarse: list[tf.Tensor], flow: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Weighted sum of the coarse predictions' end-point errors, in px of the frame.

    Args:
        coarse: outputs of the layers in :data:`COARSE_WEIGHTS`, (n, h, w, 2) float32 each.
        flow: (n, H, W, 2) float32 px.
        weight: (n, H, W) float32, 0-1, confidence in ``flow``.
    """
    total = tf.constant(0.0)
    for prediction, share in zip(coarse, COARSE_WEIGHTS.values(), strict=True):
        hw = prediction.shape[1:3]
        target = tf.image.resize(flow, hw, antialias=True)
        known = tf.image.resize(weight[..., tf.newaxis], hw, antialias=True)[..., 0]
        predicted_px = prediction * FLOW_UNIT * PIXELS_PER_CELL
        total += share * end_point_error(predicted_px, target, known)
    return total


def _stack(examples: list[FlowExample]) -> tuple[npt.NDArray[Any], Float32Array, Float32Array]:
    pairs = [np.concatenate([e.current_rgb, e.key_rgb], axis=-1) for e in examples]
    return (
        np.stack(pairs),
        np.stack([e.flow for e in examples]),
        np.stack([e.weight for e in examples]),
    )


class FlowTask:
    """A :class:`vssn.training.loop.Task` for thin FlowNetS.

    Args:
        model: from :func:`vssn.models.flownets.build_flownets`.
        stills: labelled stills, which get synthetic motion.
        clips: real clips with pseudo ground truth.
        recipe: settings.
        epochs: length of the learning-rate cycle.
    """

    def __init__(
        self,
        model: keras.Model,
        stills: list[Still],
        clips: list[PseudoLabelledClip],
        recipe: FlowRecipe,
        epochs: int,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.steps_per_epoch = recipe.steps_per_epoch
        loaded = [still.load_rgb() for still in stills]
        self._images = [image for image, _ in loaded]
        self._objects = [cut for image, label in loaded for cut in cut_outs(image, label)]
        self._clip_pairs = [(clip, pair) for clip in clips for pair in clip.pairs]
        self._taps = with_coarse_predictions(self.model)
        steps = epochs * recipe.steps_per_epoch
        self._optimizer = keras.optimizers.AdamW(
            warm_cosine(recipe.rate, steps), weight_decay=4e-4, clipnorm=5.0
        )
        # There is no ground truth for the scale: it keeps its value, which is one at first.
        fixed = self.model.get_layer("predict_scale")
        fixed.trainable = False
        self._optimizer.build(self.model.trainable_variables)
        self._step = tf.function(self._train_step, autograph=False)
        self._evaluator = tf.function(self._evaluate_batch, autograph=False)
        self._held_out = _stack(
            [self._synthetic((recipe.seed, 1 << 20, i)) for i in range(HELD_OUT)]
        )

    def variables(self) -> list[Any]:
        """Weights and the optimizer's state."""
        return [*self.model.weights, *self._optimizer.variables]

    def _synthetic(self, seed: tuple[int, ...]) -> FlowExample:
        rng = np.random.default_rng(seed)
        image = self._images[rng.integers(len(self._images))]
        return photometric_jitter(rng, synthetic_pair(rng, image, self._objects, FLOW_INPUT_HW))

    def _example(self, epoch: int, index: int) -> FlowExample:
        rng = np.random.default_rng((self.recipe.seed, epoch, index))
        if not self._clip_pairs or rng.random() >= self.recipe.real_share:
            return self._synthetic((self.recipe.seed, epoch, index, 0))
        clip, pair = self._clip_pairs[rng.integers(len(self._clip_pairs))]
        return photometric_jitter(rng, clip.example(pair, flip=bool(rng.random() < 0.5)))

    def batches(self, epoch: int) -> Iterator[tuple[npt.NDArray[Any], Float32Array, Float32Array]]:
        """Batches of (n, h, w, 6) uint8 pairs, (n, h, w, 2) flow in px and (n, h, w) weights."""
        size = self.recipe.batch_size
        indices = range(self.steps_per_epoch * size)
        return map(_stack, drawn_ahead(partial(self._example, epoch), indices, size))

    def _losses(
        self, pairs: tf.Tensor, flow: tf.Tensor, weight: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """End-point errors of the coarse predictions and of the resized flow, in px."""
        *coarse, fine, _ = self._taps(tf.cast(pairs, tf.float32) / 255.0, training=True)
        # Inference resizes the flow likewise before it warps.
        full = tf.image.resize(fine * PIXELS_PER_CELL, FLOW_INPUT_HW)
        return coarse_error(coarse, flow, weight), end_point_error(full, flow, weight)

    def _train_step(self, *batch: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            coarse, fine = self._losses(*batch)
            loss = coarse + fine
        variables = self.model.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return fine

    def train_step(self, *batch: npt.NDArray[Any]) -> Metrics:
        """Train on one batch."""
        return {"end_point_error_px": float(self._step(*map(tf.constant, batch)))}

    def _evaluate_batch(self, *batch: tf.Tensor) -> tf.Tensor:
        return self._losses(*batch)[-1]

    def validate(self) -> Metrics:
        """End-point error on synthetic pairs that are not trained on."""
        size = self.recipe.batch_size
        errors = [
            float(self._evaluator(*(tf.constant(part[i : i + size]) for part in self._held_out)))
            for i in range(0, HELD_OUT, size)
        ]
        return {"val_end_point_error_px": float(np.mean(errors))}

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """Compare end-point errors."""
        return metrics["val_end_point_error_px"] < best["val_end_point_error_px"]

    def save(self, directory: Path, best: bool) -> None:
        """Write a TF1 checkpoint: the best as ``model.ckpt``, the last as ``modelFinal.ckpt``."""
        save_flownets(self.model, directory, BEST_NAME if best else FINAL_NAME)
