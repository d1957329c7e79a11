"""A clip of video, however it is kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from vssn.errors import MediaError
from vssn.media.images import IMAGE_SUFFIXES, read_image_bgr
from vssn.media.video import VideoSource
from vssn.types import UInt8Array


def iter_clip(path: Path) -> Iterator[UInt8Array]:
    """Yield the (H, W, 3) uint8 BGR frames of a video file, or of a folder of images by name.

    Raises:
        MediaError: missing, empty, or unreadable.
    """
    if not path.is_dir():
        with VideoSource(path) as source:
            yield from source
        return
    images = sorted(p for p in path.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise MediaError(f"clip folder '{path}'", "PNG or JPEG frames", "pass a folder of frames")
    for image in images:
        yield read_image_bgr(image)
