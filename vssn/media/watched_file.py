"""A file or pipe as FFmpeg reads it: to its end, or until too much gives no packet."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import BinaryIO, Protocol

from vssn.files import open_regular
from vssn.interrupts import called_natively

# What is read without a packet is damage: FFmpeg keeps it all in memory, and reads it slowly. No
# index of a video is larger than the first, no beginning without an index than the second, no
# compressed frame than the third, and none of them has so many zeros as the fourth.
INDEX_BYTES = 1 << 27
HEAD_BYTES = 1 << 25
PACKET_BYTES = 1 << 26
ZERO_BYTES = 1 << 24
PIPE_PACKET_BYTES = 1 << 24  # a pipe may be slow
# How files with an index begin: Matroska, AVI, and by their first box QuickTime and MP4.
INDEXED = (b"\x1a\x45\xdf\xa3", b"RIFF")
FIRST_BOXES = {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid", b"styp"}
BYTES_PER_PIXEL = 8  # of frames that are not compressed
PACKET_S = 30.0  # in which a disk gives a packet
BLOCK_BYTES = 1 << 20
WAY_BYTES = 1 << 16
MOST_NOTED = 1000
SEARCH_S = 4.0  # in which a disk reads some GB
ZEROS = bytes(BLOCK_BYTES)
SUFFIX_LETTERS = 8


class Readable(Protocol):
    """What gives its bytes in order, such as a pipe."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes; none at the end."""


