"""Random views of a labelled still: scale, crop, rotation, flip, colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vssn.labels import NUM_CLASSES, VOID
from vssn.preprocess import SEGNET_INPUT_HW
from vssn.training.photometric import other_camera
from vssn.training.settings import setting
from vssn.types import UInt8Array


@dataclass(frozen=True)
class View:
    """A view of a still.

    Attributes:
        image_rgb: (h, w, 3) uint8, as another camera might have taken it.
        label: (h, w) uint8; void where the view leaves the still.
        plain_rgb: (h, w, 3) uint8, the same pixels before their colour, light and sharpness were
            changed.
    """

    image_rgb: UInt8Array
    label: UInt8Array
    plain_rgb: UInt8Array


@dataclass(frozen=True)
class ViewRange:
    """How far the random views stray.

    Attributes:
        scale: smallest and largest zoom relative to the network's 416x608 view; those near 1 are
            the likeliest.
        stretch: largest factor between horizontal and vertical zoom, beside that of the frame's
            resize to 416x608.
        aspect: narrowest and widest shape of a still's pixel; ``aspect_share`` of the views take
            one between them, as cameras of other shapes give when their frames are resized.
        aspect_share: see ``aspect``.
        rotation_deg: largest rotation either way.
        rare_share: share of views centred on a pixel of a class drawn uniformly from those in
            the image, so that thin and rare classes are seen as often as roads.
        colour: how strongly and often colours, light and sharpness are changed; 0 is never, 1 is
            strong; see :func:`vssn.training.photometric.other_camera`.
    """

    scale: tuple[float, float] = setting(
        (0.5, 2.0), "smallest and largest zoom", least=0.01, most=100
    )
    stretch: float = setting(1.15, "largest factor between the two zooms", least=1, most=10)
    aspect: tuple[float, float] = setting(
        (0.7, 1.2), "narrowest and widest pixel", least=0.1, most=10
    )
    aspect_share: float = setting(
        0.4, "share of the views with a pixel of that range", least=0, most=1
    )
    rotation_deg: float = setting(4.0, "largest rotation either way", least=0, most=180)
    rare_share: float = setting(0.5, "share of the views that look for a class", least=0, most=1)
    colour: float = setting(
        0.5, "strength of changed colours, light and sharpness", least=0, most=1
    )


def _centre(rng: np.random.Generator, label: UInt8Array, rare_share: float) -> tuple[float, float]:
    """Where the view looks, (x, y) in px of the still."""
    height, width = label.shape
    if rng.random() < rare_share:
        present = np.flatnonzero(np.bincount(label.ravel(), minlength=NUM_CLASSES)[:NUM_CLASSES])
        if present.size:
            ys, xs = np.nonzero(label == rng.choice(present))
            pick = rng.integers(ys.size)
            return float(xs[pick]), float(ys[pick])
    return rng.uniform(0, width), rng.uniform(0, height)


def _zooms(rng: np.random.Generator, hw: tuple[int, int], views: ViewRange) -> tuple[float, float]:
    """Horizontal and vertical zoom of a view of a still."""
    least, most = np.log(views.scale)
    zoom = np.exp(rng.triangular(least, min(max(least, 0), most), most) if most > least else least)
    # A product's frame is resized without keeping its shape, which stretches its pixels.
    fit_x, fit_y = SEGNET_INPUT_HW[1] / hw[1], SEGNET_INPUT_HW[0] / hw[0]
    stretch = np.exp(rng.uniform(-1, 1) * np.log(views.stretch))
    if rng.random() < views.aspect_share:
        # By height: of a still wider than the input a window is seen, not all of it squeezed.
        return float(zoom * fit_y * np.exp(rng.uniform(*np.log(views.aspect)))), float(zoom * fit_y)
    return float(zoom * fit_x * np.sqrt(stretch)), float(zoom * fit_y / np.sqrt(stretch))


def _view_matrix(
    rng: np.random.Generator, label: UInt8Array, crop_hw: tuple[int, int], views: ViewRange
) -> npt.NDArray[Any]:
    """Affine map (2, 3) from a still's pixels to a view's pixels."""
    height, width = label.shape
    zoom_x, zoom_y = _zooms(rng, (height, width), views)
    x, y = _centre(rng, label, views.rare_share)
    # Keep the view inside the still where it fits, so that little of a crop is padding.
    half_w, half_h = crop_hw[1] / 2 / zoom_x, crop_hw[0] / 2 / zoom_y
    x += rng.uniform(-0.6, 0.6) * half_w
    y += rng.uniform(-0.6, 0.6) * half_h
    x = np.clip(x, half_w, width - half_w) if 2 * half_w < width else width / 2
    y = np.clip(y, half_h, height - half_h) if 2 * half_h < height else height / 2
    angle = np.deg2rad(rng.uniform(-1, 1) * views.rotation_deg)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([flip * zoom_x, zoom_y])
    shift = np.array([crop_hw[1] / 2, crop_hw[0] / 2]) - linear @ np.array([x, y])
    return np.column_stack([linear, shift])


def random_view(
    rng: np.random.Generator,
    image_rgb: UInt8Array,
    label: UInt8Array,
    crop_hw: tuple[int, int],
    views: ViewRange,
) -> View:
    """Draw one view of a still.

    Args:
        rng: source of all randomness.
        image_rgb: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class indices, 11 = void.
        crop_hw: size of the view in px.
        views: how far views stray.
    """
    matrix = _view_matrix(rng, label, crop_hw, views)
    size_wh = (crop_hw[1], crop_hw[0])
    mirror = cv2.BORDER_REFLECT_101
    plain = np.asarray(cv2.warpAffine(image_rgb, matrix, size_wh, borderMode=mirror), np.uint8)
    view_label = cv2.warpAffine(
        label, matrix, size_wh, flags=cv2.INTER_NEAREST, borderValue=(VOID,)
    )
    changed = other_camera(rng, plain, views.colour)
    return View(changed, np.asarray(view_label, np.uint8), plain)
