"""Learning-rate schedules."""

from __future__ import annotations

import keras

WARMUP_PART = 12


def warmup_cosine(peak: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """Linear warm-up to ``peak`` in a twelfth of the steps, then half a cosine down to zero.

    Source: Smith and Topin, "Super-Convergence" (2018), in its common short-warm-up form.

    Args:
        peak: highest learning rate.
        steps: length of the training in steps.
    """
    warmup = max(1, steps // WARMUP_PART)
    return keras.optimizers.schedules.CosineDecay(
        peak / 100, max(1, steps - warmup), alpha=0.0, warmup_target=peak, warmup_steps=warmup
    )
