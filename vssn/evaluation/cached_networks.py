"""Networks that look at a frame once, however often it is shown to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy.typing as npt

from vssn.networks import FlowComparison, FlowNetwork, SegmentationNetwork, View
from vssn.types import Float32Array, UInt8Array

MOST_COMPARISONS = (
    512  # of 1.4 MB each with DIS; a frame order of a hundred frames has one or two each
)

Result = TypeVar("Result")


class _Memory(Generic[Result]):
    """Results by the very arrays that they were computed of; the oldest is forgotten first."""

    def __init__(self, compute: Callable[..., Result], most: int | None = None) -> None:
        self._compute = compute
        self._most = most
        # The arrays are held too: what was let go of leaves its id to another array.
        self._known: dict[tuple[int, ...], tuple[tuple[npt.NDArray[Any], ...], Result]] = {}

    def __call__(self, *arrays: npt.NDArray[Any]) -> Result:
        key = tuple(map(id, arrays))
        if key not in self._known:
            if len(self._known) == self._most:
                del self._known[next(iter(self._known))]
            self._known[key] = arrays, self._compute(*arrays)
        return self._known[key][1]


class CachedSegmentation(SegmentationNetwork):
    """Segments each frame once.

    Args:
        network: segments it. All frames and their scores, some 3 MB each, stay in memory.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        self._probabilities = _Memory(network.probabilities)

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """See the protocol; a frame is known by identity, so it must not be changed in place."""
        return self._probabilities(frame_bgr)


class CachedFlow(FlowNetwork):
    """Prepares each frame once and, while it remembers them, compares two frames once.

    Args:
        network: does it. All frames and their views stay in memory.
    """

    def __init__(self, network: FlowNetwork) -> None:
        self._views = _Memory(network.prepare)
        self._comparisons = _Memory(network.compare, MOST_COMPARISONS)

    def prepare(self, frame_bgr: UInt8Array) -> View:
        """See the protocol; a frame is known by identity, so it must not be changed in place."""
        return self._views(frame_bgr)

    def compare(self, current: View, reference: View) -> FlowComparison:
        """See the protocol."""
        return self._comparisons(current, reference)
