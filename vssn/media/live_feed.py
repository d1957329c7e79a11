"""A source's frames as they arrive, read in a thread of its own that never waits for anybody."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from vssn.media.pipeline import STOP_TIMEOUT_S
from vssn.streaming.arrivals import Arrivals, Arrived
from vssn.types import TimedFrame

# Frames that wait while nobody takes any; each is up to some megabytes.
MOST_WAITING = 8


class LiveFeed(Arrivals):
    """Reads frames as they come; where too many wait, the oldest are left out.

    Args:
        frames: of a source, with their indices.
        pace: give a file's frames at its own rate: each arrives when it is due. Otherwise a frame
            arrives when it has been read.
        clock: tells seconds.
    """

    def __init__(
        self,
        frames: Iterable[TimedFrame],
        pace: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._frames = frames
        self._pace = pace
        self._clock = clock
        # SimpleQueue, which Ctrl-C can't damage; see vssn.media.pipeline.
        self._arrived: queue.SimpleQueue[Arrived | None] = queue.SimpleQueue()
        self._error: BaseException | None = None
        self._ended = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="live-feed", daemon=True)

    def start(self) -> None:
        """Begin to read, and with ``pace`` the clock that frames are due by."""
        self._thread.start()

    def take(self, wait: bool) -> list[Arrived]:
        """Those that arrived since the last call; see :class:`vssn.streaming.arrivals.Arrivals`.

        Raises:
            Exception: whatever reading raised, after the frames before.
        """
        taken: list[Arrived] = []
        while not self._ended:
            try:
                arrived = self._arrived.get(block=wait and not taken)
            except queue.Empty:
                return taken
            if arrived is None:
                self._ended = True
            else:
                taken.append(arrived)
        if self._error is not None and not taken:
            raise self._error
        return taken

    def close(self) -> None:
        """Stop reading; the source must be closed, or give another frame, for the thread to end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(STOP_TIMEOUT_S)

    def _read(self) -> None:
        try:
            for arrived in self._as_they_come():
                while self._arrived.qsize() >= MOST_WAITING:
                    self._leave_out()
                self._arrived.put(arrived)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer
            self._error = error
        self._arrived.put(None)

    def _leave_out(self) -> None:
        try:
            self._arrived.get_nowait()
        except queue.Empty:  # the consumer was faster
            return

    def _as_they_come(self) -> Iterator[Arrived]:
        begun_s = self._clock()
        for frame in self._frames:
            if self._stop.is_set():
                return
            at_s = self._clock()
            if self._pace:
                due_s = begun_s + frame.time_s
                # What is due is given even where it was read late, and counts as late.
                if due_s > at_s and self._stop.wait(due_s - at_s):
                    return
                at_s = due_s
            yield Arrived(frame, at_s)
