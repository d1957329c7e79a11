"""A segmentation network that sees a frame as a whole and, larger, in its parts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vssn.networks import SegmentationNetwork
from vssn.preprocess import resize_bilinear, size_hw
from vssn.types import Float32Array, UInt8Array

# Of a side; what two neighbouring parts share is twice that.
BEYOND_HALF = 1 / 16


def part_length(side: int) -> int:
    """How much of a side each of two overlapping parts has, in px; all of a side of one px."""
    return max(round(side * (0.5 + BEYOND_HALF)), (side + 1) // 2)


@lru_cache(maxsize=8)
def part_weights(hw: tuple[int, int]) -> tuple[Float32Array, ...]:
    """What each part counts for, (h, w, 1) float32, by rows; where parts overlap they sum to 1.

    Args:
        hw: of the whole, in px.
    """
    rows, columns = (_fades(side) for side in hw)
    return tuple(np.outer(row, column)[..., np.newaxis] for row in rows for column in columns)


def _fades(side: int) -> tuple[Float32Array, Float32Array]:
    """The weights of the first and the last part along a side."""
    length = part_length(side)
    shared = 2 * length - side
    falling = 1 - (np.arange(shared, dtype=np.float32) + np.float32(0.5)) / max(shared, 1)
    first = np.concatenate([np.ones(length - shared, np.float32), falling])
    return first, first[::-1]


class TwoScales:
    """The mean of what a network makes of a frame and of four overlapping parts of it.

    The network's input has one size, so it sees the parts nearly twice as large, and the whole with
    all that is around; five passes in place of one. Source: inference at several scales, as in
    Chen et al., "DeepLab" (PAMI 2018).

    Args:
        network: sees both.
    """

    def __init__(self, network: SegmentationNetwork) -> None:
        self._network = network

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class probabilities at twice the network's height and width; see the protocol."""
        whole = self._network.probabilities(frame_bgr)
        height, width = (2 * side for side in size_hw(whole))
        mean = resize_bilinear(whole, (height, width)) * np.float32(0.5)
        weights = part_weights((height, width))
        for weight, where, place in zip(
            weights, _places(size_hw(frame_bgr)), _places((height, width)), strict=True
        ):
            part = self._network.probabilities(np.ascontiguousarray(frame_bgr[where]))
            mean[place] += resize_bilinear(part, size_hw(weight)) * (np.float32(0.5) * weight)
        return mean


def _places(hw: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Where the four parts lie, row by row."""
    rows, columns = (
        (slice(0, part_length(side)), slice(side - part_length(side), side)) for side in hw
    )
    return [(row, column) for row in rows for column in columns]
