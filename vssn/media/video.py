"""Reading videos through OpenCV, and writing Motion JPEG files that are always playable."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import FileIO
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import MediaError
from vssn.files import make_directory
from vssn.media.avi import AviWriter
from vssn.types import UInt8Array, VideoInfo

logger = logging.getLogger(__name__)

FALLBACK_FPS = 25.0
COUNT_TOLERANCE = 0.01
MIN_FPS, MAX_FPS = 0.001, 1000.0
MAX_SIDE_PX = 65_500  # libjpeg's limit
# Full colour resolution and few artefacts, so that the palette survives in segmented videos.
JPEG_OPTIONS = (
    *(cv2.IMWRITE_JPEG_QUALITY, 90),
    *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's and FFmpeg's own lines off stderr: what they mean is raised or logged here."""
    # FFmpeg's level is read once, when OpenCV first opens a video; -8 is AV_LOG_QUIET.
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _refuse(path: Path, what: str, remedy: str) -> MediaError:
    return MediaError(f"video '{path}' ({what})", "a video file that FFmpeg can read", remedy)


def _check_readable(path: Path) -> None:
    if not path.is_file():
        raise _refuse(path, "a directory" if path.is_dir() else "no such file", "check the path")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise _refuse(path, str(error.strerror), "change its permissions") from error
    if empty:
        raise _refuse(path, "an empty file", "copy or download it again")


def _open_capture(path: Path) -> cv2.VideoCapture:
    _check_readable(path)
    with _quiet_opencv():
        # An absolute path can't be taken for a URL such as "http:..." or "concat:...".
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
    # FFmpeg renders plain text as a video of a terminal.
    is_text = capture.get(cv2.CAP_PROP_FOURCC) == cv2.VideoWriter.fourcc(*"ansi")
    if is_text or not capture.isOpened():
        capture.release()
        raise _refuse(path, "damaged or no video", "check that another player opens it")
    return capture


def _frame_rate(path: Path, capture: cv2.VideoCapture) -> float:
    fps = float(capture.get(cv2.CAP_PROP_FPS))
    if MIN_FPS <= fps <= MAX_FPS:
        return fps
    logger.warning("video '%s' states %g frames per second; taking %g", path, fps, FALLBACK_FPS)
    return FALLBACK_FPS


def _frame_count(path: Path, capture: cv2.VideoCapture) -> int | None:
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    # No container holds a frame in less than a byte: a larger count is a guess or a lie.
    return int(count) if 0 < count <= path.stat().st_size else None


