"""Synthetic motion: pairs of frames with exactly known flow, made from stills.

The background moves as seen from a car: towards a vanishing point, faster where the scene is
nearer (plane plus parallax), with yaw, pitch and roll. Cut-out cars, people, poles and signs move
on their own in front of it, as in FlyingChairs (Dosovitskiy et al., "FlowNet", ICCV 2015).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vssn.flow.warp import NO_ARRAY, pixel_grid, warp
from vssn.labels import LABELS
from vssn.preprocess import size_hw
from vssn.training.photometric import jitter_colour
from vssn.types import Float32Array, UInt8Array

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
        weight: (h, w) float32, 0 where an object hides it in the key frame, or where the
            pseudo ground truth is uncertain, else 1. Pixels outside of the key frame's view have a
            flow and weight 1.
    """

    current_rgb: UInt8Array
    key_rgb: UInt8Array
    flow: Float32Array
    weight: Float32Array


@dataclass(frozen=True)
class CutOut:
    """An object cut out of a still: pixels, opacity and class."""

    rgb: UInt8Array
    alpha: Float32Array
    label: int


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
                found.append(CutOut(image_rgb[window].copy(), alpha, index))
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
    # Small motions are frequent: half the cars drive slowly or stand.
    speed = min(rng.exponential(0.18), 0.7) * (1 if rng.random() < 0.93 else -1)
    nearness = _inverse_depth(rng, grid, hw)[..., np.newaxis]
    flow = -speed * nearness * (grid - vanishing.astype(np.float32))
    yaw, pitch = rng.laplace(0, 8), rng.laplace(0, 1.5)
    roll = rng.normal(0, 0.008)
    centred = grid - np.array([width / 2, height / 2], np.float32)
    turned = np.stack([-centred[..., 1], centred[..., 0]], axis=-1) * roll
    return np.asarray(flow + turned + np.array([yaw, pitch]), np.float32)


def random_crop(
    rng: np.random.Generator, still_hw: tuple[int, int], hw: tuple[int, int], min_share: float = 0.6
) -> npt.NDArray[Any]:
    """Affine map (2, 3) from a view's pixels to a still's, a random zoomed crop of it.

    Args:
        rng: source of all randomness.
        still_hw: size of the still in px.
        hw: size of the view in px.
        min_share: smallest share of the still's width that the view shows.
    """
    zoom = rng.uniform(min_share, 1.0)
    scale = np.array([still_hw[1] / hw[1], still_hw[0] / hw[0]]) * zoom
    room = np.array([still_hw[1], still_hw[0]]) * (1 - zoom)
    flip = rng.random() < 0.5
    shift = rng.uniform(0, 1, 2) * room
    matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
    if flip:
        matrix[0] = [-scale[0], 0, still_hw[1] - 1 - shift[0]]
    return matrix


def sample(
    image: UInt8Array, where: npt.NDArray[Any], interpolation: int = cv2.INTER_LINEAR
) -> UInt8Array:
    """Sample an (H, W) or (H, W, channels) uint8 image at (h, w, 2) px (x, y).

    Beyond its edges the image is mirrored.
    """
    where = where.astype(np.float32)
    mirror = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.remap(image, where, NO_ARRAY, interpolation, borderMode=mirror), np.uint8)


def compose(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Affine ``a`` after affine ``b``, both (2, 3)."""
    full = np.vstack([b, [0, 0, 1]])
    return np.asarray(a @ full)


def _window(cut: CutOut, matrix: npt.NDArray[Any], hw: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of an (h, w) image that ``cut``, drawn through ``matrix``, may touch."""
    height, width = cut.alpha.shape
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]])
    drawn = corners @ matrix[:, :2].T + matrix[:, 2]
    size_wh = np.array(hw[::-1])
    left, top = np.clip(np.floor(drawn.min(0)).astype(int), 0, size_wh)
    right, bottom = np.clip(np.ceil(drawn.max(0)).astype(int) + 1, 0, size_wh)
    return slice(top, bottom), slice(left, right)


def paste(image: UInt8Array, cut: CutOut, matrix: npt.NDArray[Any]) -> Float32Array:
    """Draw ``cut`` onto ``image`` in place.

    Args:
        image: (h, w, 3) uint8 RGB.
        cut: what is drawn.
        matrix: affine map (2, 3) from the cut-out's pixels to the image's.

    Returns:
        (h, w) float32, its opacity there.
    """
    opacity: Float32Array = np.zeros(size_hw(image), np.float32)
    window = rows, columns = _window(cut, matrix, size_hw(image))
    size_wh = (columns.stop - columns.start, rows.stop - rows.start)
    if min(size_wh) <= 0:
        return opacity
    local = matrix - np.array([[0, 0, columns.start], [0, 0, rows.start]])
    opacity[window] = cv2.warpAffine(cut.alpha, local, size_wh, flags=cv2.INTER_LINEAR)
    repeat = cv2.BORDER_REPLICATE
    colour = cv2.warpAffine(cut.rgb, local, size_wh, flags=cv2.INTER_LINEAR, borderMode=repeat)
    blend = opacity[window][..., np.newaxis]
    image[window] = (colour * blend + image[window] * (1 - blend)).astype(np.uint8)
    return opacity


