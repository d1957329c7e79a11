"""Animated pictures: short, small videos that a README or a chat shows by itself."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.packet import Packet
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from av.video.stream import VideoStream

from vssn.errors import MediaError
from vssn.files import make_directory
from vssn.media.containers import reason
from vssn.media.parts import abandoned_parts, create_part, take_name
from vssn.media.pipeline import ClosedOnExit
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from vssn.media.video import VideoSource

logger = logging.getLogger(__name__)

MAX_WIDTH_PX = 480
MAX_FPS = 10
TIME_BASE = Fraction(1, 100)  # a GIF knows nothing finer
WEBP_OPTIONS = {"quality": "75", "compression_level": "2", "loop": "0"}


class PreviewSink(ClosedOnExit):
    """Writes a ``.gif`` or ``.webp``, at most 480 px wide and at 10 frames per second.

    Attributes:
        frames: how many frames it holds so far.
        path: where it is; after `close`, the name that it got.
    """

    def __init__(self, path: Path, info: VideoInfo, audio_from: VideoSource | None = None) -> None:
        """Create a file under a temporary name, and its directory.

        Args:
            path: the picture; one that exists is replaced by a complete one only.
            info: size and shape of the frames' pixels, and their rate.
            audio_from: the source, for the times of its frames; a preview is silent.

        Raises:
            MediaError: the file can't be written, or another run is writing it.
        """
        self.frames = 0
        self.path = path
        self._origin = audio_from.origin if audio_from else None
        self._period = 1 / Fraction(info.fps).limit_denominator(100_000)
        self._shape = (info.height_px, info.width_px, 3)
        self._time = Fraction(0)
        self._due = Fraction(0)
        self._last = -1
        self._closed = self._failed = False
        width = round(info.width_px * info.pixel_aspect)
        scale = min(Fraction(1), Fraction(MAX_WIDTH_PX, max(1, width)))
        self._size_wh = (max(1, round(width * scale)), max(1, round(info.height_px * scale)))
        self._start(path, path.suffix.lower())

    def _start(self, path: Path, suffix: str) -> None:
        make_directory(path.parent)
        self._abandoned = abandoned_parts(path, suffix)
        for left in self._abandoned:
            logger.warning("'%s' is what an interrupted run left", left)
        try:
            self._part, self._descriptor = create_part(path, suffix)
        except (OSError, ValueError) as error:
            raise self._error(reason(error)) from error
        self._open(suffix == ".gif")

    def _open(self, gif: bool) -> None:
        name = f"file:{self._part.absolute()}"
        options = {} if gif else WEBP_OPTIONS
        self._container = av.open(name, "w", format="gif" if gif else "webp", options=options)
        self._graph = _palette_graph(self._shape, self._size_wh) if gif else None
        codec = "gif" if gif else "libwebp_anim"
        stream: Any = self._container.add_stream(codec, rate=MAX_FPS, options=dict(options))
        stream.width, stream.height = self._size_wh
        stream.pix_fmt = "pal8" if gif else "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        self._stream: VideoStream = stream

    def write(self, frame_bgr: UInt8Array, time_s: Fraction | float | None = None) -> None:
        """Append a frame, or leave it out where they follow too fast.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR of the size given at the start.
            time_s: its time in the source, in s; by default one frame after the last.

        Raises:
            MediaError: another size or type, or the file can't be written.
        """
        if frame_bgr.shape != self._shape or frame_bgr.dtype != np.uint8:
            raise MediaError(
                f"preview '{self.path}' (a frame of shape {frame_bgr.shape}, {frame_bgr.dtype})",
                f"{self._shape}, uint8",
                "give all frames one size",
            )
        if self._origin is None:
            self._origin = Fraction(time_s or 0)
        time = self._time if time_s is None else Fraction(time_s) - self._origin
        self._time = time + self._period
        if time < self._due:
            return
        self._due = max(self._due + Fraction(1, MAX_FPS), time)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(frame_bgr), "bgr24")
        self._last = frame.pts = max(self._last + 1, round(time / TIME_BASE))
        frame.time_base = TIME_BASE
        try:
            self._container.mux(list(self._encoded(frame)))
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise self._error(reason(error)) from error
        self.frames += 1

    def _encoded(self, frame: VideoFrame | None) -> Iterator[Packet[Any]]:
        if self._graph is not None:
            self._graph.push(frame)
            while (mapped := _pulled(self._graph)) is not None:
                yield from self._stream.encode(mapped)
        elif frame is not None:
            scaled = frame.reformat(
                *self._size_wh,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU601,
                dst_color_range=ColorRange.MPEG,
                interpolation=Interpolation.AREA,
            )
            yield from self._stream.encode(scaled)
        if frame is None:
            yield from self._stream.encode(None)

    def close(self, complete: bool = True) -> None:
        """Complete the file and give it its name; again, nothing.

        Args:
            complete: whether all frames were written; otherwise an older file keeps its name.

        Raises:
            MediaError: it can't be completed.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self.frames and not self._failed:
                self._container.mux(list(self._encoded(None)))
            self._container.close()
            if self.frames and not self._failed:
                os.fsync(self._descriptor)
                self.path = take_name(self._part, self.path, complete)
                self._remove_abandoned(complete)
        except (OSError, av.FFmpegError) as error:
            raise self._error(f"{reason(error)}; what was made is in '{self._part}'") from error
        finally:
            os.close(self._descriptor)
            with suppress(OSError):
                if not self.frames:
                    self._part.unlink(missing_ok=True)

    def _remove_abandoned(self, complete: bool) -> None:
        with suppress(OSError):
            for left in self._abandoned if complete else ():
                left.unlink(missing_ok=True)

    def _error(self, what: str) -> MediaError:
        return MediaError(
            f"preview '{self.path}' ({what})",
            "a writable file",
            "choose another output directory, or free disk space",
        )


def _palette_graph(shape: tuple[int, int, int], size_wh: tuple[int, int]) -> av.filter.Graph:
    """FFmpeg's filters that give each frame a palette of its own."""
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=shape[1], height=shape[0], format=VideoFormat("bgr24"), time_base=TIME_BASE
    )
    scaled = graph.add("scale", f"{size_wh[0]}:{size_wh[1]}:flags=area")
    both = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single")
    mapped = graph.add("paletteuse", "new=1:dither=bayer")
    source.link_to(scaled)
    scaled.link_to(both)
    both.link_to(mapped, 0, 0)
    both.link_to(palette, 1, 0)
    palette.link_to(mapped, 0, 1)
    mapped.link_to(graph.add("buffersink"))
    graph.configure()
    return graph


def _pulled(graph: av.filter.Graph) -> Any:
    try:
        return graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
        return None
