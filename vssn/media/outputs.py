"""Any kind of output of frames, behind one call."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from vssn.errors import MediaError
from vssn.files import make_directory, remove_abandoned
from vssn.media.encoding import FORMATS
from vssn.media.images import write_image
from vssn.media.pipeline import ClosedOnExit
from vssn.media.previews import PreviewSink
from vssn.media.sink import VideoSink
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from vssn.media.video import VideoSource

PREVIEWS = (".gif", ".webp")
SEQUENCE = re.compile(r"%0?\d*d")
SEQUENCE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".ppm")


class OutputSink(Protocol):
    """Takes frames; `frames` says how many, `path` where they are."""

    def __enter__(self) -> Self:
        """Open for a ``with`` statement, which closes it."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Close it; an exception says that not all frames were written."""

    @property
    def frames(self) -> int:
        """How many frames were written."""

    @property
    def path(self) -> Path:
        """Where they are."""

    def write(self, frame_bgr: UInt8Array, time_s: Fraction | float | None = None) -> None:
        """Take an (H, W, 3) uint8 BGR frame."""

    def close(self, complete: bool = True) -> None:
        """Finish; ``complete`` says whether all frames were written."""


class ImageSequence(ClosedOnExit):
    """Writes each frame as an image of its own.

    Attributes:
        frames: how many were written so far.
        path: their folder.
    """

    def __init__(self, pattern: Path) -> None:
        """Create the folder.

        Args:
            pattern: such as ``frames/%06d.png``; numbers begin at 0.

        Raises:
            MediaError: the folder can't be written to, or the pattern is none.
        """
        if not SEQUENCE.search(pattern.name) or pattern.name.count("%") != 1:
            raise MediaError(
                f"output '{pattern}'", "one number such as %06d in its name", "correct it"
            )
        self.frames = 0
        self.path = make_directory(pattern.parent)
        remove_abandoned(self.path)
        self._pattern = pattern

    def write(self, frame_bgr: UInt8Array, time_s: Fraction | float | None = None) -> None:
        """Write an (H, W, 3) uint8 BGR frame.

        Raises:
            MediaError: the file can't be written.
        """
        write_image(self.path / (self._pattern.name % self.frames), frame_bgr)
        self.frames += 1

    def close(self, complete: bool = True) -> None:
        """Nothing is left to do: each image is complete as it is written."""


def check_output(output: Path, files: Iterable[Path] = ()) -> None:
    """Find out before the work whether an output can be made.

    Args:
        output: a video's file, or the pattern of an image sequence.
        files: that are read.

    Raises:
        MediaError: there is no such kind, a directory has its name, or it would take the place of
            what it is made from; also where images would come among those that are read.
    """
    among = "%" in output.name
    if not (among and output.suffix.lower() in SEQUENCE_SUFFIXES):
        among = False
        if output.suffix.lower() not in (*FORMATS, *PREVIEWS):
            kinds = ", ".join((*FORMATS, *PREVIEWS))
            raise MediaError(
                f"output '{output}'",
                f"{kinds}, or images such as frames/%06d.png",
                "choose one of these",
            )
        if os.path.isdir(output):
            raise MediaError(
                f"output '{output}', a directory", "a free file name", "choose another name"
            )
    for file in files:
        if among and file.suffix.lower() not in SEQUENCE_SUFFIXES:
            continue
        if _same(output.parent, file.parent) if among else _same(output, file):
            raise MediaError(
                f"output '{output}', where the source '{file}' is",
                "another place than the source's",
                "choose another name or directory",
            )


def _same(path: Path, other: Path) -> bool:
    try:
        return os.path.samefile(path, other)
    except (OSError, ValueError):  # one of them is not there
        return False


def open_sink(
    path: str | Path, info: VideoInfo, audio_from: VideoSource | None = None
) -> OutputSink:
    """Open an output of the kind that its name says.

    Args:
        path: a video (.avi, .mp4, .mkv, .webm), an animated preview (.gif, .webp), or images
            (``folder/%06d.png``).
        info: of the frames.
        audio_from: the source, whose sound a video gets.

    Raises:
        MediaError: there is no such kind, it can't be written, or it would replace the source.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    check_output(path, audio_from.files if audio_from else ())
    if suffix in PREVIEWS:
        return PreviewSink(path, info, audio_from)
    if suffix in SEQUENCE_SUFFIXES:
        return ImageSequence(path)
    return VideoSink(path, info, audio_from)
