"""When to segment: the plug that decides it per frame."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Protocol

from vssn.errors import BadInputError, argument
from vssn.networks import FlowComparison
from vssn.streaming.confidence import ConfidenceEstimator
from vssn.types import FramePath

# Every so many key frames, the frame after it is segmented too, which shows the flicker by itself.
EXPLORE_EVERY = 16

# A schedule that segments so many of the last frames that it compared pays more for comparing than
# it saves by warping. It then segments unseen, for twice as long each time.
COMPARED_FRAMES = 8
MOST_SEGMENTED = 6
SHORTEST_PAUSE, LONGEST_PAUSE = 16, 256


@dataclass(frozen=True)
class Decision:
    """What is to be done with a frame.

    Attributes:
        segment: whether to segment it.
        predicted_confidence: in the propagated result, 0-100, where one was asked for.
        learns: whether the schedule wants to know the propagated result's measured agreement; there
            is one only where the frame is segmented.
    """

    segment: bool
    predicted_confidence: float | None
    learns: bool = False


class Schedule(Protocol):
    """Decides for each frame after the first. It serves one stream, or one region of it."""

    def compares_next(self, key_distance: int) -> bool:
        """Whether the next frame is to be compared with the present one and decided upon.

        Asked once at the end of each frame. Where not, the next frame is segmented unseen, and
        nothing is spent on flow.

        Args:
            key_distance: frames from the key frame to the present one; 0 for a key frame.
        """
        return True

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Decide for a frame ``key_distance`` frames after the key frame."""

    def predict(self, comparison: FlowComparison, key_distance: int) -> float | None:
        """Predict the confidence of a frame that is warped anyway, as the segmenter is busy.

        Returns:
            0-100; None where the schedule doesn't go by it.
        """
        return None

    def observe(self, measured_agreement: float, predictions_ago: int = 0) -> None:
        """Learn how well the result propagated to a key frame agrees with it, 0-100.

        Not called where the agreement can't be measured.

        Args:
            measured_agreement: of the key frame.
            predictions_ago: how many frames were decided upon or predicted after it, where its
                segmentation took so long.
        """
        return

    def spent(self, seconds: float, path: FramePath | None) -> None:
        """Learn how long a frame took, by its path; or, of path None, what came on top of that."""
        return

    def reset(self) -> None:
        """Forget the stream."""
        return


class EstimatingSchedule(Schedule):
    """What the schedules that ask an estimator share.

    Args:
        estimator: predicts the confidence.
    """

    def __init__(self, estimator: ConfidenceEstimator) -> None:
        self._estimator = estimator

    def predict(self, comparison: FlowComparison, key_distance: int) -> float | None:
        """Ask the estimator."""
        return self._estimator.predict(comparison, key_distance)

    def observe(self, measured_agreement: float, predictions_ago: int = 0) -> None:
        """Tell the estimator."""
        self._estimator.observe(measured_agreement, predictions_ago)

    def reset(self) -> None:
        """Forget the stream, and what the estimator learned of it."""
        self._estimator.reset()

    def compared(
        self, comparison: FlowComparison, key_distance: int, target: float, explore: bool = False
    ) -> Decision:
        """Decide by whether the predicted confidence is below a target, or for exploration."""
        confidence = self._estimator.predict(comparison, key_distance)
        return Decision(confidence < target or explore, confidence, self._estimator.learns)


class Exploration:
    """Says now and then that a frame next to its key frame is to be segmented.

    Without it a stream would hardly see what is lost between neighbours, and could not tell the
    network's flicker from what motion costs.
    """

    def __init__(self) -> None:
        self._key_frames = 0

    def wanted(self, key_distance: int) -> bool:
        """Whether to segment a frame that is compared; asked of each."""
        if key_distance > 1:
            return False
        self._key_frames += 1
        return self._key_frames % EXPLORE_EVERY == 0


