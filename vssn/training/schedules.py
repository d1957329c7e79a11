"""Learning-rate schedules."""

from __future__ import annotations

import math

import keras
import tensorflow as tf


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """Linear warm-up to ``peak``, then half a cosine down to nearly zero.

    Source: Smith and Topin, "Super-Convergence" (2018), in its common short-warm-up form.

    Args:
        peak: highest learning rate.
        steps: length of the training in steps.
        warmup_share: share of the steps spent going up.
    """

    def __init__(self, peak: float, steps: int, warmup_share: float = 0.08) -> None:
        self.peak = peak
        self.steps = steps
        self.warmup_share = warmup_share

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Learning rate at ``step``, a scalar."""
        done = tf.cast(step, tf.float32) / self.steps
        rising = done / self.warmup_share
        falling = 0.5 + 0.5 * tf.cos(math.pi * (done - self.warmup_share) / (1 - self.warmup_share))
        return self.peak * tf.maximum(tf.where(rising < 1, rising, falling), 1e-4)

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {"peak": self.peak, "steps": self.steps, "warmup_share": self.warmup_share}
