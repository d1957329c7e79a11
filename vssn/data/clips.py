"""A clip of video, however it is kept."""

from __future__ import annotations

from collections.abc import Iterator
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
