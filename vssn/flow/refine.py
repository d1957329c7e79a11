"""Refining optical flow: a few steps of least squares over small windows."""

from __future__ import annotations

import cv2
import numpy as np

from vssn.flow.warp import NO_ARRAY, pixel_grid, resize_flow
from vssn.preprocess import size_hw
from vssn.types import Float32Array, UInt8Array

WINDOW_PX = (5, 5)
# Added to the squared gradients: where a window has no texture, its flow stays.
LEAST_TEXTURE = 5.0
MEDIAN_PX = 3  # takes out what single windows got wrong, and keeps the edges of things


def refine_flow(
    flow: Float32Array, current: UInt8Array, reference: UInt8Array, levels: int, steps: int
) -> Float32Array:
    """Refine a coarse flow, at half the pictures' size and so on up to the whole.

    Source: Lucas and Kanade, "An iterative image registration technique" (IJCAI 1981), with a
    median filter after each step as in Sun et al., "Secrets of optical flow estimation" (CVPR
    2010).

    Args:
        flow: (h, w, 2) float32, current -> reference, in px of its grid, whatever that is.
        current: (H, W) uint8 grey.
        reference: likewise.
        levels: how many sizes, each half of the one before; 0 changes nothing.
        steps: of least squares at each size.

    Returns:
        (H, W, 2) float32 in px of the pictures; ``flow`` itself for no levels.
    """
    for level in reversed(range(levels)):
        smaller = _halved(current, level), _halved(reference, level)
        flow = _refined(resize_flow(flow, size_hw(smaller[0])), *smaller, steps)
    return flow


def _halved(picture: UInt8Array, times: int) -> Float32Array:
    height, width = size_hw(picture)
    hw = max(height >> times, 1), max(width >> times, 1)
    if times:
        picture = np.asarray(cv2.resize(picture, hw[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return picture.astype(np.float32)


def _mean(values: Float32Array) -> Float32Array:
    """Over each pixel's window."""
    return np.asarray(cv2.blur(values, WINDOW_PX, borderType=cv2.BORDER_REPLICATE), np.float32)


def _gradient(picture: Float32Array, x: int, y: int) -> Float32Array:
    return np.asarray(cv2.Sobel(picture, cv2.CV_32F, x, y, ksize=1, scale=0.5), np.float32)


def _refined(
    flow: Float32Array, current: Float32Array, reference: Float32Array, steps: int
) -> Float32Array:
    """The flow after some steps, all three on one grid."""
    across, down = _gradient(current, 1, 0), _gradient(current, 0, 1)
    xx, yy = _mean(across * across) + LEAST_TEXTURE, _mean(down * down) + LEAST_TEXTURE
    xy = _mean(across * down)
    scale = 1 / (xx * yy - xy * xy)
    xx, yy, xy = xx * scale, yy * scale, xy * scale  # the normal equations, inverted
    grid = pixel_grid(size_hw(current))
    for _ in range(steps):
        moved = cv2.remap(
            reference, grid + flow, NO_ARRAY, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        error = np.subtract(moved, current, dtype=np.float32)
        by_x, by_y = _mean(across * error), _mean(down * error)
        x = flow[..., 0] - (yy * by_x - xy * by_y)
        y = flow[..., 1] - (xx * by_y - xy * by_x)
        planes = [cv2.medianBlur(plane, MEDIAN_PX) for plane in (x, y)]
        flow = np.asarray(cv2.merge(planes), np.float32)
    return flow
