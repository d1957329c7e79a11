"""Warping class probabilities from a reference frame to the current one."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from vssn.preprocess import resize_bilinear, size_hw
from vssn.types import Float32Array, FlowEstimate

NO_ARRAY: Any = None  # OpenCV's types don't admit the None that its functions take


@lru_cache(maxsize=4)
def pixel_grid(hw: tuple[int, int]) -> Float32Array:
    """(h, w, 2) float32 with each pixel's own (x, y); read-only, since it is shared."""
    ys, xs = np.mgrid[: hw[0], : hw[1]]
    grid = np.stack([xs, ys], axis=-1).astype(np.float32)
    grid.flags.writeable = False
    return grid


def resize_flow(flow: Float32Array, hw: tuple[int, int]) -> Float32Array:
    """Bring a flow field to another grid bilinearly; its vectors grow or shrink with the grid.

    Args:
        flow: (h, w, 2) float32, (dx, dy) in cells of its grid.
        hw: size of the new grid.

    Returns:
        (H, W, 2) float32 in cells of the new grid.
    """
    gain = np.array([hw[1] / flow.shape[1], hw[0] / flow.shape[0]], np.float32)
    # One pass of OpenCV: NumPy takes twenty times as long to multiply by two channels' factors.
    return np.asarray(cv2.transform(resize_bilinear(flow, hw), np.diag(gain)), np.float32)


def warp(image: Float32Array, flow: Float32Array) -> Float32Array:
    """Sample ``image`` bilinearly where the flow points.

    Args:
        image: (h, w) or (h, w, channels) float32, of the reference frame.
        flow: (h, w, 2) float32, current -> reference, in px of this grid.

    Returns:
        float32, shaped as ``image``, moved to the current frame. What the flow takes from outside
        repeats the edge.
    """
    where = pixel_grid(size_hw(flow)) + flow
    moved = cv2.remap(image, where, NO_ARRAY, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def warp_probabilities(probabilities: Float32Array, estimate: FlowEstimate) -> Float32Array:
    """Warp the reference frame's class probabilities to the current frame, at their resolution.

    Flow and scale are brought there first: warping on FlowNetS' coarse grid, as the original
    does, loses poles and pedestrians.

    Args:
        probabilities: (h, w, 11) float32 of the reference frame.
        estimate: on any grid.

    Returns:
        (h, w, 11) float32.
    """
    hw = size_hw(probabilities)
    moved = warp(probabilities, resize_flow(estimate.flow, hw))
    if estimate.scale is None:
        return moved
    return moved * resize_bilinear(estimate.scale, hw)
