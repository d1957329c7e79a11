"""The packets of a container's stream, past what is damaged."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from typing import Any

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from vssn.media.watched_file import Watched, WatchedFile

# Who has read so much for so long without anything of use has reached the end of what is whole.
USELESS_BYTES = 1 << 26
USELESS_S = 4.0
USELESS_STREAM_S = 15.0  # of a network stream, whose key frames may be some seconds apart
# How often in a row FFmpeg may give up and be told to go on.
MOST_ERRORS = 2000
# Its index alone says where frames lie.
BY_PLACE = {"mov,mp4,m4a,3gp,3g2,mj2"}
# Streams in which nothing but frames lies, and no zeros between them.
PACKED = {"h264", "hevc", "m4v", "obu"}
# A format in which packets lie one after another, and FFmpeg finds its way again without a word.
MEASURED = {"matroska,webm"}
MOST_UNUSED_BYTES = 1 << 12
NOTHING = av.error.InvalidDataError(errno.EINVAL, "nothing that can be decoded")


def watched(container: InputContainer) -> Watched | None:
    """What a container is read from; None where FFmpeg reads itself, as from a URL."""
    source = getattr(getattr(container, "file", None), "file", None)
    return source if isinstance(source, Watched) else None


def close(container: InputContainer) -> None:
    """Close a container and the file that it is read from."""
    source = watched(container)
    container.close()
    if isinstance(source, WatchedFile):
        source.close()


class PacketReader:
    """Iterates over a stream's packets; an empty one comes at an end, to flush the decoder.

    Attributes:
        error: what ended the reading before the end, or None.
        gaps: how often zeros lay where packets are expected.
        stumbles: how often FFmpeg gave up and was told to go on, or passed something over.
        found: how many packets were read.
    """

    def __init__(self, container: InputContainer, stream: Stream) -> None:
        """Begin where the container is.

        Args:
            container: open; closed by the caller.
            stream: of it.
        """
        self.error: Exception | None = None
        self.gaps = self.stumbles = 0
        self.found = 0
        self._container = container
        self._stream = stream
        self._source = watched(container)
        self._errors = 0
        self._read_at_error = -1
        self._read_at_use = 0
        self._passed = 0
        self._place = self._next_place = -1
        if self._source is not None:
            context: Any = stream.codec_context
            self._source.begin_packets(getattr(context, "width", 0) * getattr(context, "height", 0))
            if isinstance(self._source, WatchedFile):
                self._source.passes_zeros = container.format.name not in BY_PLACE
        self._packets = self._demux()
        self.found_use()

    def found_use(self) -> None:
        """What the packets so far held is of use: it could be decoded."""
        self._useful_s = time.monotonic()
        if self._source is not None:
            self._read_at_use = self._source.read_bytes

    def restart(self) -> None:
        """Go on where the container has been sought to."""
        self._place = self._next_place = -1
        self._packets = self._demux()
        self.error = None
        if self._source is not None:
            self._source.restart()

    def __iter__(self) -> Iterator[Packet[Any]]:
        while True:
            packet = self._next()
            if packet is None:
                if not self._go_on():
                    return
                continue
            if self._is_another(packet):
                continue
            if packet.size:
                if self._looked_enough():
                    return
                if self._source is not None:
                    self._source.found_packet()
                    self._look_for_gaps(self._source, packet.pos)
                self._errors = 0
                self.error = None
                self.found += 1
            yield packet

    def _look_for_gaps(self, source: Watched, place: int | None) -> None:
        """Note zeros before a packet that was found at a place."""
        if isinstance(source, WatchedFile) and source.passed > self._passed:
            self._passed = source.passed
            self.gaps += 1
        elif place is not None and self._container.format.name in PACKED:
            self.gaps += self.found > 0 and source.has_zeros(self._place, place)
            self._place = place

    def _is_another(self, packet: Packet[Any]) -> bool:
        """Whether a packet is another stream's; notes bytes between packets that are none's."""
        if self._container.format.name in MEASURED and packet.size and packet.pos is not None:
            self.stumbles += 0 <= self._next_place < packet.pos - MOST_UNUSED_BYTES
            self._next_place = packet.pos + packet.size
        return bool(packet.stream.index != self._stream.index)

    def _demux(self) -> Iterator[Packet[Any]]:
        if self._container.format.name not in MEASURED:
            return self._container.demux(self._stream)
        for stream in self._container.streams:
            stream.discard = av.stream.Discard.default
        return self._container.demux()

    def _next(self) -> Packet[Any] | None:
        try:
            packet = next(self._packets, None)
        except (av.FFmpegError, OSError) as error:  # damaged from here on, or a stream broke off
            self.error = error
            packet = None
        if self._source is not None:
            self._source.raise_interrupt()
        return packet

    def _go_on(self) -> bool:
        """Whether there may be more behind what is damaged; FFmpeg is told to look there."""
        source = self._source
        if source is None or self._looked_enough():
            return False
        if self.error is not None and not source.stopped:
            if source.read_bytes == self._read_at_error or self._errors >= MOST_ERRORS:
                return False
            self._read_at_error = source.read_bytes
            self._errors += 1
            self.stumbles += 1
            self._packets = self._demux()
            return True
        if source.stopped:
            self.error = self.error or NOTHING
        return False

    def _looked_enough(self) -> bool:
        waited_s = time.monotonic() - self._useful_s
        if self._source is None:
            enough = waited_s >= USELESS_STREAM_S
        else:
            read = self._source.read_bytes - self._read_at_use
            enough = read >= USELESS_BYTES and waited_s >= USELESS_S
        if enough:
            self.error = self.error or NOTHING
        return enough