class BackOff:
    """Stops comparing for a while when nearly every frame that was compared was segmented."""

    def __init__(self) -> None:
        self._segmented: deque[bool] = deque(maxlen=COMPARED_FRAMES)
        self._pause = SHORTEST_PAUSE
        self._unseen = 0

    def compares_next(self) -> bool:
        """Whether to compare the next frame; asked once per frame."""
        self._unseen = max(self._unseen - 1, 0)
        return not self._unseen

    def add(self, segmented: bool) -> None:
        """Note what became of a frame that was compared."""
        self._segmented.append(segmented)
        if self._segmented.count(True) >= MOST_SEGMENTED:
            self._unseen = self._pause + 1
            self._pause = min(2 * self._pause, LONGEST_PAUSE)
            # One frame like these is enough to pause again, a few others to go on.
            self._segmented.popleft()
        elif not any(self._segmented):
            self._pause = SHORTEST_PAUSE


class TargetSchedule(EstimatingSchedule):
    """DVSNet's schedule: segment where the predicted confidence is below the target.

    Ours besides: an estimator that learns is shown a neighbour of the key frame now and then, and
    where nearly all frames are segmented the schedule stops comparing for a while, so that it
    is never slower than segmenting every frame.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        estimator: predicts the confidence.
        target: 0-100. At 100 or more every frame is segmented, at 0 or less only the first;
            nothing is asked for either.
    """

    def __init__(self, estimator: ConfidenceEstimator, target: float) -> None:
        check_target(target)
        super().__init__(estimator)
        self._target = target
        self.reset()

    def reset(self) -> None:
        """Forget the stream, and what the estimator learned of it."""
        super().reset()
        self._exploration, self._back_off = Exploration(), BackOff()

    def compares_next(self, key_distance: int) -> bool:
        """See the protocol."""
        return self._target < 100 and self._back_off.compares_next()

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the predicted confidence with the target."""
        if self._target <= 0:
            return Decision(False, None)
        explore = self._estimator.learns and self._exploration.wanted(key_distance)
        decision = self.compared(comparison, key_distance, self._target, explore)
        self._back_off.add(decision.segment)
        return decision


class DynamicSchedule(EstimatingSchedule):
    """DVSNet's schedule with a target that moves, so that neither path is taken for long.

    Unlike :class:`TargetSchedule` it asks the estimator whatever the target is.

    Args:
        estimator: predicts the confidence.
        target: where the target starts, 0-100.
        fall: points that it falls by when a frame is segmented.
        rise: points that it rises by when one is warped.
    """

    def __init__(
        self, estimator: ConfidenceEstimator, target: float, fall: float = 1.0, rise: float = 0.1
    ) -> None:
        check_target(target)
        super().__init__(estimator)
        self._start = self._target = target
        self._fall = fall
        self._rise = rise

    def reset(self) -> None:
        """Forget the stream, and what the estimator learned of it."""
        super().reset()
        self._target = self._start

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the predicted confidence with the target, and move that."""
        decision = self.compared(comparison, key_distance, self._target)
        self._target += -self._fall if decision.segment else self._rise
        return decision


def check_target(target: float) -> None:
    """Refuse a target that is no number, with BadInputError."""
    if target != target:
        raise BadInputError(
            argument("target", target), "a number from 0 to 100", f"pass {argument('target', 80)}"
        )


class FixedInterval(Schedule):
    """Segment every ``interval``-th frame: what an adaptive schedule has to beat.

    Args:
        interval: frames from one key frame to the next, at least 1.
    """

    def __init__(self, interval: int) -> None:
        if interval < 1:
            raise BadInputError(f"interval {interval}", "1 or more", "pass a positive number")
        self._interval = interval

    def compares_next(self, key_distance: int) -> bool:
        """Only a frame that is going to be warped."""
        return key_distance + 1 < self._interval

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Look at the distance alone."""
        return Decision(key_distance >= self._interval, None)
