"""Training of thin FlowNetS for propagation: warped class probabilities against labels."""

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
from vssn.labels import SCALE_CHANNELS
from vssn.preprocess import FLOW_INPUT_HW
from vssn.training.batches import drawn_ahead
from vssn.training.flow import (
    PIXELS_PER_CELL,
    coarse_error,
    end_point_error,
    with_coarse_predictions,
)
from vssn.training.probability_cache import PROBABILITY_ONE
from vssn.training.progress import Metrics
from vssn.training.propagation_validation import PropagationEvaluator
from vssn.training.recipes import PropagationRecipe
from vssn.training.schedules import warm_cosine
from vssn.training.synthetic_chains import Chain, SegmentedStill, jittered, synthetic_chain
from vssn.training.synthetic_motion import cut_outs
from vssn.training.video_chains import VideoChains
from vssn.training.warp_loss import propagated, warp_loss

Batch = tuple[npt.NDArray[Any], ...]


class PropagationTask:
    """A :class:`vssn.training.loop.Task` for thin FlowNetS, flow and scale together.

    Args:
        model: from :func:`vssn.models.flownets.build_flownets`.
        stills: labelled stills, which get synthetic motion.
        clips: chains from real video.
        evaluator: for validation.
        recipe: settings.
        epochs: length of the learning-rate cycle.
    """

    def __init__(
        self,
        model: keras.Model,
        stills: list[SegmentedStill],
        clips: list[VideoChains],
        evaluator: PropagationEvaluator,
        recipe: PropagationRecipe,
        epochs: int,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.steps_per_epoch = recipe.steps_per_epoch
        self._stills, self._clips, self._evaluator = stills, clips, evaluator
        self._objects = [cut for s in stills for cut in cut_outs(s.image_rgb, s.label)]
        self._taps = with_coarse_predictions(model)
        cycle = warm_cosine(recipe.rate, epochs * recipe.steps_per_epoch)
        self._optimizer = keras.optimizers.AdamW(cycle, weight_decay=4e-4, clipnorm=5.0)
        self._optimizer.build(model.trainable_variables)
        self._step = tf.function(self._train_step, autograph=False)

    def variables(self) -> list[Any]:
        """Weights and the optimizer's state."""
        return [*self.model.weights, *self._optimizer.variables]

    def _chain(self, epoch: int, index: int) -> Chain:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, epoch, index))
        if self._clips and rng.random() < recipe.real_share:
            chain = self._clips[rng.integers(len(self._clips))].chain(rng)
        else:
            still = self._stills[rng.integers(len(self._stills))]
            chain = synthetic_chain(
                rng, still, self._objects, FLOW_INPUT_HW, recipe.chain_steps, recipe.min_share
            )
        return jittered(rng, chain, recipe.displaced_share)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Batches of chains: each attribute of a :class:`Chain`, stacked."""
        size = self.recipe.batch_size
        indices = range(self.steps_per_epoch * size)
        for chains in drawn_ahead(partial(self._chain, epoch), indices, size):
            yield tuple(
                np.stack([getattr(chain, name) for chain in chains])
                for name in ("frames_rgb", "probabilities", "labels", "flow", "weight")
            )

    def _train_step(
        self, frames: tf.Tensor, probabilities: tf.Tensor, *truth: tf.Tensor
    ) -> tf.Tensor:
        # Batches hold the chains' first step, then their second, and so on.
        labels, flow, weight = (tf.concat(tf.unstack(part, axis=1), 0) for part in truth)
        frames = tf.cast(frames, tf.float32) / 255.0
        pairs = tf.concat([frames[:, 1:], frames[:, :-1]], axis=-1)
        with tf.GradientTape() as tape:
            *coarse, fine, scale = self._taps(
                tf.concat(tf.unstack(pairs, axis=1), 0), training=True
            )
            warped = self._propagated(
                tf.cast(probabilities, tf.float32) / PROBABILITY_ONE, fine, scale
            )
            warping = warp_loss(warped, tf.cast(labels, tf.int32), self.recipe.jaccard_weight)
            error = self._flow_error(coarse, fine, flow, weight)
            loss = warping + self.recipe.flow_weight * error
        variables = self.model.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return warping, error

    def _propagated(self, probabilities: tf.Tensor, flow: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
        """Probabilities after every step: those of all chains' first step first."""
        steps = self.recipe.chain_steps
        scale = tf.gather(scale, SCALE_CHANNELS, axis=-1)
        results = []
        for each in zip(tf.split(flow, steps), tf.split(scale, steps), strict=True):
            results.append(propagated(probabilities, *each))
            # Gradients don't flow from a step to the one before.
            probabilities = tf.stop_gradient(results[-1])
        return tf.concat(results, 0)

    def _flow_error(
        self, coarse: list[tf.Tensor], fine: tf.Tensor, flow: tf.Tensor, weight: tf.Tensor
    ) -> tf.Tensor:
        weight /= 1 + tf.norm(flow, axis=-1) / self.recipe.slow_px
        full = tf.image.resize(fine * PIXELS_PER_CELL, FLOW_INPUT_HW)
        return end_point_error(full, flow, weight) + coarse_error(coarse, flow, weight)

    def train_step(self, *batch: npt.NDArray[Any]) -> Metrics:
        """Train on one batch."""
        warping, error = self._step(*map(tf.constant, batch))
        return {"warp_loss": float(warping), "flow_error_px": float(error)}

    def validate(self) -> Metrics:
        """Mean IoU of propagated probabilities; see :class:`PropagationEvaluator`."""
        return self._evaluator.metrics(self.model)

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """Compare mean IoU."""
        return metrics["val_mean_iou"] > best["val_mean_iou"]

    def save(self, directory: Path, best: bool) -> None:
        """Write a TF1 checkpoint: the best as ``model.ckpt``, the last as ``modelFinal.ckpt``."""
        save_flownets(self.model, directory, BEST_NAME if best else FINAL_NAME)
