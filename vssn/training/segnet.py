"""Training of ResNet50-SegNet on labelled stills."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vssn.checkpoints.segnet_weights import save_segnet_weights, write_segnet_config
from vssn.data.stills import Still
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.models.segnet import build_segnet
from vssn.preprocess import SEGNET_MEANS_RGB, segnet_input, size_hw
from vssn.streaming.labelling import labels_from_probabilities
from vssn.training.augment import ViewRange, random_view
from vssn.training.batches import drawn_ahead
from vssn.training.layers import with_fused_batch_norm
from vssn.training.losses import soft_jaccard, weighted_cross_entropy
from vssn.training.progress import Metrics
from vssn.training.schedules import OneCycle
from vssn.types import UInt8Array

WEIGHTS_FILE = "resnet50_segnet.h5"
LAST_WEIGHTS_FILE = "resnet50_segnet_last.h5"
Example = tuple[UInt8Array, UInt8Array]


@dataclass(frozen=True)
class SegnetRecipe:
    """All that decides how ResNet50-SegNet is trained.

    Attributes:
        batch_size: views per step.
        crop_hw: size of a view in px, at the scale of the 416x608 input.
        encoder_rate: peak learning rate of the ImageNet encoder.
        decoder_rate: peak learning rate of the decoder.
        weight_decay: AdamW's, on kernels only.
        jaccard_weight: weight of the soft IoU loss beside cross-entropy.
        average_share: the running average of the weights, which is what is kept, forgets over this
            share of the steps.
        seed: of all random choices.
        mixed_precision: compute in bfloat16, keep variables in float32. Ten times slower than
            float32 on a processor that only imitates it; see
            :func:`vssn.runtime.processor.computes_bfloat16`.
        views: augmentation.
    """

    batch_size: int = 6
    crop_hw: tuple[int, int] = (288, 320)
    encoder_rate: float = 2e-4
    decoder_rate: float = 1e-3
    weight_decay: float = 1e-2
    jaccard_weight: float = 0.5
    average_share: float = 1 / 6
    seed: int = 1
    mixed_precision: bool = False
    views: ViewRange = field(default_factory=ViewRange)

    def fingerprint(self, epochs: int, examples: int, start: str) -> str:
        """The settings as text; a resumed run must have the same."""
        settings = {"epochs": epochs, "examples": examples, "start": start}
        return json.dumps({**asdict(self), **settings})


def class_weights(labels: list[UInt8Array]) -> npt.NDArray[Any]:
    """(12,) float32 weights 1 / sqrt(frequency), mean 1 over the pixels' classes, void 0."""
    counts = np.sum([np.bincount(label.ravel(), minlength=NUM_OUTPUTS) for label in labels], axis=0)
    share = counts[:NUM_CLASSES] / counts[:NUM_CLASSES].sum()
    weights = 1 / np.sqrt(np.maximum(share, 1e-4))
    weights /= (weights * share).sum()
    return np.append(weights, 0).astype(np.float32)


