"""Every resize, normalisation and colour order, once.

Frames enter as OpenCV gives them, uint8 BGR; the networks were trained on RGB, so the order is
turned here and nowhere else.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from vssn.datatypes import Float32Array, UInt8Array

SEGNET_INPUT_HW = (416, 608)
FLOW_INPUT_HW = (208, 304)

# The original subtracts the BGR means from RGB channels in this order; its weights were trained
# so, and ours too, so that either loads into the other.
SEGNET_MEANS_RGB: Float32Array = np.array([103.939, 116.779, 123.68], np.float32)


Scalar = TypeVar("Scalar", np.uint8, np.float32)


def resize_bilinear(image: npt.NDArray[Scalar], hw: tuple[int, int]) -> npt.NDArray[Scalar]:
    """Resize bilinearly with half-pixel centres; returns ``image`` itself where it fits.

    Args:
        image: (h, w) or (h, w, channels), uint8 or float32.
        hw: height and width wanted, in px.
    """
    if image.shape[:2] == hw:
        return image
    resized = cv2.resize(image, (hw[1], hw[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, image.dtype)


def _resized_rgb(frame_bgr: UInt8Array, hw: tuple[int, int]) -> UInt8Array:
    # Turning the colours after the resize touches fewer pixels for every frame larger than hw.
    small = resize_bilinear(frame_bgr, hw)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def segnet_input(
    frame_bgr: UInt8Array, input_hw: tuple[int, int] = SEGNET_INPUT_HW
) -> Float32Array:
    """Make the segmentation network's input from a frame.

    Args:
        frame_bgr: (H, W, 3) uint8 BGR, any size.
        input_hw: the network's input size in px.

    Returns:
        (1, h, w, 3) float32 RGB with the means subtracted.
    """
    return (_resized_rgb(frame_bgr, input_hw) - SEGNET_MEANS_RGB)[np.newaxis]


def flow_input(frame_bgr: UInt8Array, input_hw: tuple[int, int] = FLOW_INPUT_HW) -> Float32Array:
    """Make one half of the flow network's input: the whole frame, resized.

    Args:
        frame_bgr: (H, W, 3) uint8 BGR, any size.
        input_hw: the network's input size in px.

    Returns:
        (h, w, 3) float32 RGB in [0, 1].
    """
    return _resized_rgb(frame_bgr, input_hw) * np.float32(1 / 255)
