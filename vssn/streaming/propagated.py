"""A frame's result as a key frame's, and the flow back to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from vssn.flow.compose import compose
from vssn.streaming.labelling import best_class
from vssn.types import Float32Array, FlowEstimate, UInt8Array


@dataclass(frozen=True, eq=False)
class KeyResult:
    """What a segmentation found.

    Attributes:
        probabilities: (h, w, 11) float32.
    """

    probabilities: Float32Array

    @cached_property
    def best(self) -> UInt8Array:
        """(h, w) uint8 index of the most probable class; found once, for all frames after it."""
        return best_class(self.probabilities)


@dataclass(frozen=True, eq=False)
class Propagated:
    """A frame's result.

    From frame to frame the flow alone is warped, two numbers per pixel instead of eleven, and
    that blurs no probabilities.

    Attributes:
        key: the key frame's result.
        back: the flow from the frame back to the key frame, on any grid; None at that frame.
    """

    key: KeyResult
    back: FlowEstimate | None = None

    def along(self, estimate: FlowEstimate) -> Propagated:
        """The result of a frame from which the flow ``estimate``, on that grid, leads back here."""
        return Propagated(self.key, compose(estimate, self.back) if self.back else estimate)