class Watched:
    """What can be read once, in order.

    Attributes:
        name: by whose suffix FFmpeg may tell the format.
        stopped: whether an end is given before the end.
        read_bytes: how many bytes were read so far.
        zeros: how many bytes were so far in blocks of nothing but zeros.
    """

    def __init__(self, source: Readable, name: str = "video", patient: bool = False) -> None:
        """Begin to watch.

        Args:
            source: closed by the caller.
            name: see above.
            patient: a packet may take any time, as from a pipe that waits for a camera.
        """
        self.name = name
        self.stopped = False
        self.read_bytes = 0
        self.zeros = 0
        self._source = source
        self._interrupt: KeyboardInterrupt | None = None
        self._patient = patient
        self._most = HEAD_BYTES
        self._most_zeros = ZERO_BYTES
        self._unused = self._zeros_before = 0
        self._since_s = time.monotonic()

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; none at the end, and where too many gave no packet."""
        if self.stopped:
            return b""
        late = not self._patient and time.monotonic() - self._since_s > PACKET_S
        if self._unused >= self._most or self._too_many_zeros() or late:
            self.stopped = True
            return b""
        try:
            data = self._source.read(size)
        except KeyboardInterrupt as interrupt:  # FFmpeg, which calls this, can't pass it on
            self._interrupt = interrupt
            self.stopped = True
            return b""
        if not self.read_bytes and (data.startswith(INDEXED) or data[4:8] in FIRST_BOXES):
            self._most = INDEX_BYTES
        self.read_bytes += len(data)
        self._unused += len(data)
        if not data[:1].strip(b"\0") and data == ZEROS[: len(data)]:
            self._note_zeros(len(data))
        return data

    def _note_zeros(self, length: int) -> None:
        self.zeros += length

    def has_zeros(self, start: int, end: int) -> bool:
        """Whether blocks of nothing but zeros were read between two places, if that is known."""
        return False

    def _too_many_zeros(self) -> bool:
        return self.zeros - self._zeros_before >= self._most_zeros

    def begin_packets(self, pixels: int) -> None:
        """The container is open: from now on so much is read at most for a packet.

        Args:
            pixels: of a frame, where that is known.
        """
        least = PIPE_PACKET_BYTES if self._patient else PACKET_BYTES
        self._most = max(least, BYTES_PER_PIXEL * pixels)
        self._most_zeros = max(ZERO_BYTES, BYTES_PER_PIXEL * pixels)
        self.restart()

    def raise_interrupt(self) -> None:
        """Raise what came while FFmpeg was reading."""
        if self._interrupt is not None:
            interrupt, self._interrupt = self._interrupt, None
            raise interrupt

    def restart(self) -> None:
        """Read on after an end that was none."""
        self.stopped = False
        self.found_packet()

    def trust(self) -> None:
        """From now on, any amount may be read: the file is one that was written here."""
        self._most = self._most_zeros = sys.maxsize
        self._patient = True

    def found_packet(self) -> None:
        """What was read is of use: count anew."""
        self._unused = 0
        self._zeros_before = self.zeros
        self._since_s = time.monotonic()

    def seekable(self) -> bool:
        """Whether more than the next byte can be reached."""
        return False


class WatchedFile(Watched):
    """A regular file.

    Attributes:
        size: in bytes.
        passes_zeros: whether zeros, where too many give no packet, are passed over, as if they
            were not there; False at first. No place behind them may be stated anywhere.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            MediaError: it can't be opened, or is no regular file.
        """
        # FFmpeg does not open this one itself, so its name can't lead anywhere else.
        suffix = path.suffix[1:]
        usual = suffix.isascii() and suffix.isalnum() and len(suffix) <= SUFFIX_LETTERS
        self._file: BinaryIO = open_regular(path, 1 << 62, "video")
        super().__init__(self._file, f"video.{suffix}" if usual else "video")
        self.size = os.fstat(self._file.fileno()).st_size
        self.passes_zeros = False
        self._place = 0
        self._zero_places: set[int] = set()
        self._passed: list[tuple[int, int]] = []

    @called_natively
    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes; see :class:`Watched`, but for zeros that are passed over."""
        if self.passes_zeros and self._too_many_zeros():
            self._pass_zeros()
        data = super().read(size)
        self._place += len(data)
        return data

    def _note_zeros(self, length: int) -> None:
        super()._note_zeros(length)
        if len(self._zero_places) < MOST_NOTED:
            self._zero_places.add(self._place)

    def has_zeros(self, start: int, end: int) -> bool:
        """Whether blocks of nothing but zeros were read between two places."""
        return any(start < place < end for place in self._zero_places)

    @called_natively
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, counted without what was passed over; see :meth:`io.IOBase.seek`."""
        if whence == os.SEEK_CUR:
            offset += self._place
        elif whence == os.SEEK_END:
            offset += self.size - sum(length for _, length in self._passed)
        self._file.seek(offset + sum(length for place, length in self._passed if place <= offset))
        self.stopped = False
        self._place = offset
        return offset

    @called_natively
    def tell(self) -> int:
        """The place of the next byte, counted likewise."""
        return self._place

    @called_natively
    def seekable(self) -> bool:
        """Whether more than the next byte can be reached."""
        return True

    def _pass_zeros(self) -> None:
        here = self._file.tell()
        # Among some zeros FFmpeg notices that it must find its way again.
        there = max(here, self._after_zeros(here) - WAY_BYTES)
        self._file.seek(there)
        self._passed.append((self._place, there - here))
        self._zeros_before = self.zeros

    @property
    def passed(self) -> int:
        """How often zeros were passed over."""
        return len(self._passed)

    def _after_zeros(self, place: int) -> int:
        """The first byte from a place on that is no zero, or how far could be looked."""
        until_s = time.monotonic() + SEARCH_S
        while place < self.size and time.monotonic() < until_s:
            place = self._after_hole(place)
            self._file.seek(place)
            block = self._file.read(BLOCK_BYTES)
            if not block:
                break
            if block != ZEROS[: len(block)]:
                return place + len(block) - len(block.lstrip(b"\0"))
            place += len(block)
        return min(place, self.size)

    def _after_hole(self, place: int) -> int:
        """Past what the file system knows to be nothing but zeros, as in a sparse file."""
        if not hasattr(os, "SEEK_DATA"):
            return place
        try:
            return os.lseek(self._file.fileno(), place, os.SEEK_DATA)
        except OSError:  # nothing more, or a file system that does not know
            return self._at_end_of_data(place)

    def _at_end_of_data(self, place: int) -> int:
        try:
            hole = os.lseek(self._file.fileno(), place, os.SEEK_HOLE)
        except OSError:
            return place
        return self.size if hole <= place else place

    def close(self) -> None:
        """Close the file; called again, it does nothing."""
        self._file.close()
