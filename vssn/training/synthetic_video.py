"""Synthetic video from stills: pairs of frames for the decision network, near and far apart.

The camera's motion is constant through a video; cut-outs of the still's own objects move in front.
See :mod:`vssn.training.synthetic_motion`.
"""

from __future__ import annotations

from itertools import permutations, repeat
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from vssn.data.lists import ListEntry
from vssn.data.stills import Still
from vssn.flow.warp import pixel_grid, resize_flow
from vssn.media.images import write_image
from vssn.preprocess import size_hw
from vssn.training.photometric import jitter_colour
from vssn.training.synthetic_motion import (
    CutOut,
    camera_flow,
    compose,
    cut_outs,
    drawn_objects,
    object_motion,
    paste,
    places_in_first,
    sample,
    sensor_noise,
)
from vssn.types import Float32Array, UInt8Array

MOTION_HW = (208, 304)  # reference size of synthetic motion
PARTS = 4  # of a frame's motion; the frames of a video lie whole numbers of parts apart
NEAR, FAR = (1, 5), (5, 17)  # parts from the first to the second and third frame: from, below
LEAST_PCT, MOST_PCT = 0.15, 12.0  # mean motion from frame to frame, of the width
FARTHEST_PCT = 16.0  # of all of a video
MOST_OBJECTS = 3
EXPOSURE, MOST_NOISE = 0.03, 3.0  # strength of colour changes; grey levels
NO_MOTION = np.eye(2, 3)


def _mean_pct(flow: Float32Array) -> float:
    length = np.asarray(cv2.magnitude(flow[..., 0], flow[..., 1]), np.float32)
    return float(length.mean()) * 100 / size_hw(flow)[1]


def _steady_flow(rng: np.random.Generator, hw: tuple[int, int]) -> Float32Array:
    """A camera's motion from frame to frame, within bounds; (h, w, 2) px."""
    while True:
        flow = resize_flow(camera_flow(rng, MOTION_HW), hw)
        slowness = LEAST_PCT / max(_mean_pct(flow), 1e-3)
        if slowness > 1:
            flow *= np.float32(slowness * rng.uniform(1, 3))
        if _mean_pct(flow) < MOST_PCT:
            return flow


def _times(rng: np.random.Generator, flow: Float32Array) -> tuple[int, int, int]:
    """Times of the three frames, in parts of the time from frame to frame."""
    near, far = int(rng.integers(*NEAR)), int(rng.integers(*FAR))
    farthest = int(FARTHEST_PCT * PARTS / _mean_pct(flow))
    return 0, near, max(near + 1, min(far, farthest))


def _places(flow: Float32Array, times: tuple[int, ...]) -> list[Float32Array]:
    """Where each frame's pixels are in the still, (h, w, 2) px."""
    parts = repeat(flow / np.float32(PARTS), times[-1])
    places = [pixel_grid(size_hw(flow)), *places_in_first(parts)]
    return [places[time] for time in times]


def _add_object(
    rng: np.random.Generator, frames: list[UInt8Array], times: tuple[int, ...], cut: CutOut
) -> None:
    """Add a moving object to the frames, in place."""
    hw = size_hw(frames[0])
    place, back = object_motion(rng, cut, hw, pace=hw[1] / MOTION_HW[1] / PARTS)
    for frame, time in zip(frames, times, strict=True):
        moved: npt.NDArray[np.float64] = NO_MOTION - time * (back - NO_MOTION)
        paste(frame, cut, compose(moved, place))


def synthetic_frames(
    rng: np.random.Generator, image_rgb: UInt8Array, label: UInt8Array
) -> list[UInt8Array]:
    """Three frames of a video that starts with a still.

    Args:
        rng: source of all randomness.
        image_rgb: (H, W, 3) uint8 RGB.
        label: (H, W) uint8, for the objects.

    Returns:
        (H, W, 3) uint8 RGB each; up to a frame's motion from the first to the second, up to four
        frames' to the third.
    """
    if rng.random() < 0.5:
        image_rgb, label = (np.ascontiguousarray(part[:, ::-1]) for part in (image_rgb, label))
    flow = _steady_flow(rng, size_hw(image_rgb))
    times = _times(rng, flow)
    frames = [sample(image_rgb, place) for place in _places(flow, times)]
    for cut in drawn_objects(rng, cut_outs(image_rgb, label), MOST_OBJECTS):
        _add_object(rng, frames, times, cut)
    return [_with_sensor_noise(rng, frame) for frame in frames]


def _with_sensor_noise(rng: np.random.Generator, frame_rgb: UInt8Array) -> UInt8Array:
    """Add small changes of exposure and sensor noise."""
    noise = sensor_noise(rng, frame_rgb.shape, MOST_NOISE)
    noisy: Float32Array = jitter_colour(rng, frame_rgb, EXPOSURE) + noise
    return np.clip(noisy, 0, 255).astype(np.uint8)


def write_synthetic_video(still: Still, directory: Path, seed: tuple[int, ...]) -> list[ListEntry]:
    """Make a video of a still and list its pairs, each frame being key and current frame.

    Args:
        still: the source.
        directory: where the frames go, named as the still is; it exists.
        seed: of all random choices.

    Raises:
        MediaError: the still can't be read, or a frame not written.
    """
    frames = synthetic_frames(np.random.default_rng(seed), *still.load_rgb())
    names = [f"{still.image.stem}_{index}.png" for index in range(len(frames))]
    for name, frame in zip(names, frames, strict=True):
        image_bgr = np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
        write_image(directory / name, image_bgr)
    return [ListEntry(key, current, current) for key, current in permutations(names, 2)]
