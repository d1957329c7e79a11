"""Drawing objects and texts onto frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from vssn.labels import LABELS
from vssn.preprocess import size_hw
from vssn.scene.palettes import Colour, Palette
from vssn.types import Box, SceneObject, UInt8Array

FONT = cv2.FONT_HERSHEY_SIMPLEX
BoolArray = npt.NDArray[np.bool_]
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)

# A box follows its object at once to this share, and the rest of the way in the frames after:
# a segmentation's edge flickers by a pixel or two.
FOLLOWING = 0.6
# A box that moved by more than this share of its size is drawn where it is.
JUMP_SHARE = 0.25


@dataclass(frozen=True)
class TextSize:
    """Sizes in px that follow the frame's height."""

    line: int
    font_scale: float
    text_line: int
    pad: int

    @classmethod
    def of(cls, height_px: int) -> TextSize:
        """Sizes for frames of this height."""
        line = max(1, round(height_px / 400))
        # Smaller, and "~8 m" reads as "-8 m"; in small frames there is no room for more.
        scale = max(0.4, min(0.5, height_px / 600), height_px / 1200)
        return cls(line, scale, max(1, round(height_px / 600)), line + 1)


@dataclass(frozen=True)
class _Tag:
    """A text on a filled rectangle."""

    text: str
    place: Box
    baseline_px: int
    colour: Colour


def text_colour(fill: Colour) -> Colour:
    """Black or white, whichever stands out from a BGR colour."""
    # Weights of ITU-R BT.601 for brightness.
    blue, green, red = fill
    return BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > 120 else WHITE


def object_text(found: SceneObject) -> str:
    """What is written at an object: ``car 8.0 m``, ``car ~8 m`` uncalibrated, or ``car``."""
    name = LABELS[found.label].name
    if found.distance_m is None:
        return name
    if found.calibrated:
        return f"{name} {found.distance_m:.1f} m"
    return f"{name} ~{found.distance_m:.0f} m"


def draw_text(
    image_bgr: UInt8Array, text: str, place: Box, baseline_px: int, fill: Colour, size: TextSize
) -> None:
    """Write a text on a filled rectangle that was made for it, in place."""
    corners = (place.left, place.top), (place.right - 1, place.bottom - 1)
    cv2.rectangle(image_bgr, *corners, fill, cv2.FILLED)
    origin = (place.left + size.pad, place.bottom - size.pad - baseline_px)
    colour = text_colour(fill)
    cv2.putText(image_bgr, text, origin, FONT, size.font_scale, colour, size.text_line, cv2.LINE_AA)


def text_extent(text: str, size: TextSize) -> tuple[int, int, int]:
    """Width and height of a text's rectangle, and its letters' baseline, in px."""
    (width, height), baseline = cv2.getTextSize(text, FONT, size.font_scale, size.text_line)
    return width + 2 * size.pad, height + baseline + 2 * size.pad, baseline


def _window(taken: BoolArray, place: Box) -> BoolArray:
    return taken[place.top : place.bottom, place.left : place.right]


def _places(box: Box, size_wh: tuple[int, int], frame_hw: tuple[int, int]) -> list[Box]:
    """Above, below and inside the box, and always inside the frame."""
    width, height = size_wh
    left = max(0, min(box.left, frame_hw[1] - width))
    places = []
    for top in (box.top - height, box.bottom, box.top, box.bottom - height):
        top = max(0, min(top, frame_hw[0] - height))
        places.append(Box(left, top, left + width, top + height))
    return places


def _nearest_first(found: SceneObject) -> tuple[bool, float, int]:
    return found.distance_m is None, found.distance_m or 0.0, -found.pixel_count


def _followed(before: Box, box: Box) -> Box:
    """The box, drawn a little behind where it comes from."""
    allowed = JUMP_SHARE * max(1, box.right - box.left, box.bottom - box.top)
    sides = []
    for side in ("left", "top", "right", "bottom"):
        old, new = getattr(before, side), getattr(box, side)
        sides.append(new if abs(new - old) > allowed else round(old + FOLLOWING * (new - old)))
    return Box(*sides)


class ObjectDrawer:
    """Boxes and texts in the classes' colours; steady over the frames of a video.

    Args:
        palette: the classes' colours.
        text: what is written at an object.
    """

    def __init__(self, palette: Palette, text: Callable[[SceneObject], str] = object_text) -> None:
        self._palette = palette
        self._text = text
        # By track: the box as drawn, and which of its places the text took.
        self._boxes: dict[int, Box] = {}
        self._chosen: dict[int, int] = {}

    def draw(
        self, image_bgr: UInt8Array, objects: Sequence[SceneObject], taken: Sequence[Box] = ()
    ) -> None:
        """Draw the next frame's objects, in place.

        Lines and letters grow with the frame. Texts stay inside it and, where there is room,
        beside each other; the nearest objects choose their place first and lie on top.

        Args:
            image_bgr: (H, W, 3) uint8 BGR, contiguous.
            objects: in px of this image.
            taken: rectangles that texts leave free where they can.
        """
        size = TextSize.of(image_bgr.shape[0])
        covered = np.zeros(size_hw(image_bgr), np.bool_)
        for place in taken:
            _window(covered, place)[...] = True
        steady = self._steady(objects)
        tags = [self._tag(found, size, covered) for found in sorted(steady, key=_nearest_first)]
        for found in steady:
            self._draw_box(image_bgr, found, size.line)
        for tag in reversed(tags):
            draw_text(image_bgr, tag.text, tag.place, tag.baseline_px, tag.colour, size)

    def _steady(self, objects: Sequence[SceneObject]) -> list[SceneObject]:
        """The objects, their boxes steadied where they were drawn before."""
        steady, boxes = [], {}
        for found in objects:
            box = found.box
            if found.track is not None:
                box = _followed(self._boxes.get(found.track, box), box)
                boxes[found.track] = box
            steady.append(replace(found, box=box))
        self._boxes = boxes
        self._chosen = {track: place for track, place in self._chosen.items() if track in boxes}
        return steady

    def _tag(self, found: SceneObject, size: TextSize, covered: BoolArray) -> _Tag:
        text = self._text(found)
        width, height, baseline = text_extent(text, size)
        places = _places(found.box, (width, height), size_hw(covered))
        order = list(range(len(places)))
        if found.track in self._chosen:
            # A text that changes sides every few frames can't be read: the place is kept.
            order.insert(0, self._chosen[found.track])
        # By pixel, not by comparing with each tag so far: that would grow with the objects' square.
        free = (index for index in order if not _window(covered, places[index]).any())
        chosen = next(free, order[0])
        if found.track is not None:
            self._chosen[found.track] = chosen
        _window(covered, places[chosen])[...] = True
        return _Tag(text, places[chosen], baseline, self._palette.colour_bgr(found.label))

    def _draw_box(self, image_bgr: UInt8Array, found: SceneObject, line: int) -> None:
        first = (found.box.left, found.box.top)
        last = (found.box.right - 1, found.box.bottom - 1)
        colour = self._palette.colour_bgr(found.label)
        # A box over its own class's colour would not be seen: a rim of the contrary brightness.
        cv2.rectangle(image_bgr, first, last, text_colour(colour), line + 2)
        cv2.rectangle(image_bgr, first, last, colour, line)
