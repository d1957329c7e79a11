"""Pairs of frames with exactly known flow, made from stills by a moving camera and objects.

The background moves as seen from a car: towards a vanishing point, faster where the scene is
nearer (plane plus parallax), with yaw, pitch and roll. Cut-out cars, people, poles and signs move
on their own in front of it, as in FlyingChairs (Dosovitskiy et al., "FlowNet", ICCV 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vssn.datatypes import Float32Array, UInt8Array
from vssn.labels import LABELS
from vssn.preprocess import size_hw
from vssn.streaming.warp import NO_ARRAY, pixel_grid
from vssn.training.augment import jitter_colour

CUT_OUT_NAMES = ("pole", "signsymbol", "car", "pedestrian", "bicyclist")
CUT_OUT_CLASSES = tuple(label.index for label in LABELS if label.name in CUT_OUT_NAMES)
MIN_CUT_OUT_PX = 150
MAX_OBJECTS = 5


@dataclass(frozen=True)
class FlowExample:
    """Two frames and the flow between them.

    Attributes:
        current_rgb, key_rgb: (h, w, 3) uint8 RGB.
        flow: (h, w, 2) float32, px, from current back to key.
        weight: (h, w) float32, 0 where an object hides it in the key frame, or where the teacher
            is not trusted, else 1. What left the key frame's view has a flow, and weight 1.
    """

    current_rgb: UInt8Array
    key_rgb: UInt8Array
    flow: Float32Array
    weight: Float32Array


@dataclass(frozen=True)
class CutOut:
    """An object on a still: its pixels and where they are opaque."""

    rgb: UInt8Array
    alpha: Float32Array


def cut_outs(image_rgb: UInt8Array, label: UInt8Array) -> list[CutOut]:
    """Cut every large enough connected object out of a labelled still."""
    found = []
    for index in CUT_OUT_CLASSES:
        mask = (label == index).astype(np.uint8)
        count, regions, stats, _ = cv2.connectedComponentsWithStats(mask)
        for region in range(1, count):
            x, y, width, height, area = stats[region]
            if area >= MIN_CUT_OUT_PX:
                window = np.s_[y : y + height, x : x + width]
                alpha = (regions[window] == region).astype(np.float32)
                found.append(CutOut(image_rgb[window].copy(), alpha))
    return found


def _inverse_depth(
    rng: np.random.Generator, grid: Float32Array, hw: tuple[int, int]
) -> Float32Array:
    """(h, w) nearness, 0 far to about 1 near: ground below a horizon, walls at the sides."""
    height, width = hw
    y = grid[..., 1] / height
    horizon = rng.uniform(0.35, 0.6)
    ground = np.clip((y - horizon) / (1 - horizon), 0, None)
    side = np.abs(grid[..., 0] / width - rng.uniform(0.3, 0.7))
    walls = rng.uniform(0, 1.2) * side * (y > rng.uniform(-0.2, 0.4))
    bumps = cv2.resize(rng.uniform(0, rng.uniform(0, 0.5), (5, 7)), (width, height))
    return np.asarray(np.maximum(np.maximum(ground, walls), bumps), np.float32)


def camera_flow(rng: np.random.Generator, hw: tuple[int, int]) -> Float32Array:
    """(h, w, 2) float32 flow in px of a random camera motion, current -> key."""
    height, width = hw
    grid = pixel_grid(hw)
    vanishing = np.array([width * rng.uniform(0.3, 0.7), height * rng.uniform(0.35, 0.6)])
    # Half the cars drive slowly or stand; the exponential keeps small motions frequent.
    speed = min(rng.exponential(0.18), 0.7) * (1 if rng.random() < 0.93 else -1)
    nearness = _inverse_depth(rng, grid, hw)[..., np.newaxis]
    flow = -speed * nearness * (grid - vanishing.astype(np.float32))
    yaw, pitch = rng.laplace(0, 8), rng.laplace(0, 1.5)
    roll = rng.normal(0, 0.008)
    centred = grid - np.array([width / 2, height / 2], np.float32)
    turned = np.stack([-centred[..., 1], centred[..., 0]], axis=-1) * roll
    return np.asarray(flow + turned + np.array([yaw, pitch]), np.float32)


def _view(
    rng: np.random.Generator, still_hw: tuple[int, int], hw: tuple[int, int]
) -> npt.NDArray[Any]:
    """Affine map (2, 3) from a view's pixels to a still's, a random zoomed crop of it."""
    zoom = rng.uniform(0.6, 1.0)
    scale = np.array([still_hw[1] / hw[1], still_hw[0] / hw[0]]) * zoom
    room = np.array([still_hw[1], still_hw[0]]) * (1 - zoom)
    flip = rng.random() < 0.5
    shift = rng.uniform(0, 1, 2) * room
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    if flip:
        matrix[0] = [-scale[0], 0, still_hw[1] - 1 - shift[0]]
    return matrix


def _sample(image: UInt8Array, where: Float32Array) -> UInt8Array:
    where = where.astype(np.float32)
    mirror = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.remap(image, where, NO_ARRAY, cv2.INTER_LINEAR, borderMode=mirror))


def _compose(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Affine ``a`` after affine ``b``, both (2, 3)."""
    full = np.vstack([b, [0, 0, 1]])
    return np.asarray(a @ full)


