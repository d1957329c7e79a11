"""Drawing labels and objects onto frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from vssn.labels import LABELS
from vssn.preprocess import size_hw
from vssn.types import Box, SceneObject, UInt8Array

FONT = cv2.FONT_HERSHEY_SIMPLEX
Colour = tuple[int, int, int]
BoolArray = npt.NDArray[np.bool_]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)


@dataclass(frozen=True)
class _Style:
    """Sizes in px that follow the frame's height."""

    line: int
    font_scale: float
    text_line: int
    pad: int

    @classmethod
    def of(cls, height_px: int) -> _Style:
        line = max(2, round(height_px / 400))
        return cls(line, max(0.4, height_px / 1100), max(1, round(height_px / 600)), line)


@dataclass(frozen=True)
class _Tag:
    """A text on a filled rectangle."""

    text: str
    place: Box
    baseline_px: int
    colour: Colour


def _colour_bgr(label: int) -> Colour:
    red, green, blue = LABELS[label].colour_rgb
    return blue, green, red


def _text_colour(fill: Colour) -> Colour:
    # Weights of ITU-R BT.601 for brightness.
    blue, green, red = fill
    return BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else WHITE


def object_text(found: SceneObject) -> str:
    """What is written at an object: ``car 8.00 m``, ``car 8.00 m?`` uncalibrated, or ``car``."""
    name = LABELS[found.label].name
    if found.distance_m is None:
        return name
    return f"{name} {found.distance_m:.2f} m{'' if found.calibrated else '?'}"


def _window(taken: BoolArray, place: Box) -> BoolArray:
    return taken[place.top : place.bottom, place.left : place.right]


def _place(box: Box, size_wh: tuple[int, int], taken: BoolArray) -> Box:
    """Above, below or inside the box, whichever is free, and always inside the frame."""
    width, height = size_wh
    left = max(0, min(box.left, taken.shape[1] - width))
    places = []
    for top in (box.top - height, box.bottom, box.top, box.bottom - height):
        top = max(0, min(top, taken.shape[0] - height))
        places.append(Box(left, top, left + width, top + height))
    # By pixel, not by comparing with each tag so far: that would grow with the objects' square.
    free = (place for place in places if not _window(taken, place).any())
    return next(free, places[0])


def _tag(found: SceneObject, style: _Style, taken: BoolArray) -> _Tag:
    text = object_text(found)
    (width, height), baseline = cv2.getTextSize(text, FONT, style.font_scale, style.text_line)
    size_wh = (width + 2 * style.pad, height + baseline + 2 * style.pad)
    place = _place(found.box, size_wh, taken)
    _window(taken, place)[...] = True
    return _Tag(text, place, baseline, _colour_bgr(found.label))


def _draw_box(image_bgr: UInt8Array, found: SceneObject, style: _Style) -> None:
    first = (found.box.left, found.box.top)
    last = (found.box.right - 1, found.box.bottom - 1)
    # The palette is dark, and on a painted mask a box has its region's own colour: white around it.
    cv2.rectangle(image_bgr, first, last, WHITE, style.line + 2)
    cv2.rectangle(image_bgr, first, last, _colour_bgr(found.label), style.line)


def _draw_tag(image_bgr: UInt8Array, tag: _Tag, style: _Style) -> None:
    place, ink = tag.place, _text_colour(tag.colour)
    cv2.rectangle(
        image_bgr,
        (place.left, place.top),
        (place.right - 1, place.bottom - 1),
        tag.colour,
        cv2.FILLED,
    )
    origin = (place.left + style.pad, place.bottom - style.pad - tag.baseline_px)
    cv2.putText(
        image_bgr, tag.text, origin, FONT, style.font_scale, ink, style.text_line, cv2.LINE_AA
    )


def _nearest_first(found: SceneObject) -> tuple[bool, float, int]:
    return found.distance_m is None, found.distance_m or 0.0, -found.pixel_count


def draw_objects(image_bgr: UInt8Array, objects: Sequence[SceneObject]) -> None:
    """Draw boxes and texts in the classes' palette colours, in place.

    Lines and letters grow with the frame. Texts stay inside it and, where there is room, beside
    each other; the nearest objects choose their place first and lie on top.

    Args:
        image_bgr: (H, W, 3) uint8 BGR, contiguous.
        objects: in px of this image.
    """
    style = _Style.of(image_bgr.shape[0])
    taken = np.zeros(size_hw(image_bgr), np.bool_)
    tags = [_tag(found, style, taken) for found in sorted(objects, key=_nearest_first)]
    for found in objects:
        _draw_box(image_bgr, found, style)
    for tag in reversed(tags):
        _draw_tag(image_bgr, tag, style)
