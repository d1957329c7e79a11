"""Where segmented frames go, besides videos."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from vssn.files import folder_lock, make_directory
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
        """Create the directory, and keep other runs out of it until it is closed.

        Raises:
            MediaError: it can't be created or written to, or another run writes there.
        """
        self._directory = make_directory(directory)
        self._open = ExitStack()
        self._open.enter_context(folder_lock(directory))
        self._paint = paint

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Write the next frame's labels.

        Raises:
            MediaError: the file can't be written.
        """
        path = self._directory / f"mask{frame.index}.png"
        write_mask(path, result.labels, self._paint)

    def close(self, complete: bool = True) -> None:
        """Release the directory; each file is complete as it is written."""
        self._open.close()
