"""Where segmented frames go, besides videos."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vssn.files import make_directory, remove_abandoned
from vssn.labels import PALETTE_RGB, colour_mask_bgr
from vssn.media.images import write_image, write_palette_image
from vssn.types import FrameResult, TimedFrame, UInt8Array


class MaskFolder:
    """Writes each frame's labels as ``mask<index>.png``, from 0.

    Args:
        directory: where they go.
        paint: makes of (h, w) uint8 labels a picture, (h, w, 3) uint8 BGR, or other numbers,
            (h, w) uint8; None writes the labels themselves, shown in CamVid's colours.
    """

    def __init__(
        self,
        directory: Path,
        paint: Callable[[UInt8Array], UInt8Array] | None = colour_mask_bgr,
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
        if self._paint is None:
            write_palette_image(path, result.labels, PALETTE_RGB)
        else:
            write_image(path, self._paint(result.labels))

    def close(self, complete: bool = True) -> None:
        """Nothing is left to do: each file is complete as it is written."""
