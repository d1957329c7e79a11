"""Motion JPEG in an AVI container: the bytes around JPEG images that are already encoded.

Written here because OpenCV's writers cut odd sizes, or round frame rates, and don't notice a full
disk. Format: Microsoft's RIFF AVI reference and the OpenDML 1.02 extensions, which take a file
past 4 GiB: the first RIFF chunk is a plain AVI with its ``idx1``, further ones are ``AVIX``, and
a super index in the header points to each chunk's own index.
"""

from __future__ import annotations

import logging
import struct
from fractions import Fraction
from io import FileIO

logger = logging.getLogger(__name__)

SEGMENT_BYTES = 1 << 30
MAX_SEGMENTS = 256  # room for their index in the header; frames beyond can be played, not sought
UINT32_MAX = 0xFFFFFFFF

FRAME = b"00dc"
FLAG_HAS_INDEX = 0x10
FLAG_KEY_FRAME = 0x10
INDEX_OF_INDEXES = 0
INDEX_OF_CHUNKS = 1


def _chunk(tag: bytes, data: bytes) -> bytes:
    return tag + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(kind: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", kind + b"".join(chunks))


class AviWriter:
    """Writes frames to an open file; `close` makes it complete.

    Every frame reaches the file at once, and one that does not fit is cut off again, so that the
    file can be closed playable after any error.
    """

    def __init__(
        self, file: FileIO, size_wh: tuple[int, int], fps: float, segment_bytes: int = SEGMENT_BYTES
    ) -> None:
        """Write the header.

        Args:
            file: empty, unbuffered, open for writing.
            size_wh: frame size in px.
            fps: frames per second, kept to 1e-5 or better.
            segment_bytes: size at which the next RIFF chunk begins.

        Raises:
            OSError: the file can't be written.
        """
        self.frames = 0
        self._file = file
        self._end = 0
        self._size_wh = size_wh
        self._rate = Fraction(fps).limit_denominator(100_000)
        self._segment_bytes = segment_bytes
        self._largest_frame = 0
        self._frames_in_first = 0
        self._segments: list[tuple[int, int, int]] = []  # of each index: offset, bytes, frames
        self._entries: list[tuple[int, int]] = []  # of each frame here: offset of data, bytes
        self._begin_segment(b"AVI ", self._header())

    def write(self, jpeg: bytes) -> None:
        """Append one frame.

        Raises:
            OSError: the disk is full or fails; the frame is not in the file then.
        """
        if self._end - self._riff_start > self._segment_bytes:
            self._end_segment()
            self._begin_segment(b"AVIX")
        start = self._end
        self._append(_chunk(FRAME, jpeg))
        self._entries.append((start + 8, len(jpeg)))
        self._largest_frame = max(self._largest_frame, len(jpeg))
        self.frames += 1
        self._frames_in_first += self._riff_start == 0

    def close(self) -> None:
        """Write the last index and the final header; the file object stays open.

        Raises:
            OSError: the disk fails. A full one leaves out the index only, without which players
                still find the frames.
        """
        if self._entries:
            self._end_segment()
        self._file.truncate(self._end)
        self._overwrite(12, self._header())

    def _overwrite(self, at: int, data: bytes) -> None:
        self._file.seek(at)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]

    def _append(self, data: bytes) -> None:
        # What fails halfway, or is interrupted, lies behind _end and is written over or cut off.
        self._overwrite(self._end, data)
        self._end += len(data)

    def _begin_segment(self, kind: bytes, header: bytes = b"") -> None:
        start = self._end
        self._append(b"RIFF" + bytes(4) + kind + header + b"LIST" + bytes(4) + b"movi")
        self._riff_start = start
        self._movi_start = self._end - 12

    def _end_segment(self) -> None:
        movi_end = start = self._end
        try:
            self._append(_chunk(b"ix00", self._standard_index()))
            movi_end = self._end
            self._segments.append((start, movi_end - start, len(self._entries)))
            if self._riff_start == 0:
                self._append(_chunk(b"idx1", self._old_index()))
        except OSError as error:
            logger.warning("the video has no index: %s", error.strerror)
        self._entries.clear()
        for at, end in ((self._movi_start, movi_end), (self._riff_start, self._end)):
            self._overwrite(at + 4, struct.pack("<I", end - at - 8))

    def _standard_index(self) -> bytes:
        base = self._movi_start
        head = struct.pack("<HBBI4sQI", 2, 0, INDEX_OF_CHUNKS, len(self._entries), FRAME, base, 0)
        return head + b"".join(struct.pack("<II", at - base, size) for at, size in self._entries)

    def _old_index(self) -> bytes:
        base = self._movi_start + 8
        return b"".join(
            struct.pack("<4sIII", FRAME, FLAG_KEY_FRAME, at - 8 - base, size)
            for at, size in self._entries
        )

    def _super_index(self) -> bytes:
        segments = self._segments[:MAX_SEGMENTS]
        head = struct.pack("<HBBI4s12x", 4, 0, INDEX_OF_INDEXES, len(segments), FRAME)
        entries = b"".join(struct.pack("<QII", *segment) for segment in segments)
        return head + entries.ljust(16 * MAX_SEGMENTS, b"\0")

    def _stream_header(self) -> bytes:
        return struct.pack(
            "<4s4sIHHIIIIIIiI4H",
            *(b"vids", b"MJPG", 0, 0, 0, 0),
            *(self._rate.denominator, self._rate.numerator),
            *(0, self.frames, self._largest_frame, -1, 0),
            *(0, 0, *self._size_wh),
        )

    def _header(self) -> bytes:
        """The ``hdrl`` list; of the same length whatever it says."""
        width, height = self._size_wh
        micros = min(round(1_000_000 / self._rate), UINT32_MAX)
        bytes_per_second = min(int(self._largest_frame * self._rate), UINT32_MAX)
        flags = FLAG_HAS_INDEX if self._segments else 0
        counts = (self._frames_in_first, 0, 1, self._largest_frame)
        main = struct.pack("<10I16x", micros, bytes_per_second, 0, flags, *counts, width, height)
        bitmap = struct.pack("<IiiHH4sI16x", 40, width, height, 1, 24, b"MJPG", width * height * 3)
        return _list(
            b"hdrl",
            _chunk(b"avih", main),
            _list(
                b"strl",
                _chunk(b"strh", self._stream_header()),
                _chunk(b"strf", bitmap),
                _chunk(b"indx", self._super_index()),
            ),
            _list(b"odml", _chunk(b"dmlh", struct.pack("<I244x", self.frames))),
        )
