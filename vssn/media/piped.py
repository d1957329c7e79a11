"""Video without a file's help: on the standard input, or frames without any header."""

from __future__ import annotations

import logging
import os
import stat
import struct
import tempfile
from pathlib import Path
from typing import BinaryIO

from vssn.errors import MediaError
from vssn.media.containers import open_pipe, open_raw, refuse
from vssn.media.readers import ContainerReader, FileReader, Reader, warn_of_sound

logger = logging.getLogger(__name__)

STANDARD_INPUT = 0
BLOCK_BYTES = 1 << 20
# Boxes that may stand before the frames or the index of an MP4 (ISO 14496-12).
EARLY_BOXES = {b"ftyp", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp", b"sidx"}
MAX_BOXES = 32


class Peeked:
    """A pipe whose beginning can be looked at before it is read."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._head = b""

    def peek(self, size: int) -> bytes:
        """The first ``size`` bytes, or as many as there are."""
        while len(self._head) < size:
            more = os.read(self._descriptor, BLOCK_BYTES)
            if not more:
                break
            self._head += more
        return self._head[:size]

    def read(self, size: int = BLOCK_BYTES) -> bytes:
        """Up to ``size`` bytes; none at the end."""
        if not self._head:
            return os.read(self._descriptor, size)
        part, self._head = self._head[:size], self._head[size:]
        return part


def index_is_last(pipe: Peeked) -> bool:
    """Whether an MP4 has its frames before its index, so that it can't be read as it comes."""
    at = 0
    for _ in range(MAX_BOXES):
        header = pipe.peek(at + 8)[at:]
        if len(header) < 8:
            return False
        length, kind = struct.unpack(">I4s", header)
        if kind == b"mdat":
            return True
        if kind not in EARLY_BOXES or not 8 <= length <= BLOCK_BYTES:
            return False
        at += length
    return False


class PipeReader(ContainerReader):
    """A video that arrives through a pipe and can be read as it comes."""

    live = True

    def __init__(self, pipe: Peeked) -> None:
        """Read its header; see :func:`vssn.media.containers.open_pipe`."""
        super().__init__(open_pipe(pipe), "-")
        warn_of_sound(self._container, "-")

    def finish(self) -> None:
        """Log what was lost, or that the stream ended early."""
        super().finish()
        end = self._decoder.stated_end
        early = end is not None and self._last < end - max(end / 100, 2 / self._decoder.rate)
        self.truncated = self._decoder.error is not None or self._decoder.incomplete or early
        if self.truncated:
            logger.warning(
                "the video on the standard input ended early: %d frames could be read", self._frames
            )


class SpooledReader(FileReader):
    """A video whose index comes last: its bytes are kept in a temporary file first."""

    def __init__(self, pipe: Peeked) -> None:
        """Take all of it.

        Raises:
            MediaError: no room for it, or no video.
        """
        logger.info("the index of the video comes last: reading the whole standard input first")
        self._spool = _spooled(pipe)
        try:
            super().__init__(_path_of(self._spool.fileno()), "-")
        except BaseException:
            self._spool.close()
            raise

    def close(self) -> None:
        """Close the container and remove the file."""
        super().close()
        self._spool.close()


def _spooled(pipe: Peeked) -> BinaryIO:
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as its reader
    try:
        while block := pipe.read(BLOCK_BYTES):
            spool.write(block)
        spool.flush()
    except OSError as error:
        spool.close()
        raise MediaError(
            f"video '-' ({error.strerror} in '{tempfile.gettempdir()}')",
            "room there for the whole of it",
            "free some, or pass the file itself",
        ) from error
    return spool


def _path_of(descriptor: int) -> Path:
    """A path of an open file.

    Raises:
        MediaError: this system has no paths for open files.
    """
    path = Path(f"/dev/fd/{descriptor}")
    if not path.exists():
        raise refuse("-", "its index comes last", "pass the file itself")
    return path


def open_standard_input(descriptor: int = STANDARD_INPUT) -> Reader:
    """Open the video on the standard input.

    Raises:
        MediaError: it holds no video.
    """
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError as error:
        raise refuse("-", "the standard input is closed", "pipe a video file or Y4M") from error
    if is_file:  # vssn video - < street.mp4
        return FileReader(_path_of(descriptor), "-")
    pipe = Peeked(descriptor)
    return SpooledReader(pipe) if index_is_last(pipe) else PipeReader(pipe)


class RawReader(ContainerReader):
    """Frames without any header, of a size and pixel format that are known."""

    def __init__(
        self, path: Path | None, size_wh: tuple[int, int], pixels: str, fps: float
    ) -> None:
        """Read the first frame; see :func:`vssn.media.containers.open_raw`."""
        name = str(path or "-")
        self.files = () if path is None else (path,)
        self.live = path is None
        container = open_raw(path, size_wh, pixels, fps)
        try:
            super().__init__(container, name)
        except MediaError as error:
            raise MediaError(
                f"raw frames '{name}'",
                f"at least one of {size_wh[0]}x{size_wh[1]} px in {pixels}",
                "state the size and pixel format of the program that writes them",
            ) from error

    def finish(self) -> None:
        """Log that the last frame is not whole, as where the size is wrong."""
        self.truncated = self._decoder.incomplete
        if self.truncated:
            logger.warning(
                "the raw frames of '%s' end within a frame, after %d whole ones: "
                "they were cut short, or have another size",
                *(self._name, self._frames),
            )
