"""Settings of a recipe: dataclass fields that say what they are, from which flags are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEY = "setting"
MAX_SEED = (1 << 32) - 1  # what NumPy and Keras take
MAX_STEPS = 1_000_000  # of an epoch
MAX_WEIGHT = 1000  # of a loss beside another


@dataclass(frozen=True)
class Limits:
    """What a number may be.

    Attributes:
        least: smallest value allowed; None for any.
        most: largest value allowed; None for any.
        above: the value must be larger than this; None for any.
        below: the value must be smaller than this; None for any.
    """

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def complaint(self, value: float) -> str | None:
        """What is wrong with a finite ``value``, such as "is not above 0"; None for nothing."""
        inside = (
            (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        return None if inside else f"is not {self}"

    def __str__(self) -> str:
        """Such as "from 0 to 1", "1 or more" or "above 0, up to 1"; "" for no limits."""
        least, most, above, below = (
            None if value is None else f"{value:.10g}"
            for value in (self.least, self.most, self.above, self.below)
        )
        if least and (most or below):
            return f"from {least} to {most or f'below {below}'}"
        low = f"{least} or more" if least else f"above {above}" if above else ""
        high = f"up to {most}" if most else f"below {below}" if below else ""
        return ", ".join(part for part in (low, high) if part)


@dataclass(frozen=True)
class Setting:
    """What a recipe's field tells about itself.

    Attributes:
        what: what it is, for ``--help``.
        limits: of its value.
    """

    what: str
    limits: Limits


def setting(
    default: Any,
    what: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Any:
    """A field of a recipe's dataclass that commands offer as a flag.

    Args:
        default: its value where nothing is said.
        what: what it is, for ``--help``.
        least: smallest value allowed; None for any.
        most: largest value allowed; None for any.
        above: the value must be larger than this; None for any.
        below: the value must be smaller than this; None for any.
    """
    return field(default=default, metadata={KEY: Setting(what, Limits(least, most, above, below))})
