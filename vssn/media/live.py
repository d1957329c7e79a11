"""Cameras and network streams: sources that may fall silent and come back."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction

import av
from av.container import InputContainer

from vssn.errors import MediaError
from vssn.media import containers
from vssn.media.containers import open_url, printable_url, reason
from vssn.media.decoding import Decoder
from vssn.media.packets import close
from vssn.media.readers import Reader, Timed, warn_of_sound

logger = logging.getLogger(__name__)

# How long to wait before each attempt to connect again; after the last the stream has ended.
BACK_OFF_S = (0.5, 1.0, 2.0, 4.0, 8.0)
# A stream that states its length and ends by so many seconds before it broke off.
END_TOLERANCE_S = 2
# Addresses whose content comes as fast as it is read, where it has a length.
DOWNLOADED = ("http:", "https:", "ftp:")
CAMERA_FPS = Fraction(30)
# What FFmpeg calls a system's cameras.
CAMERA_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}


class CameraReader(Reader):
    """A camera of this machine, by its number."""

    live = True

    def __init__(self, number: str) -> None:
        """Open the camera and decode its first frame.

        Raises:
            MediaError: there is none of that number, or it can't be used.
        """
        self._container = open_camera(number)
        try:
            self._decoder = Decoder(self._container, f"camera {number}")
        except BaseException:
            close(self._container)
            raise
        self.info = self._decoder.info

    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield frames until the camera is closed or unplugged."""
        yield from self._decoder
        self.lost = self._decoder.lost

    def finish(self) -> None:
        """Log that the camera gave no more."""
        logger.warning("the camera gives no more frames")
        self.truncated = True

    def close(self) -> None:
        """Release the camera."""
        close(self._container)


def open_camera(number: str) -> InputContainer:
    """Open a camera.

    Raises:
        MediaError: there is none of that number, or it can't be used.
    """
    system = CAMERA_FORMATS.get(sys.platform)
    name = f"/dev/video{number}" if system == "v4l2" else number
    if system == "dshow":
        name = f"video={number}"
    try:
        if system == "v4l2" and not os.path.exists(name):
            raise FileNotFoundError(2, f"'{name}' does not exist")
        return av.open(name, "r", format=system, timeout=containers.OPEN_TIMEOUT_S)
    except (OSError, av.FFmpegError, ValueError) as error:
        raise MediaError(
            f"camera {number} ({reason(error)})",
            "a camera of that number",
            "plug one in, choose another number, or pass a file",
        ) from error


class UrlReader(Reader):
    """A network stream; one that breaks off is opened again, with growing pauses."""

    def __init__(self, url: str, opened: Callable[[str], InputContainer] = open_url) -> None:
        """Connect and decode the first frame.

        Args:
            url: its address.
            opened: connects.

        Raises:
            MediaError: nobody answers, or there is no video.
        """
        self._url = url
        self._name = printable_url(url)
        self._opened = opened
        self._stopped = threading.Event()
        self._fruitless = 0
        self._container, self._decoder = self._connect()
        self.info = self._decoder.info
        warn_of_sound(self._container, self._name)
        # A stream without a length is meant to go on.
        self._endless = not self._container.duration
        self.live = self._endless or not url.lower().startswith(DOWNLOADED)

    def _connect(self) -> tuple[InputContainer, Decoder]:
        container = self._opened(self._url)
        try:
            return container, Decoder(container, self._name)
        except BaseException:
            close(container)
            raise

    def frames(self, start: Fraction) -> Iterator[Timed]:
        """Yield frames; after a break, a stream goes on by the clock, a download where it was."""
        begun = time.monotonic()
        offset, last = Fraction(0), Fraction(-1)
        if start and not self._endless:
            self._decoder.seek(start)
        while True:
            stamp = Fraction(0)
            for stamp, frame_bgr in self._decoder:
                if not self.live and stamp <= last:
                    continue  # it was given before the break
                last = max(last + Fraction(1, 1000), stamp + offset)
                self.lost = self._decoder.lost
                self._fruitless = 0
                yield last, frame_bgr
            if not self._broke_off(stamp) or not self._reconnect():
                return
            if self.live:
                offset = max(last, Fraction(time.monotonic() - begun).limit_denominator(1000))
            elif last > 0:
                self._decoder.seek(last)

    def _broke_off(self, last: Fraction) -> bool:
        """Whether there was more to come; many servers' ends look like any other."""
        if self._stopped.is_set():
            return False
        if self._endless or self._decoder.error is not None:
            return True
        if not self.live:  # only some containers state a length that is no guess
            end = self._decoder.stated_end
            return end is not None and last < end - max(end / 100, 2 / self._decoder.rate)
        stated_s = Fraction(self._container.duration or 0, av.time_base)
        return last < stated_s - END_TOLERANCE_S

    def _reconnect(self) -> bool:
        for pause_s in BACK_OFF_S[self._fruitless :]:
            logger.warning("stream '%s' broke off; trying again in %g s", self._name, pause_s)
            # A download that gives nothing new has come to the end of what there is.
            self._fruitless += not self.live
            if self._stopped.wait(pause_s):
                return False
            close(self._container)
            try:
                self._container, self._decoder = self._connect()
            except MediaError:
                continue
            if self._decoder.info != self.info:
                logger.warning("stream '%s' came back with another size", self._name)
                return False
            return True
        self.truncated = True
        return False

    def finish(self) -> None:
        """Log that the stream ended for good."""
        if self.truncated:
            logger.warning("stream '%s' ended: it did not come back", self._name)

    def stop(self) -> None:
        """Connect no more."""
        self._stopped.set()

    def close(self) -> None:
        """Disconnect."""
        self._stopped.set()
        close(self._container)
