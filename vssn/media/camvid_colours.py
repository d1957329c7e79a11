"""CamVid's own colour labels: 32 classes, grouped into the 11 that are scored.

Colours: the data set's ``label_colors.txt`` (Brostow et al., 2009). Groups: those of SegNet
(Badrinarayanan et al., 2017), as MathWorks' semantic segmentation example spells them out.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vssn.labels import LABELS, VOID
from vssn.types import UInt8Array

_GROUPS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "sky": ((128, 128, 128),),
    # Building, Archway, Bridge, Tunnel, Wall
    "building": ((128, 0, 0), (192, 0, 128), (0, 128, 64), (64, 0, 64), (64, 192, 0)),
    # Column_Pole, TrafficCone
    "pole": ((192, 192, 128), (0, 0, 64)),
    # Road, LaneMkgsDriv, LaneMkgsNonDriv
    "road": ((128, 64, 128), (128, 0, 192), (192, 0, 64)),
    # Sidewalk, ParkingBlock, RoadShoulder
    "pavement": ((0, 0, 192), (64, 192, 128), (128, 128, 192)),
    # Tree, VegetationMisc
    "tree": ((128, 128, 0), (192, 192, 0)),
    # SignSymbol, Misc_Text, TrafficLight
    "signsymbol": ((192, 128, 128), (128, 128, 64), (0, 64, 64)),
    "fence": ((64, 64, 128),),
    # Car, SUVPickupTruck, Truck_Bus, Train, OtherMoving
    "car": ((64, 0, 128), (64, 128, 192), (192, 128, 192), (192, 64, 128), (128, 64, 64)),
    # Pedestrian, Child, CartLuggagePram, Animal
    "pedestrian": ((64, 64, 0), (192, 128, 64), (64, 0, 192), (64, 128, 64)),
    # Bicyclist, MotorcycleScooter
    "bicyclist": ((0, 128, 192), (192, 0, 192)),
    "void": ((0, 0, 0),),
}
_UNKNOWN = 255


def _packed(colours_rgb: npt.NDArray[np.integer]) -> npt.NDArray[np.uint32]:
    red, green, blue = np.moveaxis(colours_rgb.astype(np.uint32), -1, 0)
    return np.asarray(red << 16 | green << 8 | blue, np.uint32)


def _table() -> tuple[npt.NDArray[np.uint32], UInt8Array]:
    indices = {label.name: label.index for label in LABELS}
    pairs = [(colour, indices[name]) for name, colours in _GROUPS.items() for colour in colours]
    # The masks that are written here have one colour of their own, SegNet's pavement.
    pairs += [(label.colour_rgb, label.index) for label in LABELS if label.index != VOID]
    packed = _packed(np.array([colour for colour, _ in pairs]))
    order = np.argsort(packed)
    return packed[order], np.array([index for _, index in pairs], np.uint8)[order]


_COLOURS, _INDICES = _table()


def indices_of_colours(label_rgb: UInt8Array) -> UInt8Array | None:
    """Turn CamVid's colours into class indices.

    Args:
        label_rgb: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8, 0-10 and 11 for void; None where a colour is none of CamVid's.
    """
    packed = _packed(label_rgb)
    at = np.minimum(np.searchsorted(_COLOURS, packed), len(_COLOURS) - 1)
    if not np.array_equal(_COLOURS[at], packed):
        return None
    return _INDICES[at]
