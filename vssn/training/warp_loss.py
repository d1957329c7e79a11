"""Warping class probabilities as :mod:`vssn.flow.warp` does, in TensorFlow, and its loss."""

from __future__ import annotations

import tensorflow as tf

from vssn.flow.warp import pixel_grid
from vssn.labels import NUM_CLASSES
from vssn.training.losses import soft_jaccard

# Added to every probability, so that an absent class has a finite loss.
MIN_PROBABILITY = 1e-3


def sampled(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """:func:`vssn.flow.warp.warp` for a batch; its gradient goes to the flow and the image.

    Args:
        image: (n, h, w, channels) float32.
        flow: (n, h, w, 2) float32 px.

    Returns:
        (n, h, w, channels) float32.
    """
    height, width, channels = image.shape[1:]
    where = tf.clip_by_value(pixel_grid((height, width)) + flow, 0.0, [width - 1.0, height - 1.0])
    corner = tf.floor(where)
    share_x, share_y = tf.split(where - corner, 2, axis=-1)
    left, top = tf.unstack(tf.cast(corner, tf.int32), axis=-1)
    right, bottom = tf.minimum(left + 1, width - 1), tf.minimum(top + 1, height - 1)
    pixels = tf.reshape(image, (-1, channels))
    first = tf.range(tf.shape(image)[0])[:, tf.newaxis, tf.newaxis] * (height * width)

    def at(y: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
        return tf.gather(pixels, first + y * width + x)

    above = at(top, left) * (1 - share_x) + at(top, right) * share_x
    below = at(bottom, left) * (1 - share_x) + at(bottom, right) * share_x
    return above * (1 - share_y) + below * share_y


def propagated(probabilities: tf.Tensor, flow: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """:func:`vssn.flow.warp.warp_probabilities` for a batch.

    Args:
        probabilities: (n, H, W, 11) float32 of the frame before.
        flow: (n, h, w, 2) float32 cells of its grid, current -> before.
        scale: (n, h, w, 11) float32.

    Returns:
        (n, H, W, 11) float32.
    """
    hw = probabilities.shape[1:3]
    gains = [hw[1] / flow.shape[2], hw[0] / flow.shape[1]]
    warped = sampled(probabilities, tf.image.resize(flow, hw) * gains)
    return warped * tf.image.resize(scale, hw)


def warp_loss(probabilities: tf.Tensor, labels: tf.Tensor, jaccard_weight: float) -> tf.Tensor:
    """Cross-entropy and soft IoU of warped probabilities, normalised in each pixel.

    Args:
        probabilities: (n, h, w, 11) float32, of any sum; negative values count as zero.
        labels: (n, h, w) int32; void (11) is ignored.
        jaccard_weight: weight of the soft IoU beside cross-entropy.
    """
    logits = tf.math.log(tf.nn.relu(probabilities) + MIN_PROBABILITY)
    known = tf.cast(labels < NUM_CLASSES, tf.float32)
    # Void has no logit; its loss is multiplied by zero.
    classes = tf.minimum(labels, NUM_CLASSES - 1)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(classes, logits)
    entropy = tf.reduce_sum(losses * known) / (tf.reduce_sum(known) + 1e-6)
    return entropy + jaccard_weight * soft_jaccard(logits, labels)
