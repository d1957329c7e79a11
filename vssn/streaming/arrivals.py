"""Frames as they arrive, and which of them to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vssn.types import TimedFrame


@dataclass(frozen=True)
class Arrived:
    """A frame, and the clock's seconds when it arrived."""

    frame: TimedFrame
    at_s: float


class Arrivals(Protocol):
    """Frames as they arrive."""

    def take(self, wait: bool) -> list[Arrived]:
        """Those that arrived since the last call, in order.

        Args:
            wait: for at least one; there is none then only once the source has ended.
        """


def first_on_time(waiting: Sequence[Arrived], now_s: float, each_s: float, allowed_s: float) -> int:
    """Which of the frames that wait to take, so that it and all after it leave on time.

    Args:
        waiting: in the order of their arrival.
        now_s: the present, by the clock of the arrivals.
        each_s: what a frame takes.
        allowed_s: from a frame's arrival to its result leaving.

    Returns:
        The oldest such; the newest where there is none.
    """
    first = len(waiting)
    for number in reversed(range(len(waiting))):
        left_s = [
            now_s + each_s * (after - number + 1) - waiting[after].at_s
            for after in range(number, len(waiting))
        ]
        if max(left_s) > allowed_s:
            break
        first = number
    return min(first, len(waiting) - 1)
