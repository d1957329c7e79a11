"""What a segmenter asks of its callers: frames of one kind, and one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from vssn.errors import BadInputError
from vssn.preprocess import size_hw

FRAME = "an (H, W, 3) uint8 BGR array that is not empty"


def check_frame(frame_bgr: object, stream_hw: tuple[int, int] | None = None) -> None:
    """Refuse what is no frame, or none of this stream.

    Args:
        frame_bgr: should be (H, W, 3) uint8 BGR.
        stream_hw: height and width of the frames before it; None for the first.

    Raises:
        BadInputError: another type or shape, empty, or another size.
    """
    if not isinstance(frame_bgr, np.ndarray):
        raise BadInputError(
            f"frame of type {type(frame_bgr).__name__}", FRAME, "check what the source returned"
        )
    if frame_bgr.dtype != np.uint8 or frame_bgr.ndim != 3 or frame_bgr.shape[2] != 3:
        raise BadInputError(
            f"frame of shape {frame_bgr.shape}, {frame_bgr.dtype}",
            FRAME,
            "convert it, such as with cv2.cvtColor",
        )
    if not frame_bgr.size:
        raise BadInputError(
            f"frame of shape {frame_bgr.shape}", FRAME, "check what the source returned"
        )
    hw = size_hw(frame_bgr)
    if stream_hw not in (None, hw):
        raise BadInputError(
            f"frame of {hw[1]}x{hw[0]} px",
            f"{stream_hw[1]}x{stream_hw[0]} px as the frames before it",
            "resize it, or call reset() before another stream",
        )


class OneThread:
    """Refuses a second thread while a first one is inside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Be the one thread.

        Raises:
            BadInputError: another thread is.
        """
        if not self._lock.acquire(blocking=False):
            raise BadInputError(
                "a segmenter used by two threads at once",
                "one thread at a time, since each frame builds on the one before",
                "load a segmenter for each thread",
            )
        try:
            yield
        finally:
            self._lock.release()
