"""Segmenting beside the stream, in a thread of its own."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from vssn.networks import SegmentationNetwork
from vssn.types import Float32Array, UInt8Array

# Below the stream's own threads: where both want a core, the frame that is due goes first.
NICENESS = 5
STOP_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Segmented:
    """A segmentation that is done.

    Attributes:
        probabilities: (h, w, 11) float32 class probabilities.
        seconds: how long it took, from its start.
    """

    probabilities: Float32Array
    seconds: float


class BackgroundSegmentation(Protocol):
    """Segments one frame at a time while the caller goes on."""

    def start(self, frame_bgr: UInt8Array) -> None:
        """Begin with an (H, W, 3) uint8 BGR frame, once the one before has been taken."""

    def result(self, timeout_s: float | None = 0.0) -> Segmented | None:
        """Take the segmentation that was started.

        Args:
            timeout_s: how long to wait for it; None for as long as it takes.

        Returns:
            None where it is not done yet.

        Raises:
            Exception: whatever the network raised.
        """

    def close(self) -> None:
        """Wait for the segmentation that is running, and end."""


class SegmentationThread(BackgroundSegmentation):
    """Runs a network in a thread; OpenVINO and TensorFlow leave Python's lock meanwhile.

    Args:
        network: used by that thread alone.
        niceness: how far its priority is lowered, where the system has that by thread (Linux).
        clock: tells seconds.
    """

    def __init__(
        self,
        network: SegmentationNetwork,
        niceness: int = NICENESS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._network = network
        self._niceness = niceness
        self._clock = clock
        self._frames: queue.SimpleQueue[UInt8Array | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Segmented | BaseException] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="segmentation", daemon=True)
        self._thread.start()

    def start(self, frame_bgr: UInt8Array) -> None:
        """See the protocol."""
        self._frames.put(frame_bgr)

    def result(self, timeout_s: float | None = 0.0) -> Segmented | None:
        """See the protocol."""
        try:
            done = self._done.get(timeout_s is None or timeout_s > 0, timeout_s)
        except queue.Empty:
            return None
        if isinstance(done, BaseException):
            raise done
        return done

    def close(self) -> None:
        """See the protocol."""
        self._frames.put(None)
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        lower_priority(self._niceness)
        while (frame_bgr := self._frames.get()) is not None:
            begun = self._clock()
            try:
                probabilities = self._network.probabilities(frame_bgr)
                self._done.put(Segmented(probabilities, self._clock() - begun))
            except BaseException as error:  # noqa: BLE001 - it is raised again in the stream's thread
                self._done.put(error)


def lower_priority(niceness: int) -> None:
    """Let the calling thread, and threads that it starts, give way to others of this process.

    Args:
        niceness: added to the thread's; only Linux keeps it by thread, and elsewhere nothing is
            changed.
    """
    if sys.platform != "linux" or not niceness:
        return
    thread = threading.get_native_id()
    with suppress(OSError):  # in a sandbox that forbids it, all threads keep one priority
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + niceness)
