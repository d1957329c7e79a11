"""Training of the segmentation networks on labelled stills, and on what teachers find in stills.

Sources of the teachers: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network"
(2015); Tarvainen and Valpola, "Mean teachers are better role models" (NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vssn.checkpoints.arrays import Weights
from vssn.checkpoints.segnet_weights import (
    assign_weights,
    build_network,
    save_segnet_weights,
    write_segnet_config,
)
from vssn.data.stills import Still
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import NUM_CLASSES
from vssn.models.architectures import Architecture, architecture_of
from vssn.models.layout import OUTPUT_STRIDE
from vssn.preprocess import SEGNET_MEANS_RGB, segnet_input, size_hw
from vssn.streaming.labelling import labels_from_probabilities
from vssn.training.augment import View, random_view
from vssn.training.batches import drawn_ahead
from vssn.training.frame_pairs import FramePairs
from vssn.training.layers import for_training
from vssn.training.losses import (
    disagreement,
    soft_cross_entropy,
    soft_jaccard,
    weighted_cross_entropy,
)
from vssn.training.mixture import Mixture
from vssn.training.progress import Metrics
from vssn.training.schedules import warm_cosine
from vssn.training.segnet_recipe import SegnetRecipe
from vssn.training.sources import Source
from vssn.training.warp_loss import sampled

Array = npt.NDArray[Any]

# (n, h, w, 3) uint8 RGB; (m, h, w) uint8 training labels of the first m of them; (m, h, w, 3) uint8
# what teachers see of those, (0, ...) without teachers; and of a pair, the last two,
# (1, h/2, w/2, 2) float32 flow and (1, h/2, w/2) where it is known; (0, ...) without one.
Batch = tuple[Array, Array, Array, Array, Array]
Drawn = tuple[list[tuple[int, tuple[int, int]]], int | None]


def _is_frozen(architecture: Architecture, recipe: SegnetRecipe, layer: keras.layers.Layer) -> bool:
    """Whether a layer keeps the weights that it starts with."""
    in_encoder = architecture.is_encoder(layer.name)
    held = [prefix for stage in architecture.stages[: recipe.frozen_stages] for prefix in stage]
    if in_encoder and layer.name.startswith(tuple(held)):
        return True
    is_norm = isinstance(layer, keras.layers.BatchNormalization)
    return is_norm and (recipe.frozen_norms or (recipe.frozen_encoder_norms and in_encoder))


def _build(
    architecture: Architecture, recipe: SegnetRecipe, input_hw: tuple[int, int], trained: bool
) -> keras.Model:
    """A model under the recipe's precision, whose output is the logits."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    try:
        model = build_network(architecture, input_hw)
        if trained:
            model = for_training(model, lambda layer: _is_frozen(architecture, recipe, layer))
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(model.inputs, model.get_layer("logits").output, name=architecture.name)


def _teacher(weights: Weights, recipe: SegnetRecipe) -> keras.Model:
    """A network that others learn from, in the precision of their training step."""
    model = _build(architecture_of(weights), recipe, recipe.crop_hw, trained=False)
    assign_weights(model, weights)
    return model


