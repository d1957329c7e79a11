"""A file that grows during a run: under a telling name until it is whole."""

from __future__ import annotations

import logging
import os
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import BinaryIO

from vssn.files import atomic_path, flush_to_disk, is_special
from vssn.interrupts import uninterrupted
from vssn.media.parts import abandoned_parts, create_part, take_name

logger = logging.getLogger(__name__)

FLUSH_S = 0.5  # what a kill may cost


class PartFile:
    """Bytes for ``NAME.partial-XXXXXXXX.SUFFIX``, which takes its final name when it is closed.

    What a killed run wrote is there under that name, up to its last half second; an interrupted
    one's takes the final name, or ``NAME.partial.SUFFIX`` where an older file has that. Devices
    and pipes are written to at the end.

    Attributes:
        path: where the content is; after `close`, the name that it got.
        file: to write to.

    Raises:
        OSError: it can't be created, or another run is writing this very file.
    """

    file: BinaryIO

    def __init__(self, path: Path) -> None:
        self._final = self.path = path
        self._abandoned: list[Path] = []
        self._written_out = time.monotonic()
        self._special = ExitStack() if is_special(path) else None
        if self._special is not None:
            temporary = self._special.enter_context(atomic_path(path))
            self.file = self._special.enter_context(temporary.open("wb"))
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._abandoned = abandoned_parts(path, path.suffix)
        for left in self._abandoned:
            logger.warning(
                "'%s' is what an interrupted run left; it goes when this one is done", left
            )
        self.path, descriptor = create_part(path, path.suffix)
        self.file = os.fdopen(descriptor, "wb")

    def written(self) -> None:
        """Tell that a piece is whole; now and then, what there is goes out of this process.

        Raises:
            OSError: it can't be written.
        """
        now = time.monotonic()
        if now - self._written_out > FLUSH_S:
            self.file.flush()
            self._written_out = now

    def close(self, complete: bool = True) -> None:
        """Give the file its name; called again, nothing.

        Args:
            complete: whether all was written; otherwise an older file keeps its name.

        Raises:
            OSError: it can't be written or renamed; what was written stays in `path`.
        """
        if self.file.closed:
            return
        if self._special is not None:
            self._special.close()
            return
        try:
            self.file.flush()
            flush_to_disk(self.path)
            with uninterrupted():
                # The lock goes with the file's closing, so the name comes before.
                self.path = take_name(self.path, self._final, complete)
                for left in self._abandoned if complete else []:
                    with suppress(OSError):
                        left.unlink(missing_ok=True)
        finally:
            with suppress(OSError):  # told by flush
                self.file.close()

    def abandon(self, keep: bool = True) -> None:
        """Close the file without a final name.

        Args:
            keep: what was written; otherwise the file is removed.
        """
        with suppress(OSError):
            self.file.close()
        if self._special is None and not keep:
            with suppress(OSError):
                self.path.unlink(missing_ok=True)
