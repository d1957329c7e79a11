"""From class scores to labels."""

from __future__ import annotations

import numpy as np

from vssn.datatypes import Float32Array, UInt8Array
from vssn.preprocess import resize_bilinear, resize_nearest


def labels_from_scores(scores: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """Enlarge class scores bilinearly and pick the best class.

    Scores are enlarged, not labels: edges stay smooth and no palette colour is blended.

    Args:
        scores: (h, w, classes) float32.
        hw: size wanted in px.

    Returns:
        (H, W) uint8 class indices.
    """
    return np.asarray(np.argmax(resize_bilinear(scores, hw), axis=-1), np.uint8)


def labels_at_scores_size(scores: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """Pick the best class where the scores are: the original's masks and metrics are (208, 304).

    Args:
        scores: (h, w, classes) float32.
        hw: not heeded.

    Returns:
        (h, w) uint8 class indices.
    """
    return np.asarray(np.argmax(scores, axis=-1), np.uint8)


def labels_enlarged(scores: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """As :func:`labels_at_scores_size`, enlarged (nearest) to ``hw``, for drawing on frames."""
    return resize_nearest(labels_at_scores_size(scores, hw), hw)
