"""Where frames come from: a video file or images, each read the same way."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer

from vssn.errors import MediaError
from vssn.media.completeness import is_cut_short
from vssn.media.containers import open_file
from vssn.media.decoding import Decoder
from vssn.media.images import read_image_bgr
from vssn.media.packets import close
from vssn.types import UInt8Array, VideoInfo

logger = logging.getLogger(__name__)

# Some containers state a count that is rounded or guessed from the duration.
COUNT_TOLERANCE = 0.01

Timed = tuple[Fraction, UInt8Array]


class Reader(ABC):
    """Frames in order, with their times.

    Attributes:
        info: what is known before reading.
        truncated: whether the source ended before its end, known after reading.
        lost: how many frames could not be decoded so far.
        sound: the file that holds the source's sound, or None.
        duration: the source's length in s, as it is stated, or None.
        files: the files that are read.
        live: whether frames come in their own time, rather than as fast as they are read.
    """

    info: VideoInfo
    truncated: bool = False
    lost: int = 0
    sound: Path | None = None
    duration: Fraction | None = None
    files: Sequence[Path] = ()
    live: bool = False

    @abstractmethod
    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield times in s and (H, W, 3) uint8 BGR frames, from ``start`` or a little earlier."""

    @abstractmethod
    def finish(self) -> None:
        """Find out, after the last frame, whether the source was whole; log what was not."""

    def stop(self) -> None:  # noqa: B027 - few have something to wait for
        """Make an iteration that waits in another thread end soon."""

    @abstractmethod
    def close(self) -> None:
        """Release the source; called again, it does nothing."""


class ContainerReader(Reader):
    """Decodes an open container."""

    def __init__(self, container: InputContainer, name: str) -> None:
        """Decode the first frame.

        Raises:
            MediaError: no video, or not one frame can be decoded.
        """
        self._name = name
        self._container = container
        try:
            self._decoder = Decoder(container, name)
        except BaseException:
            close(container)
            raise
        self.info = self._decoder.info
        self.duration = self._decoder.stated_end
        if self.duration is None and container.duration:
            self.duration = Fraction(container.duration, av.time_base)
        self._last = Fraction(0)
        self._frames = 0

    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield what can be decoded."""
        if start:
            self._decoder.seek(start)
        for time, frame in self._decoder:
            self._last = time
            self._frames += 1
            self.lost = self._decoder.lost
            yield time, frame
        self.lost = self._decoder.lost

    def finish(self) -> None:
        """Log how many frames were lost."""
        if self.lost:
            logger.warning(
                "video '%s' is damaged: %s could not be decoded and left out; "
                "the frames around keep their times",
                *(self._name, _frames(self.lost)),
            )
        elif damaged := self._decoder.losses.damaged:
            logger.warning(
                "video '%s' is damaged: %s could be decoded in part only, and so may those be that "
                "follow; copy the video again if there is a better one",
                *(self._name, _frames(damaged)),
            )

    def close(self) -> None:
        """Close the container."""
        close(self._container)


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"


class FileReader(ContainerReader):
    """A video file."""

    def __init__(self, path: Path, name: str | None = None) -> None:
        """Open the file; see :func:`vssn.media.containers.open_file`.

        Args:
            path: of the file.
            name: for messages; None for the path.
        """
        super().__init__(open_file(path, name), name or str(path))
        self._path = path
        self.files = (path,)
        self._from_start = True
        # No container holds a frame in less than a byte: a larger count is a guess or a lie.
        if (self.info.total_frames or 0) > path.stat().st_size:
            self.info = replace(self.info, total_frames=None)
        self.sound = path if self._container.streams.audio else None

    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield what can be decoded."""
        self._from_start = not start
        yield from super().frames(start)

    def finish(self) -> None:
        """Log what was lost, or that the file was cut short."""
        self.truncated = self._is_cut()
        if not self.truncated:
            super().finish()
            return
        stated = self._decoder.stated_packets
        count = f"{self._frames} of {stated} frames" if stated else f"{self._frames} frames"
        logger.warning(
            "video '%s' is damaged or cut short: %s could be read; "
            "what was made of them is kept, copy the video again for the rest",
            *(self._name, count),
        )

    def _is_cut(self) -> bool:
        size = self._path.stat().st_size
        if self._decoder.error is not None:
            return True
        if is_cut_short(self._path, self._container.format.name, size):
            return True
        end = self._decoder.stated_end
        if end is None:
            return self._decoder.incomplete
        # The end is mostly rounded, and with a rate that varies the last frame may last long.
        tolerance = max(Fraction(COUNT_TOLERANCE) * end, 2 / Fraction(self.info.fps))
        stated = self._decoder.stated_packets
        if stated > size or (self._from_start and 0 < stated <= self._decoder.packets):
            return False
        return self._last < end - tolerance


def warn_of_sound(container: InputContainer, name: str) -> None:
    """Log that a stream's sound is left out: it can't be read a second time."""
    if container.streams.audio:
        logger.warning("the sound of '%s' is left out: only files' sound is kept", name)


class ImagesReader(Reader):
    """Images as frames; one that can't be read is left out, as a damaged frame of a video is."""

    def __init__(self, paths: Sequence[Path], name: str, fps: float) -> None:
        """Read the first image that can be read.

        Raises:
            MediaError: not one image can be read.
        """
        self._paths = self.files = paths
        self._name = name
        self._period = 1 / Fraction(fps).limit_denominator(100_000)
        self._closed = False
        error: MediaError | None = None
        for path in paths:
            try:
                height, width = read_image_bgr(path).shape[:2]
            except MediaError as unreadable:
                error = error or unreadable
                continue
            self.info = VideoInfo(width, height, fps, len(paths), time_base=self._period)
            self.duration = len(paths) * self._period
            return
        raise error or MediaError(f"'{name}'", "at least one image", "pass a folder with images")

    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield the images from ``start`` on.

        Raises:
            MediaError: an image has another size than the first.
        """
        for number in range(int(start / self._period), len(self._paths)):
            if self._closed:
                return
            try:
                frame = read_image_bgr(self._paths[number])
            except MediaError as error:
                logger.warning("left out: %s", error)
                self.lost += 1
                continue
            self._check_size(self._paths[number], frame)
            yield number * self._period, frame

    def _check_size(self, path: Path, frame_bgr: UInt8Array) -> None:
        height, width = frame_bgr.shape[:2]
        if (width, height) != (self.info.width_px, self.info.height_px):
            raise MediaError(
                f"image '{path}' of {width}x{height} px",
                f"{self.info.width_px}x{self.info.height_px} px as the first of '{self._name}'",
                "give the images one size",
            )

    def finish(self) -> None:
        """Nothing is left to tell: each image that was left out was logged."""

    def close(self) -> None:
        """End an iteration that is under way."""
        self._closed = True
