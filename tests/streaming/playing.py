"""Playing a stream to a schedule without any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vssn.streaming.confidence import ConfidenceEstimator
from vssn.streaming.schedule import Schedule
from vssn.types import FramePath

if TYPE_CHECKING:
    from fake_networks import FakeComparison


class Falling(ConfidenceEstimator):
    """Confidence that falls by so many points a frame, and counts what it is told."""

    def __init__(self, by: float, learns: bool = True) -> None:
        self.by, self.learns = by, learns
        self.asked = self.resets = 0

    def predict(self, comparison: object, key_distance: int) -> float:
        self.asked += 1
        return 100 - self.by * key_distance

    def reset(self) -> None:
        self.resets += 1


def play(
    schedule: Schedule,
    comparison: FakeComparison,
    frames: int,
    times: tuple[float, float] | None = None,
    before: Callable[[int], None] = lambda number: None,
) -> tuple[list[int], list[bool]]:
    """Numbers of the segmented frames, and which frames were compared, as a segmenter asks.

    Args:
        schedule: asked.
        comparison: shown each time.
        frames: how many there are.
        times: seconds that a segmented and a warped frame take, all told; None for not telling.
        before: called with the number of each frame after the first.
    """
    keys, compared = [0], [False]
    for number in range(frames):
        if number:
            before(number)
            segment = True
            if compared[number]:
                segment = schedule.decide(comparison, number - keys[-1]).segment
            keys += [number] if segment else []
        if times:
            path = FramePath.SEGMENT if keys[-1] == number else FramePath.WARP
            schedule.spent(times[path is FramePath.WARP], path)
        compared.append(schedule.compares_next(number - keys[-1]))
    return keys, compared[:frames]
