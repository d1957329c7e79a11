"""When to segment: the plug that decides it per frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from vssn.errors import BadInputError, argument
from vssn.networks import FlowComparison
from vssn.streaming.confidence import ConfidenceEstimator, NetworkConfidence
from vssn.types import FramePath

# Every so many key frames, the frame after it is segmented too, which shows the unrest by itself.
EXPLORE_EVERY = 16

# A schedule that segments so many of the last frames that it compared pays more for comparing than
# it saves by warping. It then segments unseen, for twice as long each time.
COMPARED_FRAMES = 8
MOST_SEGMENTED = 6
SHORTEST_PAUSE, LONGEST_PAUSE = 16, 256

# How a budget is kept: the target before anything was measured, points that it moves by for a share
# of frames, share of a new time in the mean, and how many segmentations may be saved up.
START_TARGET = 90.0
PACE_GAIN = 2.0
TIME_GAIN = 0.1
MOST_SAVED = 4.0


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

    def observe(self, measured_agreement: float) -> None:
        """Learn how well the result propagated to the new key frame agrees with it, 0-100.

        Not called where the agreement can't be measured.
        """
        return

    def spent(self, seconds: float, path: FramePath | None) -> None:
        """Learn how long a frame took, by its path; or, of path None, what came on top of that."""
        return

    def reset(self) -> None:
        """Forget the stream."""
        return


class _Estimating(Schedule):
    """What the schedules that ask an estimator share."""

    def __init__(self, estimator: ConfidenceEstimator) -> None:
        self._estimator = estimator

    def observe(self, measured_agreement: float) -> None:
        """Tell the estimator."""
        self._estimator.observe(measured_agreement)

    def reset(self) -> None:
        """Forget the stream, and what the estimator learned of it."""
        self._estimator.reset()

    def _compared(
        self, comparison: FlowComparison, key_distance: int, target: float, explore: bool = False
    ) -> Decision:
        confidence = self._estimator.predict(comparison, key_distance)
        return Decision(confidence < target or explore, confidence, self._estimator.learns)


class Exploration:
    """Says now and then that a frame next to its key frame is to be segmented.

    Without it a stream would hardly see what is lost between neighbours, and could not tell the
    network's unrest from what motion costs.
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


class TargetSchedule(_Estimating):
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
        decision = self._compared(comparison, key_distance, self._target, explore)
        self._back_off.add(decision.segment)
        return decision


class DynamicSchedule(_Estimating):
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
        decision = self._compared(comparison, key_distance, self._target)
        self._target += -self._fall if decision.segment else self._rise
        return decision