def object_motion(
    rng: np.random.Generator, cut: CutOut, hw: tuple[int, int], pace: float = 1.0
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Draw an object's place in the current frame and its motion to the key frame.

    Args:
        rng: source of all randomness.
        cut: the object.
        hw: size of the frames in px.
        pace: factor of the motion; 1 between the frames of a pair.

    Returns:
        Affine maps (2, 3): from the cut-out to the current frame, from there to the key frame.
    """
    height, width = hw
    size = rng.uniform(0.08, 0.5) * height / max(cut.alpha.shape[0], 1)
    size = min(size, 2.5)
    centre = rng.uniform(0, 1, 2) * (width, height)
    middle = np.array(cut.alpha.shape[1::-1]) / 2
    to_current = np.column_stack([np.eye(2) * size, centre - size * middle])
    growth = np.exp(rng.normal(0, 0.08 * pace))
    shift = rng.laplace(0, 6 * pace, 2) * (1, 0.4)
    to_key = np.column_stack([np.eye(2) * growth, centre + shift - growth * centre])
    return to_current, to_key


def set_object_flow(
    flow: Float32Array,
    weight: Float32Array,
    opacity: tuple[Float32Array, Float32Array],
    to_key: npt.NDArray[Any],
) -> None:
    """Set an object's flow on its pixels, in place, and no weight on what it hides.

    Args:
        flow: see :class:`FlowExample`.
        weight: see there.
        opacity: (h, w) of the object in the current and in the key frame.
        to_key: affine map (2, 3) of the object from the current to the key frame.
    """
    inside, hidden = opacity
    grid = pixel_grid(size_hw(flow))
    own = grid @ to_key[:, :2].T + to_key[:, 2] - grid
    covered = cv2.remap(hidden, grid + flow, NO_ARRAY, cv2.INTER_LINEAR, borderValue=(0,))
    weight[covered > 0.5] = 0
    on_object = inside > 0.5
    flow[on_object] = own[on_object]
    weight[on_object] = 1


def drawn_objects(
    rng: np.random.Generator, objects: Sequence[CutOut], most: int = MAX_OBJECTS
) -> Iterator[CutOut]:
    """Up to ``most`` random objects, drawn one by one; none of an empty list."""
    for _ in range(rng.integers(0, most + 1) if objects else 0):
        yield objects[int(rng.integers(len(objects)))]


def places_in_first(flow: Iterable[Float32Array]) -> Iterator[Float32Array]:
    """Positions of each later frame's pixels in the first frame, (h, w, 2) px.

    Args:
        flow: (h, w, 2) float32 px, from each later frame back to the one before it.
    """
    offset: Float32Array | None = None
    for each in flow:
        offset = each if offset is None else each + warp(offset, each)
        yield pixel_grid(size_hw(each)) + offset


def _add_object(rng: np.random.Generator, example: FlowExample, cut: CutOut) -> None:
    """Add a moving object in place; what it covers in the key frame has no weight."""
    to_current, to_key = object_motion(rng, cut, size_hw(example.flow))
    inside = paste(example.current_rgb, cut, to_current)
    hidden = paste(example.key_rgb, cut, compose(to_key, to_current))
    set_object_flow(example.flow, example.weight, (inside, hidden), to_key)


def synthetic_pair(
    rng: np.random.Generator, image_rgb: UInt8Array, objects: list[CutOut], hw: tuple[int, int]
) -> FlowExample:
    """Make a pair of frames with synthetic motion from one still.

    Args:
        rng: source of all randomness.
        image_rgb: (H, W, 3) uint8 RGB.
        objects: cut-outs to choose moving objects from.
        hw: size of the frames in px.
    """
    matrix = random_crop(rng, size_hw(image_rgb), hw)
    flow = camera_flow(rng, hw)
    grid = pixel_grid(hw)
    key = sample(image_rgb, grid @ matrix[:, :2].T + matrix[:, 2])
    current = sample(image_rgb, (grid + flow) @ matrix[:, :2].T + matrix[:, 2])
    example = FlowExample(current, key, flow, np.ones(hw, np.float32))
    for cut in drawn_objects(rng, objects):
        _add_object(rng, example, cut)
    return example


def photometric_jitter(rng: np.random.Generator, example: FlowExample) -> FlowExample:
    """Change both frames' colours equally, and slightly differently; add sensor noise."""
    current, key = jitter_frames(rng, [example.current_rgb, example.key_rgb])
    return FlowExample(current, key, example.flow, example.weight)


def jitter_frames(
    rng: np.random.Generator, frames_rgb: Iterable[UInt8Array], strength: float = 1.0
) -> list[UInt8Array]:
    """Change the colours of all frames equally, and slightly differently; add sensor noise.

    Args:
        rng: source of all randomness.
        frames_rgb: (h, w, 3) uint8 RGB each.
        strength: of the differences between the frames.
    """
    seed = rng.integers(1 << 32)
    frames = []
    for frame in frames_rgb:
        frame = jitter_colour(np.random.default_rng(seed), frame, 0.6)
        frame = jitter_colour(rng, frame, 0.08 * strength)
        noise = sensor_noise(rng, frame.shape, 4 * strength)
        frames.append(np.clip(frame + noise, 0, 255).astype(np.uint8))
    return frames


def sensor_noise(rng: np.random.Generator, shape: tuple[int, ...], most: float) -> Float32Array:
    """A camera's noise, of a standard deviation of up to ``most`` grey levels."""
    noise = rng.standard_normal(shape, np.float32)
    noise *= np.float32(rng.uniform(0, most))
    return noise
