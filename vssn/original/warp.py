"""The original's warp on the flow's coarse grid, and its labels at the probabilities' size."""

from __future__ import annotations

import numpy as np

from vssn.flow.warp import pixel_grid
from vssn.original.preprocess import resize_bilinear_tf1
from vssn.preprocess import resize_nearest, size_hw
from vssn.streaming.labelling import best_class
from vssn.types import Float32Array, FlowEstimate, UInt8Array


def warp_probabilities_coarse(probabilities: Float32Array, estimate: FlowEstimate) -> Float32Array:
    """Warp the key frame's class probabilities as the original does: on the flow's own coarse grid.

    Probabilities are brought to that grid, warped, multiplied by the scale and brought back, with
    TensorFlow 1's resizing; at a quarter of the size, its way down reads every fourth pixel alone.

    Args:
        probabilities: (h, w, 11) float32 of the key frame.
        estimate: from the flow network.

    Returns:
        (h, w, 11) float32.
    """
    grid_hw = size_hw(estimate.flow)
    moved = _sample_exactly(resize_bilinear_tf1(probabilities, grid_hw), estimate.flow)
    if estimate.scale is not None:
        moved = moved * estimate.scale
    return resize_bilinear_tf1(moved, size_hw(probabilities))


def _sample_exactly(image: Float32Array, flow: Float32Array) -> Float32Array:
    """As :func:`warp`, but to float32's precision: OpenCV rounds positions to 1/32 px."""
    height, width = image.shape[:2]
    where = pixel_grid((height, width)) + flow
    where = np.clip(where, 0, np.array([width - 1, height - 1], np.float32))
    x, y = np.moveaxis(np.floor(where).astype(np.intp), -1, 0)
    right, below = np.minimum(x + 1, width - 1), np.minimum(y + 1, height - 1)
    share_x, share_y = np.split(where - np.floor(where), 2, axis=-1)
    above = image[y, x] * (1 - share_x) + image[y, right] * share_x
    beneath = image[below, x] * (1 - share_x) + image[below, right] * share_x
    moved: Float32Array = above * (1 - share_y) + beneath * share_y
    return moved


def labels_at_probability_size(probabilities: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """Pick the most probable class at the probabilities' own size, (208, 304).

    Args:
        probabilities: (h, w, classes) float32.
        hw: not used.

    Returns:
        (h, w) uint8 class indices.
    """
    return best_class(probabilities)


def labels_enlarged(probabilities: Float32Array, hw: tuple[int, int]) -> UInt8Array:
    """As :func:`labels_at_probability_size`, enlarged to ``hw`` by nearest neighbour."""
    return resize_nearest(labels_at_probability_size(probabilities, hw), hw)
