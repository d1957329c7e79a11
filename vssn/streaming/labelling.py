"""From class probabilities to labels."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from vssn.flow.warp import NO_ARRAY, pixel_grid, resize_flow
from vssn.preprocess import resize_nearest_centred, size_hw
from vssn.types import Float32Array, UInt8Array

NEIGHBOURHOOD = np.ones((3, 3), np.uint8)
ROW = 4096  # a list of points as rows of this length: OpenCV takes 32767 rows or columns at most


def labels_from_probabilities(probabilities: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """Enlarge class probabilities bilinearly and pick the best class.

    Scores are enlarged, not labels: edges stay smooth and no palette colour is blended. Where the
    four scores around a pixel have the same best class, every blend of them has it too; only the
    other pixels, one in twenty of a street, are interpolated. Positions among the scores are
    rounded to 1/32, as in all of OpenCV's sampling. (Tried instead: warp, enlarging and argmax as
    one OpenVINO graph took 1.5 times as long at 360x480, 2.6 times at 720x960.)

    Args:
        probabilities: (h, w, classes) float32.
        hw: size wanted in px.

    Returns:
        (H, W) uint8 class indices.
    """
    best = best_class(probabilities)
    if best.shape == hw:
        return best
    return _enlarged(best, hw, lambda where: _sampled(probabilities, *_positions(best, where, hw)))


def labels_along(
    probabilities: Float32Array, best: UInt8Array, flow: Float32Array, hw: tuple[int, int]
) -> UInt8Array:
    """The labels of probabilities warped along a flow, without warping most of them.

    As :func:`labels_from_probabilities` of :func:`vssn.flow.warp.warp_probabilities`, but that
    probabilities are interpolated once instead of twice, so that edges are a little sharper.

    Args:
        probabilities: (h, w, classes) float32 of the key frame.
        best: (h, w) uint8, their best class.
        flow: (y, x, 2) float32, current frame -> key frame, in cells of its grid.
        hw: size wanted in px.

    Returns:
        (H, W) uint8 class indices.
    """
    grid_hw = size_hw(best)
    came_from = resize_flow(flow, grid_hw) + pixel_grid(grid_hw)

    def sampled(where: npt.NDArray[np.intp]) -> Float32Array:
        return _sampled(probabilities, _sampled(came_from, *_positions(best, where, hw)))

    moved = cv2.remap(best, came_from, NO_ARRAY, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    return _enlarged(np.asarray(moved, np.uint8), hw, sampled)


def _enlarged(
    best: UInt8Array,
    hw: tuple[int, int],
    sampled: Callable[[npt.NDArray[np.intp]], Float32Array],
) -> UInt8Array:
    """Labels at another size.

    Args:
        best: (h, w) uint8 best class.
        hw: size wanted in px.
        sampled: probabilities, (rows, ROW, classes) float32, at pixels of that size by flat index.
    """
    low, high = cv2.erode(best, NEIGHBOURHOOD), cv2.dilate(best, NEIGHBOURHOOD)
    labels = resize_nearest_centred(best, hw)
    mixed = resize_nearest_centred(np.not_equal(low, high).view(np.uint8), hw)
    where = np.flatnonzero(mixed.view(np.bool_))
    if where.size:
        labels.ravel()[where] = best_class(sampled(where)).ravel()[: where.size]
    return labels


def best_class(probabilities: Float32Array) -> UInt8Array:
    """(h, w) uint8 index of the largest of (h, w, classes), the first of equals."""
    # Plane by plane the same as np.argmax in a third of the time: every step is one pass of OpenCV
    # over memory that lies together.
    height, width, classes = probabilities.shape
    planes = np.asarray(cv2.transpose(probabilities.reshape(-1, classes)), np.float32)
    best, *others = planes.reshape(classes, height, width)
    index_of_best: UInt8Array = np.zeros((height, width), np.uint8)
    for index, plane in enumerate(others, start=1):
        better = np.asarray(cv2.compare(plane, best, cv2.CMP_GT), np.uint8)
        best = np.asarray(cv2.max(best, plane), np.float32)
        # The index is larger than all so far, so the larger one is the new one.
        index_of_best = np.asarray(cv2.max(index_of_best, better & np.uint8(index)), np.uint8)
    return index_of_best


def _positions(
    image: UInt8Array, where: npt.NDArray[np.intp], hw: tuple[int, int]
) -> tuple[Float32Array, Float32Array]:
    """Where pixels of a size, by flat index, lie in an image: x and y, (rows, ROW) float32."""
    rows = np.resize(where, (-(-where.size // ROW), ROW)).astype(np.int32)
    gain_y, gain_x = np.divide(size_hw(image), hw, dtype=np.float32)
    y, x = (position.astype(np.float32) + np.float32(0.5) for position in np.divmod(rows, hw[1]))
    return x * gain_x - np.float32(0.5), y * gain_y - np.float32(0.5)


def _sampled(image: Float32Array, x: Float32Array, y: Float32Array | None = None) -> Float32Array:
    """An (h, w, channels) image at positions: (rows, ROW, channels) float32.

    Args:
        image: sampled bilinearly.
        x: (rows, ROW) float32; or (rows, ROW, 2) with x and y.
        y: likewise, where ``x`` holds x alone.
    """
    there = NO_ARRAY if y is None else y
    sampled = cv2.remap(image, x, there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)
