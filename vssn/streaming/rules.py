"""What is done between the networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vssn.flow.warp import warp_probabilities
from vssn.streaming.agreement import class_agreement
from vssn.streaming.labelling import labels_along, labels_from_probabilities
from vssn.streaming.propagated import Propagated
from vssn.types import Float32Array, FlowEstimate, UInt8Array


def _itself(frame_bgr: UInt8Array) -> UInt8Array:
    return frame_bgr


@dataclass(frozen=True)
class StreamRules:
    """What is done between the networks.

    Attributes:
        warp: brings the reference frame's probabilities to the current frame.
        labels: makes labels of probabilities, for a frame of the height and width given.
        first_key: the picture that the flow network is shown of the stream's first frame, given
            that frame.
        agreement: the measured agreement, 0-100, of propagated probabilities with segmented ones;
            None where it can't be measured.
    """

    warp: Callable[[Float32Array, FlowEstimate], Float32Array] = warp_probabilities
    labels: Callable[[Float32Array, tuple[int, int]], UInt8Array] = labels_from_probabilities
    first_key: Callable[[UInt8Array], UInt8Array] = _itself
    agreement: Callable[[Float32Array, Float32Array], float | None] = class_agreement

    def probabilities_of(self, result: Propagated) -> Float32Array:
        """A frame's class probabilities, (h, w, 11) float32."""
        if result.back is None:
            return result.key.probabilities
        return self.warp(result.key.probabilities, result.back)

    def labels_of(self, result: Propagated, hw: tuple[int, int]) -> UInt8Array:
        """A frame's labels, (H, W) uint8, at the height and width given.

        Where warping and labelling are the usual ones, probabilities are looked up along the flow
        for the few pixels that need them, and never warped as a whole.
        """
        ours = self.warp is warp_probabilities and self.labels is labels_from_probabilities
        if ours and result.back is not None and result.back.scale is None:
            return labels_along(result.key.probabilities, result.key.best, result.back.flow, hw)
        return self.labels(self.probabilities_of(result), hw)

    def worth(self, propagated: Propagated, segmented: Float32Array) -> float | None:
        """The measured agreement of what warping would have made of a frame that was segmented.

        Every fourth pixel tells nearly as well as all.

        Args:
            propagated: what would have been the frame's result.
            segmented: (h, w, 11) float32, its own.
        """
        assert propagated.back is not None, "a key frame was not warped"
        sparse = np.ascontiguousarray(propagated.key.probabilities[::2, ::2])
        return self.agreement(self.warp(sparse, propagated.back), segmented[::2, ::2])


VSSN_RULES = StreamRules()
