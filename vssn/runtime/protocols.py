"""What the streaming core asks of a network, whatever runs it."""

from __future__ import annotations

from typing import Protocol

from vssn.datatypes import Float32Array, FlowEstimate, UInt8Array


class SegmentationNetwork(Protocol):
    """Segments key frames."""

    def scores(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class scores (h, w, 11) float32 of an (H, W, 3) uint8 BGR frame, void left out."""


class FlowComparison(Protocol):
    """A pair of frames that a flow network looks at, as far as it is asked."""

    @property
    def feature(self) -> Float32Array:
        """(4, 5, 384) float32, what the decision network reads; computed on first use."""

    def estimate(self) -> FlowEstimate:
        """Flow and scale; reuses what ``feature`` computed."""


class FlowNetwork(Protocol):
    """Finds where the current frame's pixels were in the key frame."""

    def prepare(self, frame_bgr: UInt8Array) -> Float32Array:
        """The network's view of a frame: (h, w, 3) float32 in [0, 1]."""

    def compare(self, current: Float32Array, key: Float32Array) -> FlowComparison:
        """Look at two prepared frames; nothing is computed before it is asked for."""


class DecisionNetwork(Protocol):
    """Predicts how well a warp would do."""

    def expected_score(self, feature: Float32Array) -> float:
        """Expected confidence score, 0-100, from the flow network's feature."""
