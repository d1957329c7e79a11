"""From class probabilities to labels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

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
    low, high = cv2.erode(best, NEIGHBOURHOOD), cv2.dilate(best, NEIGHBOURHOOD)
    labels = resize_nearest_centred(best, hw)
    mixed = resize_nearest_centred(np.not_equal(low, high).view(np.uint8), hw)
    where = np.flatnonzero(mixed.view(np.bool_))
    if where.size:
        labels.ravel()[where] = best_class(_sampled(probabilities, where, hw)).ravel()[: where.size]
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


def _sampled(
    probabilities: Float32Array, where: npt.NDArray[np.intp], hw: tuple[int, int]
) -> Float32Array:
    """Scores at pixels of an image of size ``hw``, by flat index: (rows, ROW, classes) float32."""
    rows = np.resize(where, (-(-where.size // ROW), ROW)).astype(np.int32)
    gain_y, gain_x = np.divide(size_hw(probabilities), hw, dtype=np.float32)
    y, x = (position.astype(np.float32) + np.float32(0.5) for position in np.divmod(rows, hw[1]))
    x, y = x * gain_x - np.float32(0.5), y * gain_y - np.float32(0.5)
    sampled = cv2.remap(probabilities, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(sampled, np.float32)
