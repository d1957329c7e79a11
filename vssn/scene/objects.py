"""Objects from a label map: one for each connected region of a class."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from vssn.types import Box, SceneObject, UInt8Array

# What can be counted: pole, signsymbol, car, pedestrian, bicyclist. Sky, road and the like fill
# the view in a few large regions, whose boxes would say nothing.
COUNTABLE_CLASSES = (2, 6, 8, 9, 10)
MIN_AREA_SHARE = 0.001


def _regions(labels: UInt8Array, label: int, min_area_px: float) -> list[SceneObject]:
    mask = (labels == label).view(np.uint8)
    left, top, width, height = cv2.boundingRect(mask)
    if width == 0:
        return []
    window = mask[top : top + height, left : left + width]
    _, _, stats, _ = cv2.connectedComponentsWithStats(window, connectivity=8, ltype=cv2.CV_32S)
    return [
        SceneObject(label, Box(left + x, top + y, left + x + w, top + y + h), area)
        for x, y, w, h, area in stats[1:].tolist()  # the first is the background
        if area >= min_area_px
    ]


def find_objects(
    labels: UInt8Array,
    classes: Iterable[int] = COUNTABLE_CLASSES,
    min_area_share: float = MIN_AREA_SHARE,
) -> list[SceneObject]:
    """Find the 8-connected regions of the given classes.

    Objects of one class that touch in the image are one region.

    Args:
        labels: (H, W) uint8 class indices.
        classes: which ones to look for, such as ``range(11)`` for all.
        min_area_share: smaller regions, as a share of the frame, are left out.

    Returns:
        Objects without distance, by class, then from top to bottom.
    """
    labels = np.ascontiguousarray(labels)
    min_area_px = min_area_share * labels.size
    return [found for label in classes for found in _regions(labels, label, min_area_px)]
