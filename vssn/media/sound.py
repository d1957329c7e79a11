"""The sound of a finished video: copied as it is, or encoded again."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet

from vssn.errors import MediaError
from vssn.media.containers import open_file, video_stream
from vssn.media.encoding import OutputFormat
from vssn.media.packets import PacketReader, close

logger = logging.getLogger(__name__)

# What FFmpeg copies of it into Matroska can't be read again.
NEVER_COPIED = {"tta"}
# By the number of channels, what all encoders take; others are mixed down to stereo.
LAYOUTS = {1: "mono", 6: "5.1"}
# Time stamps that are off by less are rounded ones; sound goes on without a gap.
MAX_ROUNDING_S = Fraction(1, 20)


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


def packet_time_s(packet: Packet[Any]) -> Fraction:
    """When a packet is decoded, in s."""
    stamp = packet.dts if packet.dts is not None else packet.pts or 0
    return stamp * (packet.time_base or Fraction(1))


def sound_packets(
    finished: OutputContainer, output: OutputFormat, sound: Sound | None
) -> Iterator[Packet[Any]]:
    """A source's sound for a finished file, in order, with the pictures' first second as zero.

    Args:
        finished: gets a stream for the sound.
        output: its kind.
        sound: None for no packets.

    Raises:
        FFmpegError: while iterating, where the container does not take it.
        ValueError: likewise.
    """
    if sound is None:
        return iter(())
    try:
        source = open_file(sound.path)
    except MediaError as error:
        logger.warning("the output has no sound: %s", error)
        return iter(())
    stream = next((s for s in source.streams.audio if s.codec_context is not None), None)
    if stream is None:
        close(source)
        logger.warning("the output has no sound: that of '%s' can't be decoded here", sound.path)
        return iter(())
    return _packets(source, stream, finished, output, sound)


def _packets(
    source: InputContainer,
    stream: AudioStream,
    finished: OutputContainer,
    output: OutputFormat,
    sound: Sound,
) -> Iterator[Packet[Any]]:
    zero = _zero(source) + sound.start
    codec = stream.codec_context.codec.canonical_name
    copied = output.copied_sound is None or codec in output.copied_sound
    if copied and codec not in NEVER_COPIED:
        copy = finished.add_stream_from_template(stream, opaque=True)
        return _within(source, _copied(source, stream, copy, zero), sound)
    logger.info("sound: %s is encoded again as %s", codec, output.sound_codec)
    rate = stream.codec_context.sample_rate
    rate = rate if rate in output.sound_rates else output.sound_rates[0]
    encoder = cast(AudioStream, finished.add_stream(output.sound_codec, rate=rate))
    encoder.codec_context.layout = LAYOUTS.get(stream.codec_context.channels, "stereo")
    return _within(source, _encoded(source, stream, encoder, zero), sound)


def _within(
    source: InputContainer, packets: Iterator[Packet[Any]], sound: Sound
) -> Iterator[Packet[Any]]:
    length = None if sound.end is None else sound.end - sound.start
    try:
        for packet in packets:
            time = packet_time_s(packet)
            if length is not None and time >= length:
                return
            # From the source's very start on, what leads the first picture is kept.
            if not sound.start or time + (packet.duration or 0) * packet.time_base > 0:
                yield packet
    finally:
        close(source)


def _zero(source: InputContainer) -> Fraction:
    """Where the pictures' time begins in the source's, in s."""
    stream = video_stream(source, source.name)
    if stream.start_time is None or not stream.time_base:
        return Fraction(0)
    return stream.start_time * Fraction(stream.time_base)


def _demux(source: InputContainer, stream: AudioStream) -> Iterator[Packet[Any]]:
    packets = PacketReader(source, stream)
    for packet in packets:
        packets.found_use()
        yield packet
    if packets.error is not None and not isinstance(packets.error, av.error.InvalidDataError):
        raise packets.error


def _starts_at_zero(target: AudioStream) -> bool:
    """Whether the container has no times for sound: it begins with the pictures, without gaps."""
    return target.container.format.name == "avi"


def _visible(packets: Iterator[Packet[Any]]) -> Iterator[Packet[Any]]:
    """The packets that an edit list does not hide, and the one before them, to start decoding."""
    hidden = None
    for packet in packets:
        if packet.is_discard:
            hidden = packet
            continue
        if hidden is not None:
            yield hidden
            hidden = None
        yield packet


def _copied(
    source: InputContainer, stream: AudioStream, target: AudioStream, zero: Fraction
) -> Iterator[Packet[Any]]:
    shift = round(zero / Fraction(stream.time_base or 1))
    last: int | None = None
    for packet in _visible(_demux(source, stream)):
        if not packet.size or packet.dts is None:
            continue
        if last is None and _starts_at_zero(target):
            late = packet_time_s(packet) - zero
            if late > MAX_ROUNDING_S:
                raise ValueError(f"sound that begins {float(late):g} s late")
            if late < -Fraction(packet.duration or 0) * (packet.time_base or 1):
                continue  # it ends before the pictures begin
            shift = min(shift, packet.dts)
        stamp = packet.dts - shift
        last = stamp if last is None else max(stamp, last + 1)  # damaged files step back
        packet.pts = last if packet.pts in (None, packet.dts) else packet.pts - shift
        packet.dts = last
        packet.stream = target
        yield packet


def _encoded(
    source: InputContainer, stream: AudioStream, target: AudioStream, zero: Fraction
) -> Iterator[Packet[Any]]:
    follows: int | None = None  # the sample after the last one
    for frame in _decoded(source, stream):
        rate = frame.sample_rate
        if frame.pts is not None and frame.time_base:
            stamp = round((frame.pts * Fraction(frame.time_base) - zero) * rate)
            if follows is None or abs(stamp - follows) > MAX_ROUNDING_S * rate:
                if _starts_at_zero(target):
                    if stamp + frame.samples <= 0:
                        continue
                    stamp = max(stamp, follows or 0)
                    yield from _silence(target, frame, follows or 0, stamp)
                follows = stamp
        follows = follows or 0
        frame.pts, frame.time_base = follows, Fraction(1, rate)
        follows += frame.samples
        yield from target.encode(frame)
    yield from target.encode(None)


def _decoded(source: InputContainer, stream: AudioStream) -> Iterator[AudioFrame]:
    for packet in _demux(source, stream):
        try:
            frames = packet.decode()
        except (av.FFmpegError, OSError):  # a damaged packet costs its own sound only
            continue
        yield from cast(list[AudioFrame], frames)


def _silence(target: AudioStream, like: AudioFrame, start: int, end: int) -> Iterator[Packet[Any]]:
    """Silence from one sample to another, for a container that knows no gaps."""
    level = 128 if like.format.name.startswith("u8") else 0
    while start < end:
        count = min(end - start, like.sample_rate)
        frame = AudioFrame(format=like.format.name, layout=like.layout.name, samples=count)
        for plane in frame.planes:
            plane.update(bytes([level]) * plane.buffer_size)
        frame.sample_rate = like.sample_rate
        frame.pts, frame.time_base = start, Fraction(1, like.sample_rate)
        yield from target.encode(frame)
        start += count
