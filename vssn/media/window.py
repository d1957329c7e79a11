"""A window that shows frames as they are made."""

from __future__ import annotations

import os
import sys
from fractions import Fraction

import cv2

from vssn.errors import MediaError
from vssn.types import UInt8Array

TITLE = "vssn"
KEYS_TO_CLOSE = (27, ord("q"))  # Escape


def check_display() -> None:
    """Find out before the work whether frames can be shown.

    Raises:
        MediaError: there is no display, or OpenCV was installed without windows.
    """
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(map(os.environ.get, screens)):
        raise MediaError("a window", "a display", "run it on a desktop, or write a file")
    try:
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL)
    except cv2.error as error:
        raise MediaError(
            "a window", "OpenCV with windows", "pip install opencv-python, or write a file"
        ) from error


class Window:
    """Shows frames; Escape or q closes it, and the run goes on without."""

    def __init__(self) -> None:
        """Open the window; see :func:`check_display`."""
        check_display()
        self._open = True

    def write(self, frame_bgr: UInt8Array, time_s: Fraction | float | None = None) -> None:
        """Show an (H, W, 3) uint8 BGR frame."""
        if not self._open:
            return
        cv2.imshow(TITLE, frame_bgr)
        if cv2.waitKey(1) & 0xFF in KEYS_TO_CLOSE:
            self.close()

    def close(self, complete: bool = True) -> None:
        """Close the window."""
        if self._open:
            self._open = False
            cv2.destroyWindow(TITLE)
