"""Values of flags: how each kind is parsed, and the range that it must lie in.

Every number has a least and a largest value, so that nothing behind a flag meets an infinity, or
is asked for more memory or time than there is.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass

from vssn.training.settings import MAX_SEED, Limits

MAX_WHOLE = (1 << 31) - 1
MAX_EPOCHS = 100_000
MAX_SHOWN = 40
WHOLE = r"[+-]?[0-9]{1,18}"


def shown(text: str) -> str:
    """The text as an error quotes it."""
    return f"'{text}'" if len(text) <= MAX_SHOWN else f"'{text[:MAX_SHOWN]}...'"


@dataclass(frozen=True)
class Ranged:
    """A parser of numbers within limits.

    Attributes:
        kind: ``int`` or ``float``.
        limits: that the number must lie in.
    """

    kind: type[int] | type[float]
    limits: Limits

    def __call__(self, text: str) -> float:
        """Parse; an ``int`` where that is the kind.

        Raises:
            argparse.ArgumentTypeError: it is no such number.
        """
        value = self._parsed(text)
        finite = abs(value) <= sys.float_info.max  # False for NaN
        complaint = self.limits.complaint(value) if finite else "is no finite number"
        if complaint:
            raise argparse.ArgumentTypeError(f"{shown(text)} {complaint}")
        return value

    def _parsed(self, text: str) -> float:
        if self.kind is int:
            if not re.fullmatch(WHOLE, text.strip(), re.ASCII):
                raise argparse.ArgumentTypeError(
                    f"{shown(text)} is no whole number {self.limits}".rstrip()
                )
            return int(text)
        try:
            return float(text)
        except ValueError:
            problem = f"{shown(text)} is no number {self.limits}".rstrip()
            raise argparse.ArgumentTypeError(problem) from None


def whole(least: int, most: int) -> Ranged:
    """A parser of whole numbers from ``least`` to ``most``."""
    return Ranged(int, Limits(least=least, most=most))


def real(least: float, most: float) -> Ranged:
    """A parser of numbers from ``least`` to ``most``."""
    return Ranged(float, Limits(least=least, most=most))


positive = whole(1, MAX_WHOLE)
epochs = whole(1, MAX_EPOCHS)
seed = whole(0, MAX_SEED)
percent = real(0, 100)
# Of a data set in a batch, beside the others'.
folder_share = Ranged(float, Limits(least=0.001, most=1000))
# From 0 up to, and without, 1.
share = Ranged(float, Limits(least=0, below=1))
# Rates that cameras, clocks and video files know, in frames per second.
frame_rate = real(0.001, 1000)
# What a frame may take, a measurement, and a chunk of a stream; at most an hour, a day, and years.
milliseconds = real(0.001, 3_600_000)
seconds = real(0.001, 86_400)
chunk_s = real(0.1, 1e9)
# A place in a source, which begins at 0.
time_s = real(0, 1e9)


def boolean(text: str) -> bool:
    """Parse the original's ``True`` and ``False``, in any case."""
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"{shown(text)} is neither True nor False")
    return values[text.lower()]


def size_wh(text: str) -> tuple[int, int]:
    """Parse a size such as 640x360."""
    sides = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.strip().lower(), re.ASCII)
    if not sides or 0 in (int(sides[1]), int(sides[2])):
        raise argparse.ArgumentTypeError(f"{shown(text)} is no size such as 640x360")
    return int(sides[1]), int(sides[2])
