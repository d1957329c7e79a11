"""How agreement with the network falls along a video, measured in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from vssn.networks import FlowNetwork, View
from vssn.streaming.confidence import EXPONENT, fit_loss, motion_pct
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.rules import VSSN_RULES
from vssn.types import Float32Array, Propagate, UInt8Array

START_EVERY = 4  # frames; a key frame from which results are propagated
LONGEST = 16  # frames that they are propagated over


@dataclass
class _UnderWay:
    """A result on its way from a key frame: where it is now, or the key frame's own."""

    view: View
    result: Propagated
    motion_pct: float = 0.0
    frames: int = 0


class AgreementGrowth:
    """Propagates the result of every fourth frame over the next sixteen and measures agreement.

    Only the results under way are held, whatever the video's length.

    Args:
        flow: what results are propagated by.
        propagate: from which frame.

    Attributes:
        exposures: ``motion ** 0.75`` of each measurement, motion in percent of the width as
            :class:`vssn.streaming.confidence.MotionConfidence` accumulates it.
        losses: 100 less the measured agreement, of the same.
    """

    def __init__(self, flow: FlowNetwork, propagate: Propagate) -> None:
        self._flow = flow
        self._propagate = propagate
        self._under_way: list[_UnderWay] = []
        self._frames = 0
        self.exposures: list[float] = []
        self.losses: list[float] = []

    def add(self, frame_bgr: UInt8Array, segmented: Float32Array) -> None:
        """Take the video's next frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR.
            segmented: (h, w, 11) float32, its class probabilities.
        """
        view = self._flow.prepare(frame_bgr)
        for each in self._under_way:
            propagated = self._step(view, each)
            agreement = VSSN_RULES.agreement(propagated[::2, ::2], segmented[::2, ::2])
            if agreement is not None:
                self.exposures.append(each.motion_pct**EXPONENT)
                self.losses.append(100 - agreement)
        self._under_way = [each for each in self._under_way if each.frames < LONGEST]
        if self._frames % START_EVERY == 0:
            self._under_way.append(_UnderWay(view, Propagated(KeyResult(segmented))))
        self._frames += 1

    def fit(self) -> tuple[float, float]:
        """Flicker and rate of the video; see :func:`vssn.streaming.confidence.fit_loss`."""
        return fit_loss(self.exposures, self.losses)

    def _step(self, view: View, each: _UnderWay) -> Float32Array:
        """The result propagated to the present frame."""
        estimate = self._flow.compare(view, each.view).estimate()
        propagated = each.result.along(estimate)
        each.frames += 1
        if self._propagate is Propagate.CHAIN:
            each.motion_pct += motion_pct(estimate.flow)
            each.view, each.result = view, propagated
        else:
            each.motion_pct = motion_pct(estimate.flow)
        return VSSN_RULES.probabilities_of(propagated)
