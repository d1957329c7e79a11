"""Learning-rate schedules."""

from __future__ import annotations

import keras

START = 1e-2  # of the peak, where the warm-up starts


def warm_cosine(
    peak: float, steps: int, warmup_share: float = 0.08
) -> keras.optimizers.schedules.CosineDecay:
    """Linear warm-up to ``peak``, then half a cosine down to zero at the last step.

    Source: Loshchilov and Hutter, "SGDR" (2017), without restarts.

    Args:
        peak: highest learning rate.
        steps: length of the training in steps.
        warmup_share: share of the steps spent going up.
    """
    warmup = max(1, round(steps * warmup_share))
    return keras.optimizers.schedules.CosineDecay(
        peak * START, max(1, steps - warmup), warmup_target=peak, warmup_steps=warmup
    )
