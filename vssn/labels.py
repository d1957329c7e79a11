"""The CamVid label table and its Cityscapes twin."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vssn.types import UInt8Array


@dataclass(frozen=True)
class Label:
    """One CamVid class.

    Attributes:
        index: value in label images.
        name: name as users see it.
        colour_rgb: palette colour, 0-255.
        cityscapes: index of the Cityscapes training class of the same meaning, or None.
        measured: whether its objects are given a distance.
    """

    index: int
    name: str
    colour_rgb: tuple[int, int, int]
    cityscapes: int | None
    measured: bool = False


LABELS = (
    Label(0, "sky", (128, 128, 128), 10),
    Label(1, "building", (128, 0, 0), 2),
    Label(2, "pole", (192, 192, 128), 5, measured=True),
    Label(3, "road", (128, 64, 128), 0),
    Label(4, "pavement", (60, 40, 222), 1),
    Label(5, "tree", (128, 128, 0), 8),
    Label(6, "signsymbol", (192, 128, 128), 7),
    Label(7, "fence", (64, 64, 128), 4),
    Label(8, "car", (64, 0, 128), 13, measured=True),
    Label(9, "pedestrian", (64, 64, 0), 11, measured=True),
    Label(10, "bicyclist", (0, 128, 192), 18, measured=True),
    Label(11, "void", (0, 0, 0), None),
)

VOID = 11
NUM_CLASSES = 11  # without void
NUM_OUTPUTS = 12  # what the segmentation network puts out, void included

CLASS_NAMES = tuple(label.name for label in LABELS[:NUM_CLASSES])

PALETTE_RGB: UInt8Array = np.array([label.colour_rgb for label in LABELS], np.uint8)

# Which channel of the flow network's 19-channel ``scale`` belongs to each CamVid class.
SCALE_CHANNELS = tuple(label.cityscapes for label in LABELS if label.cityscapes is not None)

# A table for OpenCV's lookup of each grey value's colour: the palette, and black beyond it.
_COLOUR_MAP_BGR = np.zeros((256, 1, 3), np.uint8)
_COLOUR_MAP_BGR[: len(PALETTE_RGB), 0] = PALETTE_RGB[:, ::-1]


def colour_mask_bgr(labels: UInt8Array) -> UInt8Array:
    """Paint each class in its palette colour.

    Args:
        labels: (H, W) uint8 class indices.

    Returns:
        (H, W, 3) uint8 BGR that holds palette colours only.
    """
    return np.asarray(cv2.applyColorMap(labels, _COLOUR_MAP_BGR), np.uint8)
