"""Losses of the segmentation network."""

from __future__ import annotations

import tensorflow as tf

from vssn.labels import NUM_CLASSES


def weighted_cross_entropy(
    logits: tf.Tensor, labels: tf.Tensor, class_weights: tf.Tensor
) -> tf.Tensor:
    """Mean cross-entropy over labelled pixels, each weighted by its class.

    Args:
        logits: (batch, h, w, 12) float32.
        labels: (batch, h, w) int32; void (11) is ignored.
        class_weights: (12,) float32, 0 for void.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    weights = tf.gather(class_weights, labels)
    return tf.reduce_sum(losses * weights) / (tf.reduce_sum(weights) + 1e-6)


def soft_jaccard(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """One minus the soft IoU, averaged over the classes present in the batch.

    Serves the metric itself: a thin class counts as much as the road. Source: Rahman and Wang,
    "Optimizing Intersection-Over-Union in Deep Neural Networks for Image Segmentation" (2016).

    Args:
        logits: (batch, h, w, 12) float32.
        labels: (batch, h, w) int32; void (11) is ignored.
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
