"""From class scores to labels."""

from __future__ import annotations

import cv2
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
    # Plane by plane the same as enlarging all and np.argmax, at half of the time: every step is one
    # pass of OpenCV over memory that lies together.
    planes = cv2.split(scores)
    best = resize_bilinear(np.asarray(planes[0], np.float32), hw)
    labels: UInt8Array = np.zeros(hw, np.uint8)
    for index, plane in enumerate(planes[1:], start=1):
        here = resize_bilinear(np.asarray(plane, np.float32), hw)
        better = np.asarray(cv2.compare(here, best, cv2.CMP_GT), np.uint8)
        best = np.asarray(cv2.max(best, here), np.float32)
        # The index is larger than every label so far, so the larger one is the new one.
        labels = np.asarray(cv2.max(labels, better & np.uint8(index)), np.uint8)
    return labels


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
