"""When to segment: the plug that decides it per frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vssn.errors import BadInputError
from vssn.networks import FlowComparison
from vssn.streaming.confidence import ConfidenceEstimator


@dataclass(frozen=True)
class Decision:
    """What is to be done with a frame.

    Attributes:
        segment: whether to segment it.
        predicted_confidence: of the carried result, 0-100, where one was asked for.
        learns: whether the schedule wants to know the carried result's true score; there is one
            only where the frame is segmented.
    """

    segment: bool
    predicted_confidence: float | None
    learns: bool = False


class Schedule(Protocol):
    """Decides for each frame after the first."""

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Decide for a frame ``key_distance`` frames after the key frame."""

    def observe(self, measured_agreement: float) -> None:
        """Learn what the result carried to the new key frame was worth, 0-100."""
        return


class TargetSchedule(Schedule):
    """DVSNet's schedule: segment where the expected score is below the target.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        estimator: expects the score; it serves one stream, or one region of it.
        target: 0-100. At 100 or more every frame is segmented, at 0 or less only the first;
            nothing is asked for either.
    """

    def __init__(self, estimator: ConfidenceEstimator, target: float) -> None:
        check_target(target)
        self._estimator = estimator
        self._target = target

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the expected score with the target."""
        if self._target >= 100 or self._target <= 0:
            return Decision(self._target >= 100, None)
        return _compared(self._estimator, comparison, key_distance, self._target)

    def observe(self, measured_agreement: float) -> None:
        """Tell the estimator."""
        self._estimator.observe(measured_agreement)


class DynamicSchedule(Schedule):
    """DVSNet's schedule with a target that moves, so that neither path is taken for long.

    Unlike :class:`TargetSchedule` it asks the estimator whatever the target is. It serves one
    stream, or one region of it: nothing brings the target back.

    Args:
        estimator: expects the score.
        target: where the target starts, 0-100.
        fall: points that it falls by when a frame is segmented.
        rise: points that it rises by when one is warped.
    """

    def __init__(
        self, estimator: ConfidenceEstimator, target: float, fall: float = 1.0, rise: float = 0.1
    ) -> None:
        check_target(target)
        self._estimator = estimator
        self._target = target
        self._fall = fall
        self._rise = rise

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the expected score with the target, and move that."""
        decision = _compared(self._estimator, comparison, key_distance, self._target)
        self._target += -self._fall if decision.segment else self._rise
        return decision

    def observe(self, measured_agreement: float) -> None:
        """Tell the estimator."""
        self._estimator.observe(measured_agreement)


def _compared(
    estimator: ConfidenceEstimator, comparison: FlowComparison, key_distance: int, target: float
) -> Decision:
    score = estimator.expect(comparison, key_distance)
    return Decision(score < target, score, estimator.learns)


def check_target(target: float) -> None:
    """Refuse a target that is no number, with BadInputError."""
    if target != target:
        raise BadInputError("target 'nan'", "a number, usually 0 to 100", "pass --target 80")


class FixedInterval(Schedule):
    """Segment every ``interval``-th frame: what an adaptive schedule has to beat.

    Args:
        interval: frames from one key frame to the next, at least 1.
    """

    def __init__(self, interval: int) -> None:
        if interval < 1:
            raise BadInputError(f"interval {interval}", "1 or more", "pass a positive number")
        self._interval = interval

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Look at the distance alone."""
        return Decision(key_distance >= self._interval, None)
