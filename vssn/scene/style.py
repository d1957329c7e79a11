"""How annotated frames look."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vssn.errors import BadInputError, argument

VIEWS = ("overlay", "frame", "masks", "side_by_side", "contours")


@dataclass(frozen=True)
class Style:
    """How annotated frames look.

    Attributes:
        view: ``overlay`` lays the classes' colours over the frame, ``frame`` shows the frame as it
            is, ``masks`` the colours alone, ``side_by_side`` the frame and the overlay,
            ``contours`` the outlines of the classes' regions.
        opacity: of the colours in ``overlay`` and ``side_by_side``, 0 to 1.
        palette: ``camvid``, ``colour_blind``, or a JSON file; see :mod:`vssn.scene.palettes`.
        legend: whether the colours' names are shown.
        boxes: whether objects are boxed, named and measured.
        status: whether a line tells how the frame was segmented, the confidence and the speed.

    Raises:
        BadInputError: no such view, or another opacity.
    """

    view: str = "overlay"
    opacity: float = 0.45
    palette: str | Path = "camvid"
    legend: bool = False
    boxes: bool = True
    status: bool = True

    def __post_init__(self) -> None:
        if self.view not in VIEWS:
            raise BadInputError(argument("view", self.view), " or ".join(VIEWS), "choose one")
        if not 0 <= self.opacity <= 1:
            raise BadInputError(argument("opacity", self.opacity), "0 to 1", "choose another one")


# What --process_original True and False mean: boxes on the frame, or on its mask.
ORIGINAL_STYLES = {
    True: Style(view="frame", status=False),
    False: Style(view="masks", status=False),
}
