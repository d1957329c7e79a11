"""The original's mask pictures."""

from __future__ import annotations

import cv2
import numpy as np

from vssn.labels import PALETTE_RGB
from vssn.types import UInt8Array

ORIGINAL_MASK_WH = (480, 360)


def original_mask_bgr(labels: UInt8Array) -> UInt8Array:
    """Paint as the original does: at 480x360, the palette's colours blended along the edges.

    Args:
        labels: (h, w) uint8 class indices, of any size.

    Returns:
        (360, 480, 3) uint8 BGR.
    """
    # Shares of 255, resized and cut off: rounding would give other colours.
    shares = cv2.resize(PALETTE_RGB[labels][..., ::-1] / 255.0, ORIGINAL_MASK_WH)
    return np.asarray(np.multiply(shares, 255), np.uint8)
