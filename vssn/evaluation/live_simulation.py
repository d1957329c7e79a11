"""A live stream on a clock of its own: nothing waits, and every time is exact."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from vssn.networks import FlowComparison, FlowNetwork, SegmentationNetwork, View
from vssn.streaming.arrivals import Arrivals, Arrived
from vssn.streaming.background import BackgroundSegmentation, Segmented
from vssn.types import FlowEstimate, TimedFrame, UInt8Array


class Clock:
    """Tells the seconds that it was set to.

    Attributes:
        now_s: the present.
    """

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """The present in seconds."""
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        """Let so much time pass."""
        self.now_s += seconds


class SimulatedSegmentation(BackgroundSegmentation):
    """Is done so many seconds after its start.

    Args:
        network: segments.
        clock: of the stream.
        seconds: that a segmentation takes.

    Attributes:
        started: when each was started.
    """

    def __init__(self, network: SegmentationNetwork, clock: Clock, seconds: float) -> None:
        self._network, self._clock, self._seconds = network, clock, seconds
        self.started: list[float] = []
        self._frame: UInt8Array | None = None

    def start(self, frame_bgr: UInt8Array) -> None:
        """See the protocol."""
        assert self._frame is None, "one at a time"
        self._frame = frame_bgr
        self.started.append(self._clock())

    def result(self, timeout_s: float | None = 0.0) -> Segmented | None:
        """See the protocol."""
        assert self._frame is not None, "nothing to wait for"
        done_s = self.started[-1] + self._seconds
        if timeout_s is not None and done_s > self._clock() + timeout_s:
            self._clock.pass_s(timeout_s)
            return None
        self._clock.now_s = max(self._clock(), done_s)
        frame_bgr, self._frame = self._frame, None
        return Segmented(self._network.probabilities(frame_bgr), self._seconds)

    def close(self) -> None:
        """See the protocol."""
        self._frame = None


class _TimedComparison:
    def __init__(self, comparison: FlowComparison, clock: Clock, seconds: float) -> None:
        self._comparison, self._clock, self._seconds = comparison, clock, seconds

    def estimate(self) -> FlowEstimate:
        """See the protocol."""
        self._clock.pass_s(self._seconds)
        self._seconds = 0.0
        return self._comparison.estimate()


class TimedFlow:
    """A flow network that takes so many seconds.

    Args:
        flow: finds the motion.
        clock: of the stream.
        seconds: that an estimate takes.
    """

    def __init__(self, flow: FlowNetwork, clock: Clock, seconds: float) -> None:
        self._flow, self._clock, self._seconds = flow, clock, seconds

    def prepare(self, frame_bgr: UInt8Array) -> View:
        """See the protocol."""
        return self._flow.prepare(frame_bgr)

    def compare(self, current: View, reference: View) -> _TimedComparison:
        """See the protocol."""
        return _TimedComparison(self._flow.compare(current, reference), self._clock, self._seconds)


class SimulatedArrivals(Arrivals):
    """Frames that arrive at the times given.

    Args:
        frames_bgr: in order.
        times_s: when each arrives.
        clock: of the stream.
    """

    def __init__(
        self, frames_bgr: Sequence[UInt8Array], times_s: Sequence[float], clock: Clock
    ) -> None:
        self._clock = clock
        self._coming = [
            Arrived(TimedFrame(index, Fraction(time_s).limit_denominator(10**6), frame), time_s)
            for index, (frame, time_s) in enumerate(zip(frames_bgr, times_s, strict=True))
        ]

    def take(self, wait: bool) -> list[Arrived]:
        """See the protocol."""
        if wait and self._coming:
            self._clock.now_s = max(self._clock(), self._coming[0].at_s)
        there = [arrived for arrived in self._coming if arrived.at_s <= self._clock()]
        del self._coming[: len(there)]
        return there
