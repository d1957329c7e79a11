"""Settings of a recipe: dataclass fields that say what they are, from which flags are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

KEY = "setting"
MAX_SEED = (1 << 32) - 1  # what NumPy and Keras take


@dataclass(frozen=True)
class Setting:
    """What a recipe's field tells about itself.

    Attributes:
        what: what it is, for ``--help``.
        least: smallest value allowed; None for any.
        most: largest value allowed; None for any.
        above: the value must be larger than this; None for any.
        below: the value must be smaller than this; None for any.
    """

    what: str
    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None

    def complaint(self, value: float) -> str | None:
        """What is wrong with a finite ``value``, such as "is not above 0"; None for nothing."""
        if self.least is not None and value < self.least:
            return f"is not {self.least:g} or more"
        if self.most is not None and value > self.most:
            return f"is not {self.most:g} or less"
        if self.above is not None and value <= self.above:
            return f"is not above {self.above:g}"
        if self.below is not None and value >= self.below:
            return f"is not below {self.below:g}"
        return None


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
    return field(default=default, metadata={KEY: Setting(what, least, most, above, below)})
