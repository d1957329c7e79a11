"""Every resize, normalisation and colour order of a frame, each in one place.

Frames enter as OpenCV gives them, uint8 BGR; the networks were trained on RGB, so the order is
turned here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from vssn.labels import SCALE_CHANNELS
from vssn.types import Float32Array, UInt8Array

SEGNET_INPUT_HW = (416, 608)
FLOW_INPUT_HW = (208, 304)

# The means of ImageNet's channels, as its ResNet-50 and the original's weights were trained with.
SEGNET_MEANS_RGB: Float32Array = np.array([123.68, 116.779, 103.939], np.float32)


def size_hw(image: npt.NDArray[Any]) -> tuple[int, int]:
    """Height and width of an (h, w, ...) array."""
    return image.shape[0], image.shape[1]


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


def resize_nearest(labels: UInt8Array, hw: tuple[int, int]) -> UInt8Array:
    """Resize (h, w) labels as OpenCV's nearest; returns ``labels`` itself where it fits."""
    if labels.shape == hw:
        return labels
    resized = cv2.resize(labels, (hw[1], hw[0]), interpolation=cv2.INTER_NEAREST)
    return np.asarray(resized, np.uint8)


def resize_nearest_centred(labels: UInt8Array, hw: tuple[int, int]) -> UInt8Array:
    """Resize (h, w) labels to the nearest by pixel centres, as :func:`resize_bilinear` has them."""
    resized = cv2.resize(labels, (hw[1], hw[0]), interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, np.uint8)


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


Transform = Callable[[UInt8Array, tuple[int, int]], Float32Array]


@dataclass(frozen=True)
class Conventions:
    """What the networks are shown of a frame, and how their outputs are read.

    Attributes:
        segnet_input: makes the segmentation network's input; see :func:`segnet_input`.
        flow_input: makes one half of the flow network's input; see :func:`flow_input`.
        scale_channels: for each CamVid class, the channel of ``scale`` that multiplies it.
    """

    segnet_input: Transform = segnet_input
    flow_input: Transform = flow_input
    scale_channels: tuple[int, ...] = SCALE_CHANNELS


VSSN_CONVENTIONS = Conventions()
