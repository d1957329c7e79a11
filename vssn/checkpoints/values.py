"""Which values a trained network's weights can have."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.errors import printable
from vssn.models.layout import BATCH_NORM_EPSILON

MAX_LISTED = 4
# Of ResNet50-SegNet as shipped, the largest weight is 16 and the largest variance 90,000.
MAX_WEIGHT = 1e4
MAX_STATISTIC = 1e8
VARIANCE = "moving_variance"
STATISTICS = ("moving_mean", VARIANCE)

logger = logging.getLogger(__name__)


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

    A batch norm takes the root of its variance and epsilon together, so the variance may not be
    below minus epsilon.

    Returns:
        Problems in words, with the arrays' names; none where the values are possible.
    """
    infinite, large, negative = [], [], []
    for name, values in weights.items():
        limit = MAX_STATISTIC if name.endswith(STATISTICS) else MAX_WEIGHT
        largest = float(np.abs(values).max(initial=0))
        if not np.isfinite(largest):
            infinite.append(name)
        elif largest > limit:
            large.append(f"{name} up to {largest:.3g}")
        elif lowest_variance(name, values) <= -BATCH_NORM_EPSILON:
            negative.append(name)
    return [
        *listed("not finite", infinite),
        *listed("larger than any training gives", large),
        *listed("negative", negative),
    ]


def lowest_variance(name: str, values: npt.NDArray[np.generic]) -> float:
    """The lowest of a batch norm's variances; 0 for another variable."""
    return float(values.min(initial=0)) if name.endswith(VARIANCE) else 0.0


def warn_of_negative_variances(path: Path, weights: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Log which variances are a little below 0, where the epsilon of a batch norm saves the root.

    Args:
        path: the file, for the warning.
        weights: by name; see :func:`impossible`, which refuses lower ones.
    """
    for name, values in weights.items():
        if (lowest := lowest_variance(name, values)) < 0:
            logger.warning(
                "weights '%s': %s is negative (%.3g)", printable(str(path)), name, lowest
            )
