"""Colours of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import BadInputError, argument
from vssn.json_files import read_json
from vssn.labels import CLASS_NAMES, LABELS, PALETTE_RGB
from vssn.types import UInt8Array

Colour = tuple[int, int, int]

# Okabe and Ito's colours ("Color Universal Design", 2008), which differ in lightness too, with
# greys for what fills the view: told apart with red-green and blue-yellow blindness.
COLOUR_BLIND_RGB = {
    "sky": (170, 215, 245),
    "building": (150, 150, 150),
    "pole": (20, 20, 20),
    "road": (75, 75, 85),
    "pavement": (222, 205, 170),
    "tree": (0, 120, 90),
    "signsymbol": (240, 228, 66),
    "fence": (120, 80, 40),
    "car": (0, 90, 200),
    "pedestrian": (213, 94, 0),
    "bicyclist": (170, 50, 140),
    "void": (0, 0, 0),
}


@dataclass(frozen=True)
class PaletteFile:
    """A palette's JSON file: RGB colours by class name; CamVid's for those left out."""

    colours_rgb: dict[str, Colour]

    def __post_init__(self) -> None:
        for name, colour in self.colours_rgb.items():
            if name not in COLOUR_BLIND_RGB:
                raise ValueError(f"there is no class '{name}', only {', '.join(CLASS_NAMES)}")
            if not all(0 <= part <= 255 for part in colour):
                raise ValueError(f"'{name}' has colour values outside of 0 to 255")


@dataclass(frozen=True)
class Palette:
    """Colours of the classes, and of nothing beyond them.

    Attributes:
        colours_rgb: (12, 3) uint8, by class index, void last.
    """

    colours_rgb: UInt8Array

    def colour_bgr(self, label: int) -> Colour:
        """A class's colour, for OpenCV."""
        red, green, blue = self.colours_rgb[label].tolist()
        return blue, green, red

    def paint_bgr(self, labels: UInt8Array) -> UInt8Array:
        """Paint (H, W) uint8 labels as (H, W, 3) uint8 BGR."""
        table = np.zeros((256, 1, 3), np.uint8)
        table[: len(self.colours_rgb), 0] = self.colours_rgb[:, ::-1]
        return np.asarray(cv2.applyColorMap(labels, table), np.uint8)


def load_palette(name: str | Path) -> Palette:
    """A palette by name, or from a JSON file.

    Args:
        name: ``camvid``, ``colour_blind``, or a path that ends in ``.json`` of a file such as
            ``{"colours_rgb": {"car": [255, 0, 0]}}``.

    Raises:
        BadInputError: another name, or a damaged file.
    """
    if name == "camvid":
        return Palette(PALETTE_RGB)
    if name == "colour_blind":
        return Palette(np.array([COLOUR_BLIND_RGB[label.name] for label in LABELS], np.uint8))
    if Path(name).suffix.lower() != ".json":
        raise BadInputError(
            argument("palette", str(name)),
            "camvid, colour_blind or a .json file of colours",
            "choose one of them",
        )
    example = '{"colours_rgb": {"car": [255, 0, 0]}}'
    remedy = f"write RGB colours by class name, such as {example}"
    custom = read_json(Path(name), PaletteFile, "palette", BadInputError, remedy).colours_rgb
    rows = [custom.get(label.name, label.colour_rgb) for label in LABELS]
    return Palette(np.array(rows, np.uint8))