def _paste(image: UInt8Array, cut: CutOut, matrix: npt.NDArray[Any]) -> Float32Array:
    """Draw ``cut`` onto ``image`` in place through ``matrix``; return its (h, w) opacity."""
    size_wh = image.shape[1::-1]
    alpha = cv2.warpAffine(cut.alpha, matrix, size_wh, flags=cv2.INTER_LINEAR)
    colour = cv2.warpAffine(
        cut.rgb, matrix, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    blend = alpha[..., np.newaxis]
    image[:] = (colour * blend + image * (1 - blend)).astype(np.uint8)
    return np.asarray(alpha, np.float32)


def _add_object(rng: np.random.Generator, example: FlowExample, cut: CutOut) -> None:
    """Put a moving object before the scene, in place, hiding what it covers in the key frame."""
    height, width = example.weight.shape
    size = rng.uniform(0.08, 0.5) * height / max(cut.alpha.shape[0], 1)
    size = min(size, 2.5)
    centre = rng.uniform(0, 1, 2) * (width, height)
    middle = np.array(cut.alpha.shape[1::-1]) / 2
    to_current = np.column_stack([np.eye(2) * size, centre - size * middle])
    growth = np.exp(rng.normal(0, 0.08))
    shift = rng.laplace(0, 6, 2) * (1, 0.4)
    to_key = np.column_stack([np.eye(2) * growth, centre + shift - growth * centre])
    inside = _paste(example.current_rgb, cut, to_current)
    hidden = _paste(example.key_rgb, cut, _compose(to_key, to_current))
    grid = pixel_grid((height, width))
    own = grid @ to_key[:, :2].T + to_key[:, 2] - grid
    covered = cv2.remap(hidden, grid + example.flow, NO_ARRAY, cv2.INTER_LINEAR, borderValue=(0,))
    example.weight[covered > 0.5] = 0
    on_object = inside > 0.5
    example.flow[on_object] = own[on_object]
    example.weight[on_object] = 1


def moved_still(
    rng: np.random.Generator, image_rgb: UInt8Array, objects: list[CutOut], hw: tuple[int, int]
) -> FlowExample:
    """Make a pair of frames from one still.

    Args:
        rng: source of all randomness.
        image_rgb: (H, W, 3) uint8 RGB.
        objects: cut-outs to choose moving objects from.
        hw: size of the frames in px.
    """
    matrix = _view(rng, size_hw(image_rgb), hw)
    flow = camera_flow(rng, hw)
    grid = pixel_grid(hw)
    key = _sample(image_rgb, grid @ matrix[:, :2].T + matrix[:, 2])
    current = _sample(image_rgb, (grid + flow) @ matrix[:, :2].T + matrix[:, 2])
    example = FlowExample(current, key, flow, np.ones(hw, np.float32))
    for _ in range(rng.integers(0, MAX_OBJECTS + 1) if objects else 0):
        _add_object(rng, example, objects[rng.integers(len(objects))])
    return example


def photometric(rng: np.random.Generator, example: FlowExample) -> FlowExample:
    """Change both frames' colours alike and, a little, apart; add sensor noise."""
    seed = rng.integers(1 << 32)
    frames = []
    for frame in (example.current_rgb, example.key_rgb):
        frame = jitter_colour(np.random.default_rng(seed), frame, 0.6)
        frame = jitter_colour(rng, frame, 0.08)
        noise = rng.standard_normal(frame.shape, np.float32) * np.float32(rng.uniform(0, 4))
        frames.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
    return FlowExample(frames[0], frames[1], example.flow, example.weight)