class VideoSource:
    """A video's frames in order: iterate once, then close, or use it in a ``with`` statement.

    Attributes:
        info: size of the frames as decoded, frame rate, and the frame count its header states.
        truncated: whether iterating ended clearly before the frame count that the header states.
    """

    info: VideoInfo
    truncated: bool = False

    def __init__(self, path: str | Path) -> None:
        """Open the file and decode its first frame.

        Args:
            path: a video in any format that OpenCV's FFmpeg reads.

        Raises:
            MediaError: missing, unreadable, no video, or without a single frame.
        """
        self._path = path = Path(path)
        # A reader thread may still be decoding when its consumer closes the video.
        self._lock = threading.Lock()
        self._frames_read = 0
        self._capture = _open_capture(path)
        try:
            self._next = self._read()
            if self._next is None:
                raise _refuse(path, "not one frame can be decoded", "copy or download it again")
            height, width = self._next.shape[:2]
            fps, count = _frame_rate(path, self._capture), _frame_count(path, self._capture)
        except BaseException:
            self.close()
            raise
        self.info = VideoInfo(width, height, fps, count)

    def __iter__(self) -> Iterator[UInt8Array]:
        """Yield (H, W, 3) uint8 BGR frames, one at a time, each in memory of its own.

        A file that ends early, or has frames that can't be decoded, gives those that can, and a
        logged warning.

        Raises:
            MediaError: a frame has another size than the first. (OpenCV's FFmpeg reader mostly
                scales such frames itself.)
        """
        while self._next is not None:
            self._check_size(self._next)
            self._frames_read += 1
            yield self._next
            self._next = self._read()
        if self._capture.isOpened() and self._ended_early():
            self.truncated = True
            logger.warning(
                "video '%s' is damaged or cut short: %d of %d frames could be read; "
                "what was made of them is kept, copy the video again for the rest",
                *(self._path, self._frames_read, self.info.total_frames),
            )

    def _ended_early(self) -> bool:
        # Some containers state a count that is rounded or guessed from the duration.
        stated = self.info.total_frames or 0
        return self._frames_read < stated - max(1, COUNT_TOLERANCE * stated)

    def __enter__(self) -> VideoSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; an iteration that is under way ends."""
        with self._lock:
            self._capture.release()

    def _read(self) -> UInt8Array | None:
        with self._lock:
            try:
                ok, frame = self._capture.read()
            except cv2.error as error:
                what = f"frame {self._frames_read + 1}: {error}"
                raise _refuse(self._path, what, "re-encode it") from error
        return np.asarray(frame, np.uint8) if ok else None

    def _check_size(self, frame_bgr: UInt8Array) -> None:
        height, width = frame_bgr.shape[:2]
        if (width, height) != (self.info.width_px, self.info.height_px):
            raise MediaError(
                f"video '{self._path}', frame {self._frames_read + 1} of {width}x{height} px",
                f"{self.info.width_px}x{self.info.height_px} px as before",
                "re-encode it at one size",
            )


class VideoSink:
    """Writes a Motion JPEG .avi; use it in a ``with`` statement.

    The file has a temporary name beside the final one until it is closed. It is closed and kept
    also when the ``with`` statement is left by an exception or Ctrl-C, if it holds a frame;
    without one nothing is left behind.
    """

    def __init__(self, path: Path, info: VideoInfo) -> None:
        """Create the file and its directory.

        Args:
            path: the .avi to write; one that exists is replaced on close.
            info: frame size, 1 to 65500 px a side, odd ones too, and frame rate, 0.001 to 1000;
                the frame count is not used.

        Raises:
            MediaError: size or rate is out of range, or the file can't be written.
        """
        self._path = path
        self._size_wh = (info.width_px, info.height_px)
        if not all(1 <= side <= MAX_SIDE_PX for side in self._size_wh):
            size = f"{info.width_px}x{info.height_px} px"
            raise self._error(size, f"sides of 1 to {MAX_SIDE_PX} px")
        if not MIN_FPS <= info.fps <= MAX_FPS:
            raise self._error(f"{info.fps:g} frames per second", f"{MIN_FPS:g} to {MAX_FPS:g}")
        if path.is_dir():
            raise self._error("a directory of that name is there", "a free file name")
        make_directory(path.parent)
        self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
        with ExitStack() as undo:
            undo.callback(self._temporary.unlink, missing_ok=True)
            try:
                self._file = undo.enter_context(FileIO(self._temporary, "wb"))
                self._writer = AviWriter(self._file, self._size_wh, info.fps)
            except OSError as error:
                raise self._error(str(error.strerror), "a writable disk with room") from error
            undo.pop_all()

    @property
    def frames(self) -> int:
        """How many frames the file holds."""
        return self._writer.frames

    def __enter__(self) -> VideoSink:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, frame_bgr: UInt8Array) -> None:
        """Encode and append a frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR of the size given at the start.

        Raises:
            MediaError: another size or type, or the disk is full; `close` then keeps the frames
                before.
        """
        width, height = self._size_wh
        if frame_bgr.shape != (height, width, 3) or frame_bgr.dtype != np.uint8:
            raise self._error(
                f"a frame of shape {frame_bgr.shape}, {frame_bgr.dtype}",
                f"({height}, {width}, 3), uint8",
            )
        _, jpeg = cv2.imencode(".jpg", frame_bgr, JPEG_OPTIONS)
        try:
            self._writer.write(jpeg.tobytes())
        except OSError as error:
            raise self._error(
                f"{error.strerror} after {self.frames} frames", "room for the whole video"
            ) from error

    def close(self) -> None:
        """Complete the file, check it and give it its final name; again, nothing.

        Raises:
            MediaError: it can't be completed, or does not hold what was written.
        """
        if self._file.closed:
            return
        try:
            self._writer.close()
            os.fsync(self._file.fileno())
            if self.frames:
                self._check_written()
                os.replace(self._temporary, self._path)
        except OSError as error:
            raise self._error(str(error.strerror), "a disk that works") from error
        finally:
            self._file.close()
            self._temporary.unlink(missing_ok=True)

    def _check_written(self) -> None:
        with VideoSource(self._temporary) as written:
            info = written.info
        if (info.width_px, info.height_px, info.total_frames) != (*self._size_wh, self.frames):
            raise self._error(f"{info} after writing", f"{self.frames} frames")

    def _error(self, what: str, expected: str) -> MediaError:
        remedy = "choose another output directory or video, or free disk space"
        return MediaError(f"output video '{self._path}' ({what})", expected, remedy)
