"""The frames that a machine is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vssn.data.demo import demo_clip
from vssn.errors import MediaError
from vssn.media.video import VideoSource
from vssn.types import UInt8Array

# What is held in memory: 4 s at 25 frames per second, fewer of large frames.
MAX_FRAMES = 100
MAX_BYTES = 1 << 28
MADE_HW = (360, 640)
MADE_FRAMES = 50
MADE_NAME = "made frames"
ZOOM = 0.01  # of the made frames' size, from each to the next


@dataclass(frozen=True)
class BenchClip:
    """A clip in memory.

    Attributes:
        name: of its file.
        frames_bgr: (H, W, 3) uint8 BGR each.
        made: whether it is no real video.
    """

    name: str
    frames_bgr: list[UInt8Array]
    made: bool = False


def read_bench_clip(path: Path | None = None) -> BenchClip:
    """Read the start of a video.

    Args:
        path: the file; None for the demo's clip, or made frames where that is not installed.

    Raises:
        MediaError: the file can't be read.
    """
    if path is None:
        try:
            path = demo_clip()
        except MediaError:
            return BenchClip(MADE_NAME, list(made_frames()), made=True)
    with VideoSource(path, max_frames=MAX_FRAMES) as source:
        return BenchClip(path.name, list(_first(source)))


def _first(frames_bgr: Iterable[UInt8Array]) -> Iterator[UInt8Array]:
    size = 0
    for frame_bgr in frames_bgr:
        yield frame_bgr
        size += frame_bgr.nbytes
        if size + frame_bgr.nbytes > MAX_BYTES:
            return


def made_frames(count: int = MADE_FRAMES, hw: tuple[int, int] = MADE_HW) -> Iterator[UInt8Array]:
    """A camera that moves towards a picture of spots in all sizes.

    Args:
        count: how many frames.
        hw: their size in px.

    Yields:
        (H, W, 3) uint8 BGR.
    """
    rng = np.random.default_rng(0)
    picture = np.full((*hw, 3), 128, np.float32)
    for spots in (4, 16, 64):
        coarse = rng.normal(0, 24, (spots, spots, 3)).astype(np.float32)
        picture += cv2.resize(coarse, hw[::-1], interpolation=cv2.INTER_CUBIC)
    still = np.clip(picture, 0, 255).astype(np.uint8)
    for number in range(count):
        scale = (1 + ZOOM) ** number
        matrix = cv2.getRotationMatrix2D((hw[1] / 2, hw[0] / 2), 0, scale)
        yield np.asarray(cv2.warpAffine(still, matrix, hw[::-1], flags=cv2.INTER_LINEAR), np.uint8)