def _optimizer(peak: float, steps: int, recipe: SegnetRecipe) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.AdamW(warm_cosine(peak, steps), weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _network_input(images_rgb: tf.Tensor) -> tf.Tensor:
    """(n, h, w, 3) uint8 RGB as float32 less the means."""
    return tf.cast(images_rgb, tf.float32) - SEGNET_MEANS_RGB


class SegnetTask:
    """A :class:`vssn.training.loop.Task` for a segmentation network.

    Args:
        sources: stills to learn from, labelled or, with teachers, without labels; and, of at least
            one, to choose by.
        recipe: see :class:`SegnetRecipe`.
        epochs: length of the learning-rate cycle.
        initial: model to start from, of
            :func:`vssn.checkpoints.segnet_weights.build_network`.
        pairs: unlabelled neighbouring frames whose predictions should agree; None for none.
        teachers: weights of networks, of any architecture, whose mean probabilities are learned,
            of :func:`vssn.checkpoints.arrays.read_segnet`. They see a view before its colours,
            light and sharpness are changed.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        recipe: SegnetRecipe,
        epochs: int,
        initial: keras.Model,
        pairs: FramePairs | None = None,
        teachers: Sequence[Weights] = (),
    ) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.recipe = recipe
        self.mixture = Mixture(sources)
        self.pairs = pairs
        whole = max(1, self.mixture.size // recipe.batch_size)
        self.steps_per_epoch = recipe.epoch_steps or whole
        self.architecture = architecture_of(layer.name for layer in initial.layers)
        self.model = _build(self.architecture, recipe, recipe.crop_hw, trained=True)
        self.model.set_weights(initial.get_weights())
        self._input_hw: tuple[int, int] = initial.input_shape[1:3]
        self._evaluator = _build(self.architecture, recipe, self._input_hw, trained=False)
        self._forward = tf.function(
            lambda image: tf.nn.softmax(self._evaluator(image)), autograph=False
        )
        self._kept = initial
        averaged = _build(self.architecture, recipe, recipe.crop_hw, trained=False)
        averaged.set_weights(initial.get_weights())
        self.average = averaged.weights
        self._teachers = [_teacher(weights, recipe) for weights in teachers]
        self._teachers += [averaged] * recipe.average_teacher
        steps = epochs * self.steps_per_epoch
        self._average_decay = max(0.0, 1 - 1 / (recipe.average_share * steps))
        self._label_weights = tf.constant(self.mixture.label_weights(recipe.class_power))
        self._groups = self._make_groups(steps)
        self._step = tf.function(self._train_step, autograph=False)

    def _make_groups(self, steps: int) -> list[tuple[keras.optimizers.Optimizer, list[Any]]]:
        """Encoder and decoder variables, each with its optimizer."""
        encoder: list[Any] = []
        decoder: list[Any] = []
        for layer in self.model.layers:
            is_encoder = self.architecture.is_encoder(layer.name)
            (encoder if is_encoder else decoder).extend(layer.trainable_variables)
        groups = [
            (_optimizer(self.recipe.encoder_rate, steps, self.recipe), encoder),
            (_optimizer(self.recipe.decoder_rate, steps, self.recipe), decoder),
        ]
        for optimizer, variables in groups:
            optimizer.build(variables)
        return groups

    def variables(self) -> list[Any]:
        """Weights, their running average and the optimizers' state."""
        optimizer_state = [v for optimizer, _ in self._groups for v in optimizer.variables]
        return [*self.model.weights, *self.average, *optimizer_state]

    def _view(self, drawn: tuple[int, tuple[int, int]]) -> View:
        seed, place = drawn
        image, label = self.mixture.load(place)
        rng = np.random.default_rng(seed)
        return random_view(rng, image, label, self.recipe.crop_hw, self.recipe.views)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Batches of views, drawn ahead; see :data:`Batch`."""
        rng = np.random.default_rng((self.recipe.seed, epoch))
        steps = range(self.steps_per_epoch)
        drawn = [self._draw(rng, step) for step in steps]
        for (batch,) in drawn_ahead(self._batch, drawn, 1):
            yield batch

    def _draw(self, rng: np.random.Generator, step: int) -> Drawn:
        """What a batch is made of: stills with their seeds, and the seed of a pair if any."""
        places = self.mixture.draw(rng, self.recipe.batch_size)
        seeds = rng.integers(2**63, size=1 + len(places)).tolist()
        has_pair = self.pairs is not None and step % self.recipe.pair_every == 0
        return list(zip(seeds[1:], places, strict=True)), seeds[0] if has_pair else None

    def _batch(self, drawn: Drawn) -> Batch:
        views, pair_seed = drawn
        seen = [self._view(view) for view in views]
        images, labels = np.stack([v.image_rgb for v in seen]), np.stack([v.label for v in seen])
        height, width = crop_hw = self.recipe.crop_hw
        taught = [v.plain_rgb for v in seen if self._teachers]
        plain = np.stack(taught) if taught else np.zeros((0, *crop_hw, 3), np.uint8)
        half = (height // OUTPUT_STRIDE, width // OUTPUT_STRIDE)
        if pair_seed is None or self.pairs is None:
            return images, labels, plain, np.zeros((0, *half, 2), np.float32), np.zeros((0, *half))
        pair = self.pairs.draw(pair_seed, crop_hw, self.recipe.views)
        images = np.concatenate([images, pair.images_rgb])
        return images, labels, plain, pair.flow[np.newaxis], pair.known[np.newaxis]

    def _train_step(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        plain: tf.Tensor,
        flow: tf.Tensor,
        known: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        labels = tf.cast(labels, tf.int32)
        labelled = labels.shape[0]
        targets = self._soft_targets(plain) if self._teachers else None
        with tf.GradientTape() as tape:
            grid_logits = self.model(_network_input(images), training=True)
            # As at inference: enlarged, compared with every pixel's label, thin classes' too.
            logits = tf.image.resize(grid_logits[:labelled], self.recipe.crop_hw)
            entropy = weighted_cross_entropy(logits, labels, self._label_weights)
            jaccard = soft_jaccard(logits, labels)
            apart = self._disagreement(grid_logits[labelled:], flow, known)
            loss = entropy + self.recipe.jaccard_weight * jaccard
            loss += self.recipe.consistency_weight * apart
            losses = {"loss": entropy, "jaccard_loss": jaccard}
            if self.pairs is not None:
                losses["disagreement"] = apart
            if targets is not None:
                losses["teacher_loss"] = soft_cross_entropy(grid_logits[:labelled], targets)
                loss += self.recipe.teacher_weight * losses["teacher_loss"]
        variables = [v for _, group in self._groups for v in group]
        gradients = dict(zip(map(id, variables), tape.gradient(loss, variables), strict=True))
        for optimizer, group in self._groups:
            optimizer.apply_gradients([(gradients[id(v)], v) for v in group])
        self._update_average()
        return losses

    def _soft_targets(self, plain: tf.Tensor) -> tf.Tensor:
        """The teachers' mean probabilities of the classes, (m, h/2, w/2, 11) float32."""
        inputs = _network_input(plain)
        logits = [teacher(inputs, training=False) for teacher in self._teachers]
        # Void is no class: what a teacher gives it is shared out among the classes.
        return tf.add_n([tf.nn.softmax(each[..., :NUM_CLASSES]) for each in logits]) / len(logits)

    @staticmethod
    def _disagreement(logits: tf.Tensor, flow: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        """How far a pair's predictions disagree; 0 without a pair."""
        if flow.shape[0] == 0:
            return tf.constant(0.0)
        later, before = tf.split(tf.nn.softmax(logits), 2)
        return disagreement(later, sampled(before, flow), tf.cast(known, tf.float32))

    def _update_average(self) -> None:
        # Early steps lean on the present weights, so that the start doesn't linger in the average.
        step = tf.cast(self._groups[0][0].iterations, tf.float32)
        decay = tf.minimum(self._average_decay, (1 + step) / (10 + step))
        for average, variable in zip(self.average, self.model.weights, strict=True):
            average.assign_sub((1 - decay) * (average.value - variable.value))

    def train_step(self, *batch: Array) -> Metrics:
        """Learn from one batch."""
        losses = self._step(*map(tf.constant, batch))
        return {name: float(loss) for name, loss in losses.items()}

    def validate(self) -> Metrics:
        """Mean IoU of the averaged weights on each source's ``val``, and the mean of those."""
        self._evaluator.set_weights([variable.numpy() for variable in self.average])
        ious = {
            f"{source.name}_mean_iou": self._mean_iou(source.val)
            for source in self.mixture.sources
            if source.val
        }
        return {"val_mean_iou": float(np.mean(list(ious.values()))), **ious}

    def _mean_iou(self, stills: Sequence[Still]) -> float:
        """At label resolution, void ignored."""
        confusion = ConfusionMatrix()
        for still in stills:
            image, truth = still.load_bgr()
            inputs = segnet_input(image, self._input_hw)
            probabilities = self._forward(inputs).numpy()[0, ..., :NUM_CLASSES]
            confusion.add(truth, labels_from_probabilities(probabilities, size_hw(truth)))
        return confusion.mean_iou()

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """By validation mean IoU."""
        return metrics["val_mean_iou"] > best["val_mean_iou"]

    def save(self, directory: Path, best: bool) -> None:
        """Write the averaged weights and, with the best, the config JSON."""
        self._kept.set_weights([variable.numpy() for variable in self.average])
        name = self.architecture.name if best else f"{self.architecture.name}_last"
        save_segnet_weights(self._kept, directory / f"{name}.h5")
        if best:
            write_segnet_config(self._input_hw, directory, self.architecture)
