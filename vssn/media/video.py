"""Any source of frames, behind one class."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from vssn.errors import MediaError, argument
from vssn.media.containers import printable_url
from vssn.media.image_lists import named_images
from vssn.media.pipeline import STOP_TIMEOUT_S
from vssn.media.readers import FileReader, ImagesReader, Reader
from vssn.types import TimedFrame, UInt8Array, VideoInfo

IMAGE_FPS = 25.0
RAW_PIXELS = "bgr24"
CAMERA = re.compile(r"(?:/dev/video)?(\d{1,3})", re.ASCII)
URL = re.compile(r"(https?|rtsps?|rtmps?|rtp|udp|tcp|srt|ftp)://", re.IGNORECASE)
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
MAX_SECONDS = 1e9  # 31 years; FFmpeg counts in 64 bits
MIN_CHUNK_S = 0.1

Seconds = float | Fraction
Source = str | Path | int | Sequence[str | Path]


class VideoSource:
    """A source's frames in order: iterate once, then close, or use it in a ``with`` statement.

    Attributes:
        info: size of the frames as seen, frame rate, and how many frames are expected, after
            ``start``, ``end``, ``stride`` and ``max_frames``.
        name: the source in words, without a URL's password.
        origin: where the first second begins: ``start``, or 0.
        may_be_empty: whether a span without a single frame is no error; False until it is set.
    """

    info: VideoInfo

    def __init__(
        self,
        source: Source,
        *,
        start: Seconds | None = None,
        end: Seconds | None = None,
        stride: int = 1,
        max_frames: int | None = None,
        image_fps: float = IMAGE_FPS,
        chunk_s: Seconds | None = None,
        raw_size: tuple[int, int] | None = None,
        raw_pixels: str = RAW_PIXELS,
    ) -> None:
        """Open the source and decode its first frame.

        Args:
            source: a video file, an image, a directory or glob of images (in natural order), a
                ``.txt`` list of images, a sequence of images' paths, a camera's number, a URL, or
                ``-`` for a video on the standard input.
            start: seconds since the source's start from which on frames are given.
            end: seconds since the source's start before which they end.
            stride: give each ``stride``-th of them.
            max_frames: give at most so many.
            image_fps: frames per second of images and of raw frames.
            raw_size: width and height in px of a file's or pipe's frames, where it holds frames
                without any header.
            raw_pixels: FFmpeg's name of their pixel format, such as ``rgb24`` or ``yuv420p``.
            chunk_s: a chunk, whose first frame says so, begins each time that so many seconds have
                passed since ``start``; ``stride`` counts anew in it. None for one chunk.

        Raises:
            MediaError: missing, unreadable, no video, or without a single frame; or the arguments
                leave nothing.
        """
        self._check(start, end, stride, max_frames, image_fps)
        if chunk_s is not None:
            check_chunk_s(chunk_s)
        self._chunk = None if chunk_s is None else exact_seconds(chunk_s)
        self.name = _name(source)
        self.origin = exact_seconds(start or 0)
        self.truncated = False
        self.may_be_empty = False
        self._end = None if end is None else exact_seconds(end)
        self._stride = stride
        self._max_frames = max_frames
        self._whole = end is None and max_frames is None
        # A reader thread may still be decoding when its consumer closes the source.
        self._lock = threading.Lock()
        self._closed = False
        if raw_size is None:
            self._reader = _open(source, image_fps)
        else:
            self._reader = _open_raw(self.name, raw_size, raw_pixels, image_fps)
        self.info = self._selected(self._reader.info)

    @staticmethod
    def _check(
        start: Seconds | None,
        end: Seconds | None,
        stride: int,
        max_frames: int | None,
        image_fps: float,
    ) -> None:
        wrong = None
        if start is not None and not 0 <= start <= MAX_SECONDS:
            wrong = (f"start={start}", f"a number of seconds from 0 to {MAX_SECONDS:g}")
        elif end is not None and not (start or 0) < end <= MAX_SECONDS:
            wrong = (f"end={end}", f"a number of seconds after start={start or 0}")
        elif stride < 1:
            wrong = (f"stride={stride}", "1 or more")
        elif max_frames is not None and max_frames < 1:
            wrong = (f"max_frames={max_frames}", "1 or more")
        elif not 0.001 <= image_fps <= 1000:
            wrong = (f"image_fps={image_fps}", "0.001 to 1000")
        if wrong:
            raise MediaError(*wrong, "change the argument")

    def _selected(self, info: VideoInfo) -> VideoInfo:
        """What is left after ``start``, ``end``, ``stride`` and ``max_frames``."""
        total = info.total_frames
        if total is not None:
            first = int(self.origin * Fraction(info.fps))
            last = total if self._end is None else int(self._end * Fraction(info.fps))
            total = max(0, -(-(min(total, last) - first) // self._stride))
        if self._max_frames is not None:
            total = self._max_frames if total is None else min(total, self._max_frames)
        return replace(info, fps=info.fps / self._stride, total_frames=total)

    @property
    def lost_frames(self) -> int:
        """How many frames could not be decoded so far."""
        return self._reader.lost

    @property
    def sound(self) -> Path | None:
        """The file that holds the sound; None for a silent one, a stream or a camera."""
        return self._reader.sound

    @property
    def duration(self) -> Fraction | None:
        """The whole source's length in s, as it is stated; None where nothing tells it."""
        return self._reader.duration

    @property
    def files(self) -> Sequence[Path]:
        """The files that are read; none of a stream or a camera."""
        return self._reader.files

    @property
    def live(self) -> bool:
        """Whether frames come in their own time: of a camera, a pipe, or a stream without end."""
        return self._reader.live

    @property
    def whole(self) -> bool:
        """Whether the frames are asked for to the source's end."""
        return self._whole

    def __iter__(self) -> Iterator[UInt8Array]:
        """Yield (H, W, 3) uint8 BGR frames, one at a time, each in memory of its own.

        A source that ends early, or has frames that can't be decoded, gives those that can, and a
        logged warning; `truncated` and `lost_frames` tell of it.

        Raises:
            MediaError: an image has another size than the first, a stream broke off for good, or
                there are no frames between ``start`` and ``end``.
        """
        for timed in self.iter_timed():
            yield timed.frame_bgr

    def iter_timed(self) -> Iterator[TimedFrame]:
        """Yield the same frames with their places in time."""
        count = number = chunk = 0
        starts_chunk = False
        for time, frame_bgr in self._in_range():
            if self._chunk is not None and (now := int((time - self.origin) / self._chunk)) > chunk:
                chunk, number, starts_chunk = now, 0, True
            if number % self._stride == 0:
                yield TimedFrame(count, time, frame_bgr, starts_chunk=starts_chunk and count > 0)
                count += 1
                starts_chunk = False
            number += 1
            if count == self._max_frames:
                return

    def _in_range(self) -> Iterator[tuple[Fraction, UInt8Array]]:
        frames = self._reader.frames(self.origin)
        found = False
        while (timed := self._next(frames)) is not None:
            if self._end is not None and timed[0] >= self._end:
                break
            if timed[0] >= self.origin:
                found = True
                yield timed
        else:
            if not self._closed:
                self._reader.finish()
                self.truncated = self._reader.truncated
        if not (found or self._closed or self.may_be_empty):
            raise MediaError(
                f"{argument('start', float(self.origin))} of '{self.name}'",
                "a time at which it has frames",
                "begin earlier, or end later",
            )

    def _next(
        self, frames: Iterator[tuple[Fraction, UInt8Array]]
    ) -> tuple[Fraction, UInt8Array] | None:
        with self._lock:
            return None if self._closed else next(frames, None)

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the source; an iteration that is under way ends."""
        self._closed = True
        self._reader.stop()
        # A source that does not answer is left behind rather than waited for.
        if self._lock.acquire(timeout=STOP_TIMEOUT_S):
            try:
                self._reader.close()
            finally:
                self._lock.release()


def check_chunk_s(chunk_s: Seconds) -> None:
    """Refuse a length of chunks that is none.

    Raises:
        MediaError: not above 0, or longer than any source.
    """
    if not MIN_CHUNK_S <= chunk_s <= MAX_SECONDS:  # NaN is refused too
        raise MediaError(
            argument("chunk_s", chunk_s),
            f"{MIN_CHUNK_S:g} to {MAX_SECONDS:g} seconds",
            f"pass {argument('chunk_s', 60)}",
        )


def exact_seconds(seconds: Seconds) -> Fraction:
    """The number that a decimal fraction such as 0.2 stands for."""
    return Fraction(seconds).limit_denominator(1_000_000)


def _name(source: Source) -> str:
    """A source in words; of several images their first one's folder."""
    if isinstance(source, (str, Path, int)):
        return printable_url(str(source))
    return str(Path(source[0]).parent) if source else "no images"


