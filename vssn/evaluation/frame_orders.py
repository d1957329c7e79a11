"""Orders in which a labelled video is shown again: played, by stops and starts, cut to pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEED = 7
SHORTEST, LONGEST = (
    5,
    19,
)  # frames that a stretch or a piece lasts; about a third of a second to one
SPEEDS = (0, 1, 2, 3)  # frames of the video per frame shown
SPEED_SHARES = (0.4, 0.3, 0.2, 0.1)


@dataclass(frozen=True)
class FrameOrder:
    """A stream made of a video's frames.

    Attributes:
        name: as shown.
        order: numbers of the video's frames as they are shown; one may come several times.
    """

    name: str
    order: tuple[int, ...]


def even(frames: int) -> FrameOrder:
    """The video as it is."""
    return FrameOrder("even", tuple(range(frames)))


def stop_and_go(frames: int, passes: int = 2) -> FrameOrder:
    """The video at a speed that changes: held, played, every second or every third frame taken.

    Each speed lasts for 6 to 19 frames. What a key frame is worth then changes from one moment to
    the next, as it does in town.

    Args:
        frames: how many the video has, 1 or more.
        passes: how often it is played; each begins at the first frame, which makes a cut.
    """
    rng = np.random.default_rng(SEED)
    order: list[int] = []
    for _ in range(passes):
        here = 0
        while here < frames:
            length = int(rng.integers(SHORTEST + 1, LONGEST + 1))
            speed = int(rng.choice(SPEEDS, p=SPEED_SHARES))
            shown = [here + speed * step for step in range(length)]
            order += [number for number in shown if number < frames]
            here += speed * length
    return FrameOrder("stop-and-go", tuple(order))


def cuts(frames: int) -> FrameOrder:
    """The video in pieces of 5 to 19 frames, shuffled; what is left at its end may be shorter."""
    rng = np.random.default_rng(SEED)
    pieces, start = [], 0
    while start < frames:
        end = min(start + int(rng.integers(SHORTEST, LONGEST + 1)), frames)
        pieces.append(range(start, end))
        start = end
    shuffled = rng.permutation(len(pieces))
    return FrameOrder("cuts", tuple(number for index in shuffled for number in pieces[index]))


def all_frame_orders(frames: int) -> list[FrameOrder]:
    """Every frame order of a video of so many frames."""
    return [even(frames), stop_and_go(frames), cuts(frames)]
