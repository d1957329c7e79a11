"""A frame's own probabilities blended with what is propagated to it."""

from __future__ import annotations

import cv2
import numpy as np

from vssn.errors import BadInputError, argument
from vssn.types import Float32Array

# Agreement, 0-100, at and below which nothing is blended: after a cut, or where a result was
# propagated for long, what is propagated would leave ghosts.
LEAST_AGREEMENT = 80.0
# How fast the share of what is propagated falls where another network sees every frame. Of 0.1, 0.2
# and shares by the predicted confidence, it was as good as any at targets 60 to 98.
AGING = 0.1


def check_blend(blend: float) -> None:
    """Refuse a weight that isn't from 0 to below 1, with BadInputError."""
    if not 0 <= blend < 1:  # NaN is refused too
        raise BadInputError(
            argument("blend", blend), "0 to below 1", f"pass {argument('blend', 0.5)}"
        )


def blend_weight(blend: float, agreement: float | None) -> float:
    """The weight of the propagated probabilities in a segmented frame's.

    Args:
        blend: the weight at full agreement, 0-1.
        agreement: measured agreement of propagated and segmented, 0-100; None where it can't be
            measured.

    Returns:
        0 to ``blend``, in proportion to what the agreement has above 80.
    """
    if agreement is None:
        return 0.0
    return blend * max(agreement - LEAST_AGREEMENT, 0.0) / (100 - LEAST_AGREEMENT)


def propagated_share(key_distance: int) -> float:
    """The share of a propagated result in its mean with another network's on the frame itself.

    Args:
        key_distance: frames since the key frame; 0 at that frame.

    Returns:
        Half at the key frame, a quarter ten frames later.
    """
    return 0.5 / (1 + AGING * key_distance)


def blended(segmented: Float32Array, propagated: Float32Array, weight: float) -> Float32Array:
    """The weighted mean of two (h, w, classes) float32; ``segmented`` itself at weight 0."""
    if weight <= 0:
        return segmented
    # One row per line of pixels: OpenCV's arithmetic is for images of few channels.
    flat = (len(segmented), -1)
    mean = cv2.addWeighted(
        segmented.reshape(flat), 1 - weight, propagated.reshape(flat), weight, 0.0
    )
    return np.asarray(mean, np.float32).reshape(segmented.shape)
