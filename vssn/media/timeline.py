"""When each frame of an output is shown, in exact units."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from vssn.types import VideoInfo

MAX_GRID_FPS = 240  # finer, and players of .avi files stumble over empty frames


class OutputTimes:
    """Turns times into whole numbers of a unit, each later than the one before.

    Attributes:
        unit: in s.
        rate: frames per second, where times are not given.
        frames: how many have been added.
    """

    def __init__(self, info: VideoInfo, origin: Fraction | None) -> None:
        """Begin before the first frame.

        Args:
            info: rate and unit of the frames' times.
            origin: the time that becomes 0; None for the first frame's.
        """
        self.rate = Fraction(info.fps).limit_denominator(100_000)
        self.unit = info.time_base or 1 / self.rate
        self.frames = 0
        self._origin = origin
        self._divisor = 0  # greatest common divisor of all times
        self._last = -1

    def next_stamp(self, time_s: Fraction | float | None) -> int:
        """Where a frame at ``time_s``, or one frame after the last, would be, in units."""
        if time_s is None:
            step = max(1, round(1 / (self.rate * self.unit)))
            return self._last + step if self.frames else 0
        time = Fraction(time_s)
        if self._origin is None:
            self._origin = time
        return max(self._last + 1, round((time - self._origin) / self.unit))

    def add(self, stamp: int) -> None:
        """Note that a frame was written there."""
        self._divisor = gcd(self._divisor, stamp)
        self._last = stamp
        self.frames += 1

    @property
    def length(self) -> Fraction:
        """From the origin to the end of the last frame, in s."""
        return self._last * self.unit + 1 / self.rate

    @property
    def grid(self) -> Fraction:
        """The unit that an .avi needs: the frame rate's where all times fit it, else a finer one.

        Where even that would be too fine, the frame rate's, which `fits` tells.
        """
        nominal = 1 / self.rate
        finest = self._divisor * self.unit or nominal
        if (finest / nominal).denominator == 1 or 1 / finest > MAX_GRID_FPS:
            return nominal
        return finest

    @property
    def fits(self) -> bool:
        """Whether all times are whole numbers of `grid`."""
        return (self._divisor * self.unit / self.grid).denominator == 1
