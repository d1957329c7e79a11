"""What a live stream's results are warped from, and the key frame segmented beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from vssn.flow.compose import compose
from vssn.networks import FlowComparison, View
from vssn.streaming.background import BackgroundSegmentation
from vssn.streaming.propagated import Propagated
from vssn.streaming.punctuality import TypicalTime
from vssn.types import Float32Array, FlowEstimate, UInt8Array


@dataclass(frozen=True)
class Moment:
    """A frame's place in a live stream.

    Attributes:
        step: its number among the frames that were processed, from 0.
        index: its number in the source.
        arrived_s: when it arrived.
    """

    step: int
    index: int
    arrived_s: float


@dataclass
class KeyFrame:
    """A frame that is being segmented, or was.

    Attributes:
        at: its place.
        view: what the flow method sees of it.
        warped: the result that it would have been warped from, and the comparison with that
            frame, where the schedule wants to learn from it.
        predictions: how many confidences had been predicted by then.
        back: the flow from the current frame back to it; None at the frame itself.
        probabilities: (h, w, 11) float32; None until they are done.
    """

    at: Moment
    view: View
    warped: tuple[Propagated, FlowComparison] | None
    predictions: int
    back: FlowEstimate | None = None
    probabilities: Float32Array | None = None


@dataclass(frozen=True)
class Reference:
    """What results are warped from: the frame before, or the key frame.

    Attributes:
        key: the key frame that the result comes from.
        view: what the flow method sees of the frame.
        result: its result.
        back: the flow from the current frame back to it, where that is already known.
    """

    key: Moment
    view: View
    result: Propagated
    back: FlowEstimate | None = None


class NextKeyFrame:
    """Segments one frame at a time beside the stream, and follows it through the frames after.

    Args:
        background: segments.
        clock: tells seconds.
    """

    def __init__(self, background: BackgroundSegmentation, clock: Callable[[], float]) -> None:
        self._background = background
        self._clock = clock
        self._frame: KeyFrame | None = None
        self._started_s = 0.0
        self.reset()

    @property
    def free(self) -> bool:
        """Whether another frame can be started with."""
        return self._frame is None

    def holds(self, at: Moment) -> bool:
        """Whether the frame is this one."""
        return self._frame is not None and self._frame.at == at

    def start(self, frame: KeyFrame, frame_bgr: UInt8Array) -> None:
        """Begin to segment a frame."""
        self._background.start(frame_bgr)
        self._started_s = self._clock()
        self._frame = frame

    def extend(self, to: Moment, estimate: FlowEstimate) -> None:
        """Follow the frame through one more.

        Args:
            to: the frame after; nothing is done where that is the frame itself.
            estimate: from there to the frame before it.
        """
        if self._frame and self._frame.at.step < to.step:
            back = self._frame.back
            self._frame.back = estimate if back is None else compose(estimate, back)

    def collect(self, until_s: float | None) -> None:
        """See whether the segmentation is done.

        Args:
            until_s: wait until then, if it is likely done by then; None waits in any case.
        """
        if self._frame is None or self._frame.probabilities is not None:
            return
        timeout_s = None
        if until_s is not None:
            expected_s = self._started_s + self._takes.mean_s
            timeout_s = max(until_s - self._clock(), 0.0) if expected_s <= until_s else 0.0
        try:
            done = self._background.result(timeout_s)
        except KeyboardInterrupt:  # it is still under way
            raise
        except BaseException:
            self._frame = None
            raise
        if done is not None:
            self._takes.add(done.seconds)
            self._frame.probabilities = done.probabilities

    def take(self, only: Moment | None = None) -> KeyFrame | None:
        """The frame, once it is segmented; another can be started with then.

        Args:
            only: take it only if it is this one.
        """
        frame = self._frame
        if frame is None or frame.probabilities is None or only not in (None, frame.at):
            return None
        self._frame = None
        return frame

    def reset(self) -> None:
        """Wait for what is under way, and forget it and how long it takes."""
        self._takes = TypicalTime()
        frame, self._frame = self._frame, None
        if frame and frame.probabilities is None:
            self._background.result(None)
