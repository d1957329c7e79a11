"""From pictures to the packets of a video stream, for each kind of output."""

from __future__ import annotations

import os
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from vssn.types import UInt8Array, VideoInfo

MAX_ENCODER_THREADS = 4  # more would hold back more frames than a kill may lose
JFIF_DENSITY = slice(13, 18)
MAX_KEY_FRAMES = 250
KEY_FRAME_S = 2  # how far apart a player can jump
# Full colour resolution and few artefacts, so that the palette survives in segmented videos.
JPEG_OPTIONS = (
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)


@dataclass(frozen=True)
class OutputFormat:
    """How a kind of output is made.

    Attributes:
        container: FFmpeg's name of it.
        codec: FFmpeg's name of the video encoder.
        options: of that encoder.
        even: whether width and height must be even.
        square: whether the container can't tell the shape of pixels, so that they become square.
        copied_sound: the sound codecs that are kept as they are; None for all.
        sound_codec: what other sound is encoded as.
        sound_rates: the sample rates that this takes; the first where the source's is none.
        container_options: of the finished file.
    """

    container: str
    codec: str
    options: dict[str, str]
    even: bool
    square: bool
    copied_sound: frozenset[str] | None
    sound_codec: str
    sound_rates: tuple[int, ...]
    container_options: dict[str, str]


# Without force-cfr, x264 writes the unit of time as the frame rate; time stamps are kept with it.
_H264 = {"preset": "ultrafast", "crf": "23", "x264-params": "force-cfr=1"}
_VP9 = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "crf": "32", "lag-in-frames": "0"}

_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)

FORMATS = {
    ".avi": OutputFormat(
        *("avi", "mjpeg", {}),
        even=False,
        square=False,
        container_options={},
        copied_sound=frozenset({"mp3", "mp2", "ac3", "aac", "pcm_s16le", "pcm_u8"}),
        sound_codec="pcm_s16le",
        sound_rates=_RATES,
    ),
    ".mp4": OutputFormat(
        *("mp4", "libx264", _H264),
        even=True,
        square=False,
        container_options={"movflags": "+faststart"},
        copied_sound=frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}),
        sound_codec="aac",
        sound_rates=_RATES,
    ),
    ".mkv": OutputFormat(
        *("matroska", "libx264", _H264),
        even=True,
        square=False,
        container_options={},
        copied_sound=None,
        sound_codec="aac",
        sound_rates=_RATES,
    ),
    ".webm": OutputFormat(
        *("webm", "libvpx-vp9", _VP9),
        even=False,
        square=True,
        container_options={},
        copied_sound=frozenset({"opus", "vorbis"}),
        sound_codec="libopus",
        sound_rates=(48_000,),
    ),
}


class Encoder(ABC):
    """Adds a video stream to a container and makes its packets."""

    def __init__(
        self, container: OutputContainer, info: VideoInfo, time_base: Fraction, codec: str
    ) -> None:
        self._stream = cast(VideoStream, container.add_stream(codec, rate=_rate(info)))
        self._context = self._stream.codec_context
        self._context.time_base = time_base
        self._time_base = time_base
        self._context.sample_aspect_ratio = info.pixel_aspect

    @abstractmethod
    def encode(self, frame_bgr: UInt8Array, stamp: int) -> list[Packet[Any]]:
        """Return the packets that a frame at ``stamp`` time units completes."""

    @abstractmethod
    def flush(self) -> list[Packet[Any]]:
        """Return the packets that were held back."""


def _rate(info: VideoInfo) -> Fraction:
    return Fraction(info.fps).limit_denominator(100_000)


class JpegEncoder(Encoder):
    """Motion JPEG: OpenCV encodes, twice as fast as FFmpeg's own encoder."""

    def __init__(self, container: OutputContainer, info: VideoInfo, time_base: Fraction) -> None:
        """Describe the stream."""
        super().__init__(container, info, time_base, "mjpeg")
        self._stream.width, self._stream.height = info.width_px, info.height_px
        self._stream.pix_fmt = "yuvj444p"
        self._context.color_range = ColorRange.JPEG
        self._context.colorspace = Colorspace.ITU601
        self._aspect = info.pixel_aspect.limit_denominator(1000)

    def encode(self, frame_bgr: UInt8Array, stamp: int) -> list[Packet[Any]]:
        """Return the frame as one packet."""
        jpeg = cv2.imencode(".jpg", frame_bgr, JPEG_OPTIONS)[1]
        if self._aspect != 1:  # said in the JFIF header: no unit, but a ratio
            numbers = struct.pack(">BHH", 0, self._aspect.numerator, self._aspect.denominator)
            jpeg[JFIF_DENSITY] = np.frombuffer(numbers, np.uint8)
        packet = Packet(jpeg.tobytes())
        packet.stream = self._stream
        packet.pts = packet.dts = stamp
        packet.time_base = self._time_base
        packet.is_keyframe = True
        return [packet]

    def flush(self) -> list[Packet[Any]]:
        """Return nothing: nothing is held back."""
        return []


class YuvEncoder(Encoder):
    """FFmpeg's encoders, given BT.709 of limited range, and told so."""

    def __init__(
        self,
        container: OutputContainer,
        info: VideoInfo,
        time_base: Fraction,
        output: OutputFormat,
        threads: int | None = None,
    ) -> None:
        """Describe the stream; see :func:`make_encoder`."""
        super().__init__(container, info, time_base, output.codec)
        self._width, self._height = info.width_px, info.height_px
        self._scaled = output.square and info.pixel_aspect != 1
        if self._scaled:
            self._width = max(1, round(info.width_px * info.pixel_aspect))
            self._context.sample_aspect_ratio = Fraction(1)
        step = 2 if output.even else 1
        self._pad = (-self._height % step, -self._width % step)
        self._stream.height = self._height + self._pad[0]
        self._stream.width = self._width + self._pad[1]
        self._stream.pix_fmt = "yuv420p"
        context = self._context
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.gop_size = min(MAX_KEY_FRAMES, max(1, round(KEY_FRAME_S * info.fps)))
        context.thread_count = min(MAX_ENCODER_THREADS, threads or os.cpu_count() or 1)
        context.options = output.options

    def encode(self, frame_bgr: UInt8Array, stamp: int) -> list[Packet[Any]]:
        """Return the packets that are complete."""
        if self._scaled:
            size_wh = (self._width, self._height)
            frame_bgr = np.asarray(cv2.resize(frame_bgr, size_wh), np.uint8)
        if any(self._pad):  # by the outermost pixels again
            bottom, right = self._pad
            frame_bgr = np.asarray(
                cv2.copyMakeBorder(frame_bgr, 0, bottom, 0, right, cv2.BORDER_REPLICATE), np.uint8
            )
        frame = VideoFrame.from_ndarray(frame_bgr, "bgr24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        frame.pts, frame.time_base = stamp, self._time_base
        return self._stream.encode(frame)

    def flush(self) -> list[Packet[Any]]:
        """Return what the encoder held back."""
        try:
            return self._stream.encode(None)
        except av.error.EOFError:  # flushed before
            return []


def make_encoder(
    container: OutputContainer,
    info: VideoInfo,
    time_base: Fraction,
    output: OutputFormat,
    threads: int | None = None,
) -> Encoder:
    """The encoder for a kind of output.

    Args:
        container: that gets the stream.
        info: of the pictures.
        time_base: the unit of time stamps, in s.
        output: the kind.
        threads: that encode, on which H.264's bits depend; None for as many as there are cores.
    """
    if output.codec == "mjpeg":
        return JpegEncoder(container, info, time_base)
    return YuvEncoder(container, info, time_base, output, threads)
