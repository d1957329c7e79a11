"""Temporal consistency: how many labels stay the same from frame to frame."""

from __future__ import annotations

import math
import re

import numpy as np

from vssn.types import UInt8Array


class TemporalConsistency:
    """Counts the pixels that keep their label from one frame to the next, without warping.

    Two frames are consecutive where their names differ only in the last number and that number
    grows, as in ``a/f_007.png`` and ``a/f_008.png``. Other neighbours are cuts and don't count.

    Attributes:
        pairs: consecutive frames compared so far.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._same_px = self._all_px = 0
        self._previous: tuple[str, UInt8Array] | None = None

    def add(self, name: str, labels: UInt8Array) -> None:
        """Compare the next frame's (h, w) uint8 labels, which must not change afterwards."""
        if self._previous is not None:
            before, previous = self._previous
            if _follows(before, name) and previous.shape == labels.shape:
                self.pairs += 1
                self._same_px += int(np.count_nonzero(previous == labels))
                self._all_px += labels.size
        self._previous = name, labels

    @property
    def percent(self) -> float:
        """Pixels with the label of the frame before, 0-100; NaN where no frames were compared."""
        return 100 * self._same_px / self._all_px if self._all_px else math.nan


def _follows(before: str, name: str) -> bool:
    (stem_before, number_before), (stem, number) = map(_split_number, (before, name))
    return stem_before == stem and number_before < number


def _split_number(name: str) -> tuple[tuple[str, ...], int]:
    """The text around a name's last number, and that number; -1 without one."""
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.DOTALL)
    return ((found[1], found[3]), int(found[2])) if found else ((name,), -1)
