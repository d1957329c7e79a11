"""How many frames of a stream are missing, from what fails and from the times around it."""

from __future__ import annotations

from fractions import Fraction

# The decoder gives a frame so many later at most than the packet that told of damage.
REORDERED_FRAMES = 32
LONGEST_STEP = 1.5  # frames from one to the next, rounded times included


class Losses:
    """Counts what is missing; a step between two times alone is none, as rates may vary.

    Attributes:
        lost: frames that could not be decoded.
        damaged: frames that were decoded in part, after a whole one.
    """

    def __init__(self) -> None:
        self.lost = 0
        self.damaged = 0
        self._whole = False
        self._suspect_frames = 0
        self._failed = 0

    def suspect(self) -> None:
        """Something tells of damage: steps that come soon are losses."""
        self._suspect_frames = REORDERED_FRAMES

    def fail(self) -> None:
        """A packet can't be decoded, or something at its place."""
        self.lost += 1
        self._failed += 1
        self.suspect()

    def frame(self, step: Fraction | None, corrupt: bool) -> None:
        """A frame was decoded.

        Args:
            step: its time after the one before, in frames; None where times don't tell.
            corrupt: whether the decoder calls it damaged.
        """
        if corrupt and self._whole:
            self.damaged += 1
            self.suspect()
        self._whole = self._whole or not corrupt
        if not self._suspect_frames:
            return
        self._suspect_frames -= 1
        if step is not None and step > LONGEST_STEP:
            missing = round(step) - 1
            known = min(missing, self._failed)  # they were counted when they failed
            self._failed -= known
            self.lost += missing - known
        if not self._suspect_frames:
            self._failed = 0
