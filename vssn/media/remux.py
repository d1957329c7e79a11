"""Finishing a video: the pictures copied from its parts, the sound from its source."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from vssn.errors import MediaError
from vssn.media.containers import open_file
from vssn.media.encoding import OutputFormat

logger = logging.getLogger(__name__)

DISK_ERRORS = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EROFS}


@dataclass(frozen=True)
class Sound:
    """Which sound goes with the pictures.

    Attributes:
        path: the source.
        start: where the pictures' first second begins in it, in s.
        end: where they end, in s; None for the source's end.
    """

    path: Path
    start: Fraction = Fraction(0)
    end: Fraction | None = None


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
    with open_file(part.path) as container:
        for packet in container.demux(container.streams.video[0]):
            if packet.size and packet.dts is not None:
                shift = round(part.shift / packet.time_base)
                packet.dts += shift
                packet.pts = None if packet.pts is None else packet.pts + shift
                yield packet


def _remux(parts: Sequence[Part], target: Path, finishing: Finishing) -> int:
    output = finishing.output
    with (
        open_file(parts[0].path) as first,
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
        sound = _sound(finished, output, finishing.sound)
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
            while waiting is not None and _seconds(waiting) <= _seconds(packet):
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


def _seconds(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts or 0
    return stamp * (packet.time_base or Fraction(1))


def _sound(
    finished: OutputContainer, output: OutputFormat, sound: Sound | None
) -> Iterator[Packet[Any]]:
    if sound is None:
        return iter(())
    try:
        source = open_file(sound.path)
    except MediaError as error:
        logger.warning("the output has no sound: %s", error)
        return iter(())
    stream = next((s for s in source.streams.audio if s.codec_context is not None), None)
    if stream is None:
        source.close()
        logger.warning("the output has no sound: that of '%s' can't be decoded here", sound.path)
        return iter(())
    return _sound_packets(source, stream, finished, output, sound)


def _sound_packets(
    source: InputContainer,
    stream: AudioStream,
    finished: OutputContainer,
    output: OutputFormat,
    sound: Sound,
) -> Iterator[Packet[Any]]:
    zero = _zero(source) + sound.start
    codec = stream.codec_context.codec.canonical_name
    if output.copied_sound is None or codec in output.copied_sound:
        copy = finished.add_stream_from_template(stream, opaque=True)
        return _within(source, _copied(source, stream, copy, zero), sound)
    logger.info("sound: %s is encoded again as %s", codec, output.sound_codec)
    rate = stream.codec_context.sample_rate
    rate = rate if rate in output.sound_rates else output.sound_rates[0]
    encoder = cast(AudioStream, finished.add_stream(output.sound_codec, rate=rate))
    encoder.codec_context.layout = "mono" if stream.codec_context.channels == 1 else "stereo"
    return _within(source, _encoded(source, stream, encoder, zero), sound)


def _within(
    source: InputContainer, packets: Iterator[Packet[Any]], sound: Sound
) -> Iterator[Packet[Any]]:
    length = None if sound.end is None else sound.end - sound.start
    with source:
        for packet in packets:
            time = _seconds(packet)
            if length is not None and time >= length:
                return
            # From the source's very start on, what leads the first picture is kept.
            if not sound.start or time + (packet.duration or 0) * packet.time_base > 0:
                yield packet


def _zero(source: InputContainer) -> Fraction:
    """Where the pictures' time begins in the source's, in s."""
    for stream in source.streams.video:
        if stream.start_time is not None and stream.time_base:
            return stream.start_time * Fraction(stream.time_base)
    return Fraction(0)


def _demux(source: InputContainer, stream: AudioStream) -> Iterator[Packet[Any]]:
    packets = source.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.InvalidDataError:
            return
        if packet is None:
            return
        yield packet


def _copied(
    source: InputContainer, stream: AudioStream, target: AudioStream, zero: Fraction
) -> Iterator[Packet[Any]]:
    shift = round(zero / Fraction(stream.time_base or 1))
    last: int | None = None
    for number, packet in enumerate(_demux(source, stream)):
        if not packet.size or packet.dts is None:
            continue
        if not number and target.container.format.name == "avi":
            shift = min(shift, packet.dts)  # no sound leads the pictures there
        stamp = packet.dts - shift
        last = stamp if last is None else max(stamp, last + 1)  # damaged files step back
        packet.pts = last if packet.pts in (None, packet.dts) else packet.pts - shift
        packet.dts = last
        packet.stream = target
        yield packet


def _encoded(
    source: InputContainer, stream: AudioStream, target: AudioStream, zero: Fraction
) -> Iterator[Packet[Any]]:
    first = True
    for packet in _demux(source, stream):
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError):  # a damaged packet costs its own sound only
            continue
        for frame in frames:
            if frame.pts is not None and frame.time_base:
                if first and target.container.format.name == "avi":
                    zero = min(zero, frame.pts * Fraction(frame.time_base))
                first = False
                frame.pts -= round(zero / frame.time_base)
            yield from target.encode(cast(AudioFrame, frame))
    yield from target.encode(None)
