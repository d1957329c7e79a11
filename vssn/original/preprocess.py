"""The original's resizing and flow input: TensorFlow 1's rules, and a centre crop."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from vssn.preprocess import FLOW_INPUT_HW
from vssn.types import Float32Array, UInt8Array

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