class BudgetSchedule(_Estimating):
    """Keeps a pace: so much time per frame on average, spent where confidence is lowest.

    Times are measured while the stream runs. What is left of the budget after warping every frame
    decides the share of frames that can be segmented; a target that moves with what was spent
    picks them. Time saved is kept for later, up to a few segmentations.

    Args:
        estimator: predicts the confidence.
        budget_ms: milliseconds per frame, above 0.

    Attributes:
        target: the target that the budget amounts to, 0-100: the mean over the stream so far.
    """

    def __init__(self, estimator: ConfidenceEstimator, budget_ms: float) -> None:
        if not 0 < budget_ms < float("inf"):
            raise BadInputError(
                argument("budget_ms", budget_ms),
                "milliseconds above 0",
                f"pass {argument('budget_ms', 40)}",
            )
        super().__init__(estimator)
        self._budget_s = budget_ms / 1000
        self.reset()

    def reset(self) -> None:
        """Forget the stream, what the estimator learned of it, and all times."""
        super().reset()
        self._times: dict[FramePath | None, float] = {}
        self._saved_s = 0.0
        self._target = START_TARGET
        self._sum, self._frames = 0.0, 0

    @property
    def target(self) -> float:
        """See the class; where the stream has begun, as far as it has run."""
        return self._sum / self._frames if self._frames else self._target

    def compares_next(self, key_distance: int) -> bool:
        """Not where the budget is enough to segment every frame."""
        if self._affordable_share < 1:
            return True
        self._count(100.0)
        return False

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Segment where the confidence is low and the time saved is enough."""
        decision = self._compared(comparison, key_distance, self._target)
        nearly_most = MOST_SAVED * self._extra_s - self._budget_s  # above, savings would be lost
        affordable = self._saved_s >= self._extra_s
        segment = affordable and (decision.segment or self._saved_s >= nearly_most)
        if not self._times.get(FramePath.WARP):
            segment = False  # what a warped frame takes is to be measured first
        self._count(self._target)
        # What is wanted counts, affordable or not: else the target would rise out of reach.
        moved = self._target + PACE_GAIN * (self._affordable_share - decision.segment)
        self._target = min(max(moved, 0.0), 100.0)
        return replace(decision, segment=segment)

    def spent(self, seconds: float, path: FramePath | None) -> None:
        """Keep the accounts."""
        known = self._times.get(path, seconds)
        self._times[path] = known + TIME_GAIN * (seconds - known)
        self._saved_s -= seconds
        if path is not None:
            self._saved_s += self._budget_s
        # Neither savings nor debts last: the pace is that of the last frames.
        most = MOST_SAVED * (self._extra_s or self._budget_s)
        self._saved_s = min(max(self._saved_s, -most), most)

    def _count(self, target: float) -> None:
        self._sum += target
        self._frames += 1

    @property
    def _extra_s(self) -> float:
        """What segmenting a frame takes longer than warping it; 0 where it isn't known."""
        if FramePath.WARP not in self._times:
            return 0.0
        segmented, warped = (self._times[path] for path in (FramePath.SEGMENT, FramePath.WARP))
        return max(segmented - warped, 1e-6)

    @property
    def _affordable_share(self) -> float:
        """The share of frames that can be segmented within the budget, 0 to 1."""
        segmented = self._times.get(FramePath.SEGMENT, 0.0)
        left = self._budget_s - self._times.get(None, 0.0)
        if segmented <= left:
            return 1.0
        if FramePath.WARP not in self._times:
            return 0.0
        return max((left - self._times[FramePath.WARP]) / self._extra_s, 0.0)


def budget_ms(fps: float) -> float:
    """The milliseconds that a frame may take at a pace.

    Args:
        fps: frames per second, above 0.

    Raises:
        BadInputError: the pace is no such number.
    """
    if not 0 < fps < float("inf"):
        raise BadInputError(argument("fps", fps), "above 0", f"pass {argument('fps', 25)}")
    return 1000 / fps


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


ScheduleMaker = Callable[[ConfidenceEstimator, float], Schedule]


def parse_schedule(text: str) -> ScheduleMaker:
    """What makes a schedule of an estimator and a target, by name.

    Args:
        text: ``confidence``, which compares the predicted confidence with the target, whoever
            predicts it; ``decision``, the same, of DVSNet's decision network alone; ``dynamic``,
            with a target that moves; ``fixed:K``, every K-th frame; ``always``, every frame.

    Raises:
        BadInputError: there is no such schedule; or, when it is made, ``decision`` without the
            decision network.
    """
    name, _, interval = text.strip().lower().partition(":")
    makers: dict[str, ScheduleMaker] = {
        "confidence": TargetSchedule,
        "decision": _of_decision_network,
        "dynamic": DynamicSchedule,
        "always": lambda estimator, target: FixedInterval(1),
    }
    if name == "fixed" and interval.isascii() and interval.isdecimal() and 0 < len(interval) < 7:
        return partial(_every, int(interval))
    if name in makers and not interval:
        return makers[name]
    raise BadInputError(
        argument("schedule", text),
        "confidence, decision, dynamic, always, or fixed:K such as fixed:5",
        f"pass {argument('schedule', 'confidence')}",
    )


def _every(interval: int, estimator: ConfidenceEstimator, target: float) -> Schedule:
    return FixedInterval(interval)


def _of_decision_network(estimator: ConfidenceEstimator, target: float) -> Schedule:
    if not isinstance(estimator, NetworkConfidence):
        raise BadInputError(
            argument("schedule", "decision"),
            "FlowNetS from the key frame, which the decision network was trained for",
            f"pass {argument('flow', 'flownets')} and {argument('propagate', 'key')}",
        )
    return TargetSchedule(estimator, target)
