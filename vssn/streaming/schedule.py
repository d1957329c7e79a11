"""When to segment: the plug that decides it per frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vssn.errors import BadInputError
from vssn.runtime.protocols import DecisionNetwork, FlowComparison


@dataclass(frozen=True)
class Decision:
    """Whether to segment, and the score that was expected of a warp, where one was asked for."""

    segment: bool
    expected_score: float | None


class Schedule(Protocol):
    """Decides for each frame after the first."""

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Decide for a frame ``key_distance`` frames after the key frame."""


class DecisionSchedule:
    """DVSNet's schedule: segment where the expected confidence score is below the target.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        network: predicts the score.
        target: 0-100. At 100 or more every frame is segmented, at 0 or less only the first;
            the network is not run for either.
    """

    def __init__(self, network: DecisionNetwork, target: float) -> None:
        _check_target(target)
        self._network = network
        self._target = target

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the expected score with the target."""
        if self._target >= 100 or self._target <= 0:
            return Decision(self._target >= 100, None)
        score = self._network.expected_score(comparison.feature)
        return Decision(score < self._target, score)


class DynamicSchedule:
    """DVSNet's schedule with a target that moves, so that neither path is taken for long.

    Unlike :class:`DecisionSchedule` it asks the network whatever the target is. It serves one
    stream, or one region of it: nothing brings the target back.

    Args:
        network: predicts the score.
        target: where the target starts, 0-100.
        fall: points that it falls by when a frame is segmented.
        rise: points that it rises by when one is warped.
    """

    def __init__(
        self, network: DecisionNetwork, target: float, fall: float = 1.0, rise: float = 0.1
    ) -> None:
        _check_target(target)
        self._network = network
        self._target = target
        self._fall = fall
        self._rise = rise

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Compare the expected score with the target, and move that."""
        score = self._network.expected_score(comparison.feature)
        decision = Decision(score < self._target, score)
        self._target += -self._fall if decision.segment else self._rise
        return decision


def _check_target(target: float) -> None:
    if target != target:
        raise BadInputError("target 'nan'", "a number, usually 0 to 100", "pass --target 80")


class FixedInterval:
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
