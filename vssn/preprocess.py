"""Every resize, normalisation and colour order, once; the original's too.

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

Array = TypeVar("Array", npt.NDArray[np.uint8], npt.NDArray[np.float32])


def resize_nearest_tf1(image: Array, hw: tuple[int, int]) -> Array:
    """Resize as TensorFlow 1's ``resize_nearest_neighbor``: pixel ``floor(i * old / new)``.

    Args:
        image: (h, w) or (h, w, channels).
        hw: height and width wanted, in px.
    """
    rows, columns = (
        np.minimum(_positions_tf1(old, new).astype(np.intp), old - 1)
        for old, new in zip(image.shape, hw, strict=False)
    )
    resized: Array = image[rows[:, np.newaxis], columns]
    return resized


def resize_bilinear_tf1(image: Float32Array, hw: tuple[int, int]) -> Float32Array:
    """Resize as TensorFlow 1's ``resize_bilinear``: without half-pixel centres.

    A quarter of the size takes every fourth pixel; enlarging repeats the last row and column.

    Args:
        image: (h, w, channels) float32.
        hw: height and width wanted, in px.
    """
    wide = _interpolated_tf1(image.swapaxes(0, 1), hw[1]).swapaxes(0, 1)
    return np.ascontiguousarray(_interpolated_tf1(wide, hw[0]))


def _positions_tf1(old: int, new: int) -> Float32Array:
    """Where the new pixels lie among the old ones; float32, as its roundings are part of it."""
    positions: Float32Array = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    return positions


def _interpolated_tf1(image: Float32Array, length: int) -> Float32Array:
    """Interpolate along the first axis."""
    positions = _positions_tf1(len(image), length)
    lower = np.minimum(positions.astype(np.intp), len(image) - 1)
    upper = np.minimum(lower + 1, len(image) - 1)
    share = (positions - lower).astype(np.float32)[:, np.newaxis, np.newaxis]
    first = image[lower]
    between: Float32Array = first + (image[upper] - first) * share
    return between


def original_flow_input_bgr(
    frame_bgr: UInt8Array, input_hw: tuple[int, int] = FLOW_INPUT_HW
) -> Float32Array:
    """Make one half of the flow network's input as the original does for data sets.

    The frame is scaled (nearest) until it just fits into twice the network's input, and the middle
    of that is cut out: about a quarter of the view. Sides are rounded half to even; where an odd
    number of px goes, one more goes at the end; a side that is too short is padded with zeros.

    Args:
        frame_bgr: (H, W, 3) uint8 BGR, any size.
        input_hw: the network's input size in px.

    Returns:
        (h, w, 3) float32 BGR in [0, 1].
    """
    size = np.array(frame_bgr.shape[:2], np.float32)
    scale = (2 * np.array(input_hw, np.float32) / size).min()
    height, width = np.rint(size * scale).astype(int).tolist()
    scaled = resize_nearest_tf1(frame_bgr, (max(height, 1), max(width, 1)))
    return _crop_or_pad(scaled, input_hw).astype(np.float32) / np.float32(255)


def original_flow_input_rgb(
    frame_bgr: UInt8Array, input_hw: tuple[int, int] = FLOW_INPUT_HW
) -> Float32Array:
    """As :func:`original_flow_input_bgr`, in the colour order that it uses for videos: RGB."""
    return np.ascontiguousarray(original_flow_input_bgr(frame_bgr, input_hw)[..., ::-1])


def _crop_or_pad(image: UInt8Array, hw: tuple[int, int]) -> UInt8Array:
    """Cut out or zero-pad the middle, as TensorFlow's ``resize_image_with_crop_or_pad``."""
    starts = [max(old - new, 0) // 2 for old, new in zip(image.shape, hw, strict=False)]
    cut = image[starts[0] :, starts[1] :][: hw[0], : hw[1]]
    missing = [new - old for old, new in zip(cut.shape, hw, strict=False)]
    return np.pad(cut, [*((m // 2, m - m // 2) for m in missing), (0, 0)])


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
