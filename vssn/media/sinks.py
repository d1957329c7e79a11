"""Where segmented frames go, besides videos."""

from __future__ import annotations

from pathlib import Path

from vssn.datatypes import UInt8Array
from vssn.files import make_directory
from vssn.media.images import write_mask


class MaskFolder:
    """Writes each frame's labels as ``mask<step>.png``, from 0, in the palette's colours."""

    def __init__(self, directory: Path) -> None:
        """Create the directory.

        Raises:
            MediaError: it can't be created or written to.
        """
        self._directory = make_directory(directory)
        self._step = 0

    def write(self, labels: UInt8Array) -> None:
        """Write the next step's (H, W) uint8 labels at their own size.

        Raises:
            MediaError: the file can't be written.
        """
        write_mask(self._directory / f"mask{self._step}.png", labels)
        self._step += 1

    def close(self) -> None:
        """Nothing is left to do: each file is complete as it is written."""
