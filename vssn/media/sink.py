"""Writing videos that survive whatever ends the writing.

While it is made, a video is a part (see :mod:`vssn.media.parts`). When it is complete, its pictures
are copied into their final container, with the source's sound, and that file takes the final name.
When the making is interrupted, the frames so far do the same, unless an older file has that name:
then they go to ``NAME.partial.SUFFIX``. When finishing fails, the part stays, and the error names
it.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np

from vssn.errors import MediaError
from vssn.files import create_exclusively, make_directory
from vssn.interrupts import uninterrupted
from vssn.media.containers import opened, reason
from vssn.media.encoding import FORMATS, make_encoder
from vssn.media.parts import (
    COMMENT,
    FINISHING,
    PART,
    abandoned_parts,
    comment_on,
    create_part,
    remove_parts,
    take_name,
    warn_of_another_source,
)
from vssn.media.pipeline import ClosedOnExit
from vssn.media.remux import Finishing, Part, remux
from vssn.media.sound import Sound
from vssn.media.timeline import OutputTimes
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from vssn.media.video import VideoSource

logger = logging.getLogger(__name__)

MIN_FPS, MAX_FPS = 0.001, 1000.0
MAX_SIDE_PX = 16_384
FRAGMENT_US = 200_000
# Each fragment plays without those after it, and reaches the file as it is made.
PART_OPTIONS = {
    "movflags": "empty_moov+default_base_moof+delay_moov",
    "frag_duration": str(FRAGMENT_US),
    "flush_packets": "1",
}


def _playable_frames(part: Path) -> int:
    """How many frames a part holds: its last fragment may not be whole."""
    try:
        with opened(part) as container:
            return sum(1 for packet in container.demux(video=0) if packet.size)
    except (OSError, av.FFmpegError, MediaError):
        return 0


class VideoSink(ClosedOnExit):
    """Writes a video; use it in a ``with`` statement.

    The suffix names the kind: ``.avi`` (Motion JPEG), ``.mp4`` and ``.mkv`` (H.264), ``.webm``
    (VP9). H.264 needs even sides: odd ones grow by one pixel.
    """

    def __init__(
        self, path: str | Path, info: VideoInfo, audio_from: VideoSource | None = None
    ) -> None:
        """Create the file's part and its directory.

        Args:
            path: the video to write; one that exists is replaced by a complete one only.
            info: frame size, frame rate (0.001 to 1000), shape of the pixels and unit of time;
                the frame count is not used.
            audio_from: the source, whose sound is added and whose name is kept in the metadata.

        Raises:
            MediaError: suffix, size or rate can't be had, the file can't be written, or another
                run is writing it.
        """
        self._path = path = Path(path)
        self._info = info
        self._source = audio_from
        self._check()
        self._output = FORMATS[path.suffix.lower()]
        self._timeline = OutputTimes(info, audio_from.origin if audio_from else None)
        self._kept: int | None = None
        self._failed = False
        self._closed = False
        self._whole_bytes = 0
        make_directory(path.parent)
        try:
            self._part, self._descriptor = create_part(path)
        except (OSError, ValueError) as error:
            raise self._error(reason(error), "a name of its own, on a disk with room") from error
        try:
            self._open_encoder()
            self._abandoned = abandoned_parts(path)
            for left in self._abandoned:
                logger.warning("'%s' is what an interrupted run left; it can be played", left)
        except BaseException as error:
            os.close(self._descriptor)
            self._part.unlink(missing_ok=True)
            if isinstance(error, (OSError, av.FFmpegError, ValueError)):
                raise self._error(reason(error), "what this encoder can make") from error
            raise

    def _check(self) -> None:
        if self._path.suffix.lower() not in FORMATS:
            raise self._error(f"suffix '{self._path.suffix}'", "one of " + ", ".join(FORMATS))
        width, height = self._info.width_px, self._info.height_px
        if not (1 <= width <= MAX_SIDE_PX and 1 <= height <= MAX_SIDE_PX):
            raise self._error(f"{width}x{height} px", f"sides of 1 to {MAX_SIDE_PX} px")
        if not MIN_FPS <= self._info.fps <= MAX_FPS:
            raise self._error(
                f"{self._info.fps:g} frames per second", f"{MIN_FPS:g} to {MAX_FPS:g}"
            )
        if os.path.isdir(self._path):
            raise self._error("a directory of that name is there", "a free file name")

    def _open_encoder(self) -> None:
        self._container = av.open(
            f"file:{self._part.absolute()}",
            "w",
            format="mp4",
            container_options=PART_OPTIONS,
            metadata_errors="replace",
        )
        said = {"title": self._path.name, "comment": self._comment()}
        self._container.metadata.update(said)
        self._encoder = make_encoder(self._container, self._info, self._timeline.unit, self._output)

    def _comment(self) -> str:
        return comment_on(self._source.name) if self._source else f"{COMMENT}frames"

    @property
    def frames(self) -> int:
        """How many frames were written so far; after `close`, how many the file holds."""
        return self._timeline.frames if self._kept is None else self._kept

    @property
    def path(self) -> Path:
        """Where the video is: after `close`, the name that it got."""
        return self._path

    def write(self, frame_bgr: UInt8Array, time_s: Fraction | float | None = None) -> None:
        """Encode and append a frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR of the size given at the start.
            time_s: its time in the source, in s; by default one frame after the last.

        Raises:
            MediaError: another size or type, or the disk is full; `close` then keeps the frames
                before.
        """
        expected = (self._info.height_px, self._info.width_px, 3)
        if frame_bgr.shape != expected or frame_bgr.dtype != np.uint8:
            raise self._error(
                f"a frame of shape {frame_bgr.shape}, {frame_bgr.dtype}", f"{expected}, uint8"
            )
        if self._failed or self._closed:
            raise self._error("closed or failed before", "an open video")
        stamp = self._timeline.next_stamp(time_s)
        try:
            self._container.mux(self._encoder.encode(np.ascontiguousarray(frame_bgr), stamp))
        except (OSError, av.FFmpegError) as error:
            self._failed = True
            raise self._error(
                f"{reason(error)} after {self.frames} frames", "room for the whole video"
            ) from error
        self._whole_bytes = os.fstat(self._descriptor).st_size
        self._timeline.add(stamp)

    def close(self, complete: bool = True) -> None:
        """Complete the file, check it and give it its name; again, nothing.

        Args:
            complete: whether all frames were written; otherwise an older file keeps its name.

        Raises:
            MediaError: it can't be completed, or does not hold what was written. The error names
                the file that holds the frames.
        """
        if self._closed:
            return
        try:
            with uninterrupted():
                # Frames that the encoder holds back are lost if this is left in the middle.
                self._closed = True
                late = self._end_part()
            if not self.frames:
                self._part.unlink(missing_ok=True)
            else:
                self._finish(complete and not self._failed)
        except (OSError, av.FFmpegError, ValueError, MediaError) as error:
            raise self._named(error) from error
        except BaseException:  # another Ctrl-C
            logger.warning("the frames so far are in '%s', which can be played", self._part)
            raise
        finally:
            os.close(self._descriptor)
        if late is not None:
            what = (
                f"{reason(late)} at its end; the first {self.frames} frames are in '{self._path}'"
            )
            raise self._error(what, "room for the whole video") from late

    def _end_part(self) -> Exception | None:
        """Write what the encoder holds back; after a failure, cut off what is half written.

        Returns:
            The failure, if it is the first.
        """
        late = None
        try:
            if not self._failed:
                self._container.mux(self._encoder.flush())
            self._container.close()
        except (OSError, av.FFmpegError) as error:
            late = None if self._failed else error
            self._failed = True
        if self._failed:
            os.ftruncate(self._descriptor, self._whole_bytes)
            self._kept = None if self._whole_bytes else 0
        os.fsync(self._descriptor)
        return late

    def _finish(self, complete: bool) -> None:
        finished = self._part.with_name(
            self._part.stem.replace(PART, FINISHING) + self._path.suffix
        )
        os.close(create_exclusively(finished))
        try:
            wanted = (self._output, self._grid(), self._sound(complete), self._comment())
            count = remux([Part(self._part)], finished, Finishing(*wanted))
            self._check_finished(finished, count, complete)
            self._kept = count
            if complete:
                warn_of_another_source(self._path, self._comment())
            with uninterrupted():
                self._path = take_name(finished, self._path, complete)
                # The video is there: what can't be removed now does not make it a failure.
                with suppress(OSError):
                    self._part.unlink(missing_ok=True)
        except BaseException:
            finished.unlink(missing_ok=True)
            raise
        if not complete:
            logger.warning("the first %d frames are in '%s'", count, self._path)
        with suppress(OSError):
            if complete:
                remove_parts(self._abandoned, self._path, self._comment())

    def _grid(self) -> Fraction | None:
        """The unit of time of a container that knows nothing finer."""
        if self._output.container != "avi":
            return None
        if not self._timeline.fits:
            logger.warning(
                "output video '%s': .avi has one frame rate only; times are rounded to 1/%g s, "
                "choose .mp4 or .mkv for exact ones",
                *(self._path, float(self._timeline.rate)),
            )
        return self._timeline.grid

    def _sound(self, complete: bool) -> Sound | None:
        if self._source is None or self._source.sound is None:
            return None
        start = self._source.origin
        whole = complete and self._source.whole
        return Sound(self._source.sound, start, None if whole else start + self._timeline.length)

    def _check_finished(self, finished: Path, count: int, complete: bool) -> None:
        with opened(finished) as container:
            stated = container.streams.video[0].frames
        if (complete and count != self.frames) or (stated and stated < count):
            raise MediaError(
                f"'{finished}' with {stated or count} frames",
                f"{self.frames} frames",
                "check the disk",
            )
        with finished.open("rb") as file:
            os.fsync(file.fileno())

    def _named(self, error: Exception) -> MediaError:
        count = _playable_frames(self._part)
        kept = f"; the first {count} frames are in '{self._part}', which can be played"
        return self._error(f"{reason(error)}{kept}", "a disk that works, with room")

    def _error(self, what: str, expected: str) -> MediaError:
        remedy = "choose another output directory or video, or free disk space"
        return MediaError(f"output video '{self._path}' ({what})", expected, remedy)
