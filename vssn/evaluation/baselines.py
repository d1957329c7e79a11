"""Schedules that an adaptive one is measured against: one that is blind, one that knows all."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vssn.networks import FlowComparison
from vssn.streaming.confidence import GainScale
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.rules import VSSN_RULES
from vssn.streaming.schedule import Decision, FixedInterval, Schedule
from vssn.types import Float32Array, Propagate

MOST_PHASES = 3


class ShiftedInterval(FixedInterval):
    """A fixed interval whose first one is shortened.

    Args:
        interval: frames from one key frame to the next, at least 1.
        first: frames from the stream's first key frame to the second.
    """

    def __init__(self, interval: int, first: int) -> None:
        super().__init__(interval)
        self._first = FixedInterval(first)
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._started = False

    def compares_next(self, key_distance: int) -> bool:
        """See :class:`vssn.streaming.schedule.FixedInterval`; the first interval is compared."""
        return not self._started or super().compares_next(key_distance)

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
    """What propagated probabilities are worth, 0-100, on every fourth pixel, as segmenters measure.

    Args:
        propagated: (h, w, 11) float32.
        segmented: likewise, of the same frame, segmented.

    Returns:
        NaN where the network is confident nowhere.
    """
    agreement = VSSN_RULES.agreement(propagated[::2, ::2], segmented[::2, ::2])
    return math.nan if agreement is None else agreement


class MeasuredConfidence:
    """The confidence that perfect prediction would have had in the frames of one stream.

    Args:
        flicker: points of agreement that no key frame cures; see
            :meth:`vssn.evaluation.agreement_growth.AgreementGrowth.fit`.
    """

    def __init__(self, flicker: float) -> None:
        self._flicker = flicker
        self._scale = GainScale()

    def of(self, agreement: float, key_distance: int) -> float:
        """The confidence, 0-100, in the next frame.

        Args:
            agreement: of that frame, propagated, with its segmentation; NaN where there is none.
            key_distance: frames since the key frame; 0 for a key frame.

        Returns:
            NaN without agreement; 100 for a key frame.
        """
        if key_distance == 0:
            return 100.0
        if math.isnan(agreement):
            return math.nan
        return self._scale.confidence(max(100 - agreement - self._flicker, 0.0), key_distance)


class Oracle(Schedule):
    """Segments where the measured confidence is below the target: perfect prediction.

    It serves one stream, once. Not the best of all schedules, as it does not look ahead.

    Args:
        segmented: (h, w, 11) float32 probabilities of every frame of the stream, segmented.
        target: 0-100.
        propagate: from which frame the stream propagates.
        flicker: see :class:`MeasuredConfidence`.
    """

    def __init__(
        self,
        segmented: Sequence[Float32Array],
        target: float,
        propagate: Propagate,
        flicker: float = 0.0,
    ) -> None:
        self._segmented_frames = segmented
        self._target = target
        self._chained = propagate is Propagate.CHAIN
        self._position = 0
        self._reference = Propagated(KeyResult(segmented[0]))
        self._confidence = MeasuredConfidence(flicker)

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Warp, and compare with the segmentation."""
        self._position += 1
        segmented = self._segmented_frames[self._position]
        propagated = self._reference.along(comparison.estimate())
        agreement = measured_agreement(VSSN_RULES.probabilities_of(propagated), segmented)
        confidence = self._confidence.of(agreement, key_distance)
        segment = confidence < self._target  # not where it is NaN
        if segment or self._chained:
            self._reference = Propagated(KeyResult(segmented)) if segment else propagated
        return Decision(segment, None if math.isnan(confidence) else confidence)
