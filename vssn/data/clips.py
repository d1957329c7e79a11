"""A clip of video, however it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from vssn.media.video import VideoSource
from vssn.types import UInt8Array


def iter_clip(path: Path) -> Iterator[UInt8Array]:
    """Yield the (H, W, 3) uint8 BGR frames of a video file, or of a folder of images.

    Raises:
        MediaError: missing, empty, or unreadable.
    """
    with VideoSource(path) as source:
        yield from source


def check_clips(paths: Iterable[Path]) -> None:
    """Find out before the work, which may take minutes, whether clips begin with a frame.

    Raises:
        MediaError: see :func:`iter_clip`.
    """
    for path in paths:
        next(iter_clip(path), None)
