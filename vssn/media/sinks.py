"""Where segmented frames go, besides videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vssn.files import make_directory, remove_abandoned
from vssn.labels import colour_mask_bgr
from vssn.media.images import write_mask
from vssn.types import FrameResult, TimedFrame, UInt8Array


class MaskFolder:
    """Writes each frame's labels as ``mask<index>.png``, from 0, in the palette's colours.

    Args:
        directory: where they go.
        paint: makes the picture, (H, W, 3) uint8 BGR, of (h, w) uint8 labels.
    """

    def __init__(
        self, directory: Path, paint: Callable[[UInt8Array], UInt8Array] = colour_mask_bgr
    ) -> None:
        """Create the directory.

        Raises:
            MediaError: it can't be created or written to.
        """
        self._directory = make_directory(directory)
        remove_abandoned(directory)
        self._paint = paint

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Write the next frame's labels.

        Raises:
            MediaError: the file can't be written.
        """
        path = self._directory / f"mask{frame.index}.png"
        write_mask(path, result.labels, self._paint)

    def close(self, complete: bool = True) -> None:
        """Nothing is left to do: each file is complete as it is written."""
