"""Videos that tests make, through PyAV itself and through this package."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame

from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

SIZE_WH = (64, 48)
TONE_RATE = 48_000


def made_frame(number: int, width: int = 64, height: int = 48) -> UInt8Array:
    """A frame whose grey value names it."""
    return np.full((height, width, 3), 10 * number + 5, np.uint8)


def write_video(
    path: Path, count: int = 8, size_wh: tuple[int, int] = SIZE_WH, fps: float = 25.0
) -> Path:
    """A video of numbered frames, through the sink."""
    with VideoSink(path, VideoInfo(*size_wh, fps, None)) as sink:
        for number in range(count):
            sink.write(made_frame(number, *size_wh))
    return path


def frame_numbers(path: Path) -> list[int]:
    """Read them back."""
    with VideoSource(path) as source:
        return [round((float(frame.mean()) - 5) / 10) for frame in source]


def frame_times(path: Path) -> list[float]:
    """Their times in s."""
    with VideoSource(path) as source:
        return [frame.time_s for frame in source.iter_timed()]


def make_clip(
    path: Path,
    frames: Sequence[UInt8Array],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[Fraction] | None = None,
    rate: Fraction = Fraction(25),
    tone_s: float = 0,
    sound_codec: str = "aac",
    rotation: tuple[float, bool, bool] | None = None,
    matrix: int | None = None,
    full_range: bool = False,
    stated: bool = True,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    **attributes: Any,
) -> Path:
    """A video made by PyAV alone.

    Args:
        path: its name; the suffix names the container.
        frames: (H, W, 3) uint8 BGR.
        codec: of the pictures.
        pixels: pixel format.
        times: of each frame in s; by default one after the other at ``rate``.
        rate: frames per second.
        tone_s: length of a tone in s.
        sound_codec: of that tone.
        rotation: degrees counter-clockwise, flipped horizontally, vertically; for the container.
        matrix: what the pictures are encoded by: 1 for BT.709, 5 for BT.601.
        full_range: whether they are of full range.
        stated: whether matrix and range are written down.
        options: of the encoder.
        container_options: of the container.
        attributes: of the codec context.
    """
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 90_000) if times else 1 / rate
        if matrix and stated:
            stream.codec_context.colorspace = matrix
            stream.codec_context.color_range = 2 if full_range else 1
        for name, value in attributes.items():
            setattr(stream.codec_context, name, value)
        if rotation:
            stream.set_display_rotation(*rotation)
        tone = container.add_stream(sound_codec, rate=TONE_RATE) if tone_s else None
        if tone is not None:
            tone.codec_context.layout = "mono"
        for number, frame_bgr in enumerate(frames):
            frame = _converted(frame_bgr, pixels, matrix or 5, full_range)
            frame.pts = round(times[number] * 90_000) if times else number
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            container.mux(_encoded_tone(tone, tone_s))
    return path


def _converted(frame_bgr: UInt8Array, pixels: str, matrix: int, full: bool) -> VideoFrame:
    return VideoFrame.from_ndarray(np.ascontiguousarray(frame_bgr), "bgr24").reformat(
        format=pixels, dst_colorspace=matrix, dst_color_range=2 if full else 1
    )


def _encoded_tone(stream: Any, seconds: float) -> Iterator[Any]:
    samples = np.arange(round(seconds * TONE_RATE))
    wave = (8000 * np.sin(samples * 2 * np.pi * 440 / TONE_RATE)).astype(np.int16)
    for start in range(0, len(wave), 1024):
        part = wave[start : start + 1024]
        frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
        frame.sample_rate = TONE_RATE
        frame.pts, frame.time_base = start, Fraction(1, TONE_RATE)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def sound_packets(path: Path) -> list[bytes]:
    """The bytes of each packet of a file's sound; empty without sound."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.size]


def video_packets(path: Path) -> list[tuple[int, int]]:
    """Where each packet of a file's pictures lies: offset and length in bytes."""
    with av.open(str(path)) as container:
        return [(p.pos, p.size) for p in container.demux(container.streams.video[0]) if p.size]


def damage(path: Path, number: int) -> Path:
    """Overwrite a packet of the pictures with zeros."""
    offset, size = video_packets(path)[number]
    with path.open("r+b") as file:
        file.seek(offset)
        content = file.read(size + 16)
        # Some containers give the offset of the packet's own header.
        file.seek(offset + (8 if content[:4] in (b"00dc", b"01dc") else 0))
        file.write(bytes(size))
    return path


def cut(path: Path, share: float) -> Path:
    """Keep the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Make writes past ``limit`` bytes fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