def _open(source: Source, image_fps: float) -> Reader:
    if not isinstance(source, (str, Path, int)):
        return ImagesReader([Path(path) for path in source], _name(source), image_fps)
    text = str(source)
    camera = CAMERA.fullmatch(text)
    if isinstance(source, int) or (camera and not os.path.isfile(text)):
        return _open_camera(camera.group(1) if camera else text)
    if SCHEME.match(text) and not os.path.exists(text):
        return _open_url(text)
    if text == "-":
        from vssn.media.piped import open_standard_input

        return open_standard_input()
    path = Path(source)
    images = named_images(path)
    return FileReader(path) if images is None else ImagesReader(images, text, image_fps)


def _open_raw(source: str, size_wh: tuple[int, int], pixels: str, fps: float) -> Reader:
    from vssn.media.piped import RawReader

    if URL.match(source) or os.path.isdir(source):
        raise MediaError(
            f"{argument('raw_size')} for '{source}'", "a file of frames, or -", "leave it out"
        )
    return RawReader(None if source == "-" else Path(source), size_wh, pixels, fps)


def _open_camera(number: str) -> Reader:
    from vssn.media.live import CameraReader

    return CameraReader(number)


def _open_url(url: str) -> Reader:
    from vssn.media.live import UrlReader

    if not URL.match(url):
        raise MediaError(
            f"stream '{printable_url(url)}'", "http://, https://, rtsp:// or the like", "use one"
        )

    return UrlReader(url)
