"""Made streets whose motion is known."""

from __future__ import annotations

import numpy as np


def moving_street(count: int, step_px: int, hw: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Labels of a scene whose every pixel moves to the right, with things by the road."""
    height, width = hw
    rng = np.random.default_rng(0)
    wide = np.full((height, width + step_px * count), 3)
    wide[: height // 3] = 0
    things = np.repeat(rng.choice([2, 3, 5, 8], wide.shape[1] // 4 + 1), 4)[: wide.shape[1]]
    wide[height // 3 : 2 * height // 3] = things
    starts = [step_px * (count - number) for number in range(count)]
    return [wide[:, start : start + width] for start in starts]
