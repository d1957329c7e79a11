"""Which values a trained network's weights can have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

MAX_LISTED = 4
# Of ResNet50-SegNet as shipped, the largest weight is 16 and the largest variance 90,000.
MAX_WEIGHT = 1e4
MAX_STATISTIC = 1e8
STATISTICS = ("moving_mean", "moving_variance")


def listed(kind: str, items: list[str]) -> list[str]:
    """Name the first few of a kind of problem, for an error's one line; nothing for none."""
    if not items:
        return []
    more = f" and {len(items) - MAX_LISTED} more" if len(items) > MAX_LISTED else ""
    return [f"{kind}: {', '.join(items[:MAX_LISTED])}{more}"]


def impossible(weights: Mapping[str, npt.NDArray[np.generic]]) -> list[str]:
    """What is wrong with the values: not finite, or of a magnitude that no training gives.

    Args:
        weights: by name, which ends with the variable's (``conv1/kernel``).

    Returns:
        Problems in words, with the arrays' names; none where the values are possible.
    """
    infinite, large = [], []
    for name, values in weights.items():
        limit = MAX_STATISTIC if name.endswith(STATISTICS) else MAX_WEIGHT
        largest = float(np.abs(values).max(initial=0))
        if not np.isfinite(largest):
            infinite.append(name)
        elif largest > limit:
            large.append(f"{name} up to {largest:.3g}")
    return [*listed("not finite", infinite), *listed("larger than any training gives", large)]
