"""Schedules that an adaptive one is measured against: one that is blind, one that knows all."""

from __future__ import annotations

from collections.abc import Sequence

from vssn.networks import FlowComparison
from vssn.streaming.schedule import Decision, FixedInterval, Schedule
from vssn.streaming.segmenter import VSSN_RULES
from vssn.types import Float32Array, Propagate

MOST_PHASES = 3


class ShiftedInterval(FixedInterval):
    """A fixed interval whose first one is shortened; it serves one stream.

    Args:
        interval: frames from one key frame to the next, at least 1.
        first: frames from the stream's first key frame to the second.
    """

    def __init__(self, interval: int, first: int) -> None:
        super().__init__(interval)
        self._first = FixedInterval(first)
        self._started = False

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Look at the distance alone."""
        if self._started:
            return super().decide(comparison, key_distance)
        decision = self._first.decide(comparison, key_distance)
        self._started = decision.segment
        return decision


def phases(interval: int) -> list[Schedule]:
    """An interval begun at up to three moments, evenly spread, which take turns in being lucky."""
    count = min(interval, MOST_PHASES)
    firsts = [interval - phase * interval // count for phase in range(count)]
    return [ShiftedInterval(interval, first) for first in firsts]


def measured_agreement(propagated: Float32Array, segmented: Float32Array) -> float:
    """What the carried scores are worth, 0-100, on every fourth pixel, as segmenters tell it.

    Args:
        propagated: (h, w, 11) float32.
        segmented: likewise, of the same frame, segmented.
    """
    return VSSN_RULES.agreement(propagated[::2, ::2], segmented[::2, ::2])


class Oracle(Schedule):
    """Segments where the true score is below the target: what expecting it perfectly would give.

    It serves one stream. Not the best of all schedules, as it does not look ahead.

    Args:
        segmented: (h, w, 11) float32 scores of every frame of the stream, segmented.
        target: 0-100.
        propagate: which frame's scores the stream carries.
    """

    def __init__(
        self, segmented: Sequence[Float32Array], target: float, propagate: Propagate
    ) -> None:
        self._segmented_frames = segmented
        self._target = target
        self._chained = propagate is Propagate.CHAIN
        self._position = 0
        self._reference = segmented[0]

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Carry the scores, and compare them with the fresh ones."""
        self._position += 1
        segmented = self._segmented_frames[self._position]
        propagated = VSSN_RULES.warp(self._reference, comparison.estimate())
        score = measured_agreement(propagated, segmented)
        segment = score < self._target
        if segment or self._chained:
            self._reference = segmented if segment else propagated
        return Decision(segment, score)