def _build(recipe: SegnetRecipe, input_hw: tuple[int, int], fused: bool) -> keras.Model:
    """A model under the recipe's precision, whose output is the logits."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    try:
        model = build_segnet(input_hw)
        model = with_fused_batch_norm(model) if fused else model
    finally:
        keras.config.set_dtype_policy(before)
    return keras.Model(model.inputs, model.get_layer("logits").output, name="resnet50_segnet")


def _optimizer(peak: float, steps: int, recipe: SegnetRecipe) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.AdamW(OneCycle(peak, steps), weight_decay=recipe.weight_decay)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


class SegnetTask:
    """A :class:`vssn.training.loop.Task` for ResNet50-SegNet.

    Args:
        train: labelled stills to learn from.
        val: labelled stills to choose by; nothing is learned from them.
        recipe: see :class:`SegnetRecipe`.
        epochs: length of the learning-rate cycle.
        initial: model to start from, of :func:`vssn.models.segnet.build_segnet`.
    """

    def __init__(
        self,
        train: list[Still],
        val: list[Still],
        recipe: SegnetRecipe,
        epochs: int,
        initial: keras.Model,
    ) -> None:
        keras.utils.set_random_seed(recipe.seed)
        self.recipe = recipe
        self.examples = [still.load_rgb() for still in train]
        self.val = val
        self.steps_per_epoch = max(1, len(train) // recipe.batch_size)
        self.model = _build(recipe, recipe.crop_hw, fused=True)
        self.model.set_weights(initial.get_weights())
        self._input_hw: tuple[int, int] = initial.input_shape[1:3]
        self._evaluator = _build(recipe, self._input_hw, fused=False)
        self._forward = tf.function(lambda image: tf.nn.softmax(self._evaluator(image)))
        self._kept = initial
        self.average = [tf.Variable(np.asarray(v), trainable=False) for v in self.model.weights]
        steps = epochs * self.steps_per_epoch
        self._average_decay = max(0.0, 1 - 1 / (recipe.average_share * steps))
        self._class_weights = tf.constant(class_weights([label for _, label in self.examples]))
        self._groups = self._make_groups(steps)
        self._step = tf.function(self._train_step, reduce_retracing=True)

    def _make_groups(self, steps: int) -> list[tuple[keras.optimizers.Optimizer, list[Any]]]:
        """Encoder and decoder variables, each with its optimizer."""
        encoder: list[Any] = []
        decoder: list[Any] = []
        for layer in self.model.layers:
            is_decoder = layer.name.startswith(("conv2d_", "batch_normalization_"))
            (decoder if is_decoder else encoder).extend(layer.trainable_variables)
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

    def _example(self, epoch: int, index: int) -> Example:
        rng = np.random.default_rng((self.recipe.seed, epoch, index))
        return random_view(rng, *self.examples[index], self.recipe.crop_hw, self.recipe.views)

    def batches(self, epoch: int) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Batches of (n, h, w, 3) uint8 RGB and (n, h, w) uint8 labels, drawn ahead."""
        order = np.random.default_rng((self.recipe.seed, epoch)).permutation(len(self.examples))
        size = self.recipe.batch_size
        # A data set smaller than a batch is repeated to fill it.
        wanted = np.resize(order, self.steps_per_epoch * size)
        for views in drawn_ahead(partial(self._example, epoch), wanted.tolist(), size):
            images, labels = zip(*views, strict=True)
            yield np.stack(images), np.stack(labels)

    def _train_step(self, images: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        inputs = tf.cast(images, tf.float32) - SEGNET_MEANS_RGB
        labels = tf.cast(labels, tf.int32)
        with tf.GradientTape() as tape:
            # Judged as it is used: enlarged, against every pixel's label, thin classes' too.
            logits = tf.image.resize(self.model(inputs, training=True), self.recipe.crop_hw)
            entropy = weighted_cross_entropy(logits, labels, self._class_weights)
            jaccard = soft_jaccard(logits, labels)
            loss = entropy + self.recipe.jaccard_weight * jaccard
        variables = [v for _, group in self._groups for v in group]
        gradients = dict(zip(map(id, variables), tape.gradient(loss, variables), strict=True))
        for optimizer, group in self._groups:
            optimizer.apply_gradients([(gradients[id(v)], v) for v in group])
        self._update_average()
        return entropy, jaccard

    def _update_average(self) -> None:
        # Early steps lean on the present weights, so that the start doesn't linger in the average.
        step = tf.cast(self._groups[0][0].iterations, tf.float32)
        decay = tf.minimum(self._average_decay, (1 + step) / (10 + step))
        for average, variable in zip(self.average, self.model.weights, strict=True):
            average.assign_sub((1 - decay) * (average - variable.value))

    def train_step(self, *batch: npt.NDArray[Any]) -> Metrics:
        """Learn from one batch."""
        entropy, jaccard = self._step(*map(tf.constant, batch))
        return {"loss": float(entropy), "jaccard_loss": float(jaccard)}

    def validate(self) -> Metrics:
        """Mean IoU of the averaged weights on ``val``, at label resolution, void ignored."""
        self._evaluator.set_weights([variable.numpy() for variable in self.average])
        confusion = ConfusionMatrix()
        for still in self.val:
            image, truth = still.load_bgr()
            inputs = segnet_input(image, self._input_hw)
            probabilities = self._forward(inputs).numpy()[0, ..., :NUM_CLASSES]
            confusion.add(truth, labels_from_probabilities(probabilities, size_hw(truth)))
        return {"val_mean_iou": confusion.mean_iou()}

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """By validation mean IoU."""
        return metrics["val_mean_iou"] > best["val_mean_iou"]

    def save(self, directory: Path, best: bool) -> None:
        """Write the averaged weights and, with the best, the config JSON."""
        self._kept.set_weights([variable.numpy() for variable in self.average])
        save_segnet_weights(self._kept, directory / (WEIGHTS_FILE if best else LAST_WEIGHTS_FILE))
        if best:
            write_segnet_config(self._input_hw, directory)
