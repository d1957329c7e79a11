"""Finishing a video: the pictures copied from its parts, the sound from its source."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vssn.media.containers import opened
from vssn.media.encoding import OutputFormat
from vssn.media.sound import Sound, packet_time_s, sound_packets

logger = logging.getLogger(__name__)

DISK_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS}


@dataclass(frozen=True)
class Finishing:
    """How a part becomes a finished file.

    Attributes:
        output: its kind.
        grid: unit of time in s where the container knows nothing finer, else None.
        sound: None for a silent video.
        comment: kept in the file's metadata.
    """

    output: OutputFormat
    grid: Fraction | None
    sound: Sound | None
    comment: str


@dataclass(frozen=True)
class Part:
    """Pictures of a video.

    Attributes:
        path: their file, as :mod:`vssn.media.encoding` makes them.
        shift: what is added to their times, in s.
    """

    path: Path
    shift: Fraction = Fraction(0)


def remux(parts: Sequence[Part], target: Path, finishing: Finishing) -> int:
    """Copy the pictures of a video's parts and its source's sound into a finished file.

    Sound that the container does not take as it is, is encoded again; where that fails too, it is
    left out, with a logged warning.

    Args:
        parts: the pictures, one after another, encoded alike.
        target: written over.
        finishing: what else goes into it.

    Returns:
        How many frames it holds.

    Raises:
        OSError: reading or writing fails.
    """
    encoded = replace(finishing.output, copied_sound=frozenset())
    for output in (finishing.output, encoded) if finishing.sound else ():
        try:
            return _remux(parts, target, replace(finishing, output=output))
        except (av.FFmpegError, ValueError) as error:
            if getattr(error, "errno", None) in DISK_ERRORS:
                raise
            logger.debug("sound of '%s': %s", finishing.sound, error)
    if finishing.sound:
        logger.warning("the output has no sound: that of '%s' is damaged", finishing.sound.path)
    return _remux(parts, target, replace(finishing, sound=None))


def part_packets(part: Part) -> Iterator[Packet[Any]]:
    """A part's packets, with their times shifted.

    Raises:
        MediaError: it can't be read.
    """
    with opened(part.path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.dts is not None:
                shift = round(part.shift / packet.time_base)
                packet.dts += shift
                packet.pts = None if packet.pts is None else packet.pts + shift
                yield packet


def _remux(parts: Sequence[Part], target: Path, finishing: Finishing) -> int:
    output = finishing.output
    with (
        opened(parts[0].path) as first,
        av.open(
            f"file:{target.absolute()}",
            "w",
            format=output.container,
            container_options=output.container_options,
            metadata_errors="replace",
        ) as finished,
    ):
        finished.metadata["comment"] = finishing.comment
        copier = _Copier(first.streams.video[0], finished, finishing.grid)
        sound = sound_packets(finished, output, finishing.sound)
        return copier.copy(chain.from_iterable(map(part_packets, parts)), sound)


class _Copier:
    """Copies the pictures' packets, the sound's in between."""

    def __init__(
        self, template: VideoStream, finished: OutputContainer, grid: Fraction | None
    ) -> None:
        self._finished = finished
        self._stream = finished.add_stream_from_template(template, opaque=True)
        self._grid = grid
        self._last = -1
        if grid is not None:
            self._stream.time_base = grid

    def copy(self, pictures: Iterator[Packet[Any]], sound: Iterator[Packet[Any]]) -> int:
        count = 0
        waiting = next(sound, None)
        for packet in pictures:
            while waiting is not None and packet_time_s(waiting) <= packet_time_s(packet):
                self._finished.mux(waiting)
                waiting = next(sound, None)
            self._snap(packet)
            packet.stream = self._stream
            self._finished.mux(packet)
            count += 1
        while waiting is not None:
            self._finished.mux(waiting)
            waiting = next(sound, None)
        return count

    def _snap(self, packet: Packet[Any]) -> None:
        """Put a packet on the grid, each frame in a slot of its own."""
        if self._grid is None or packet.pts is None or not packet.time_base:
            return
        slot = max(self._last + 1, round(packet.pts * packet.time_base / self._grid))
        self._last = slot
        packet.time_base = self._grid
        packet.pts = packet.dts = slot
        packet.duration = 1
