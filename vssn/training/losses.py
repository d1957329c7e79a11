"""Losses of the segmentation network."""

from __future__ import annotations

import tensorflow as tf

from vssn.labels import NUM_CLASSES
from vssn.training.sources import allowed_classes


def weighted_cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, label_weights: tf.Tensor
) -> tf.Tensor:
    """Mean cross-entropy over labelled pixels, each weighted by its label.

    A pixel that may be one of several classes counts by the sum of their probabilities.

    Args:
        logits: (batch, h, w, 12) float32.
        labels: (batch, h, w) int32 training labels, see :mod:`vssn.training.sources`; void (11) is
            ignored.
        label_weights: (training labels,) float32, 0 for void.
    """
    # A logit of a class that a label excludes is pushed so low that its probability is 0.
    excluded = tf.constant((1.0 - allowed_classes()) * -1e9, tf.float32)
    allowed = tf.reduce_logsumexp(logits + tf.gather(excluded, labels), axis=-1)
    losses = tf.reduce_logsumexp(logits, axis=-1) - allowed
    weights = tf.gather(label_weights, labels)
    losses = tf.where(weights > 0, losses, 0.0)
    return tf.reduce_sum(losses * weights) / (tf.reduce_sum(weights) + 1e-6)


def soft_jaccard(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """One minus the soft IoU, averaged over the classes present in the batch.

    Serves the metric itself: a thin class counts as much as the road. Source: Rahman and Wang,
    "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation" (2016).

    Args:
        logits: (batch, h, w, 12) float32.
        labels: (batch, h, w) int32 training labels; void (11) is ignored, and so is what may be one
            of several classes.
    """
    known = tf.cast(labels < NUM_CLASSES, tf.float32)[..., tf.newaxis]
    probabilities = tf.nn.softmax(logits)[..., :NUM_CLASSES] * known
    truth = tf.one_hot(labels, NUM_CLASSES) * known
    axes = (0, 1, 2)
    both = tf.reduce_sum(probabilities * truth, axes)
    either = tf.reduce_sum(probabilities + truth, axes) - both
    present = tf.cast(tf.reduce_sum(truth, axes) > 0, tf.float32)
    iou = both / (either + 1.0)
    return tf.reduce_sum((1 - iou) * present) / (tf.reduce_sum(present) + 1e-6)


def soft_cross_entropy(logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """Mean cross-entropy to soft targets, in nats, over all pixels.

    What a teacher finds likely beside its first choice tells more than a label does. Source:
    Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015), at
    temperature 1.

    Args:
        logits: (batch, h, w, 12) float32.
        targets: (batch, h, w, 11) float32 probabilities of the classes; void is none, so that the
            student is trained to find it nowhere.
    """
    log_probabilities = tf.nn.log_softmax(logits)[..., :NUM_CLASSES]
    return -tf.reduce_mean(tf.reduce_sum(targets * log_probabilities, axis=-1))


def disagreement(probabilities: tf.Tensor, others: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Divergence of two predictions from their mean, in nats, averaged over the known pixels.

    Half the sum of KL(mean | prediction); the mean, the target of both, gets no gradient.

    Args:
        probabilities: (n, h, w, classes) float32.
        others: the same of another prediction of the same places.
        known: (n, h, w) float32, 1 where they are to be compared.
    """
    target = tf.stop_gradient((probabilities + others) / 2)
    log_target = tf.math.log(target + 1e-6)
    both = tf.add_n(
        [
            tf.reduce_sum(target * (log_target - tf.math.log(each + 1e-6)), axis=-1)
            for each in (probabilities, others)
        ]
    )
    return tf.reduce_sum(both / 2 * known) / (tf.reduce_sum(known) + 1e-6)
