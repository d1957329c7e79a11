"""The label table."""

from __future__ import annotations

import numpy as np

from vssn.labels import (
    CLASS_NAMES,
    LABELS,
    NUM_CLASSES,
    NUM_OUTPUTS,
    PALETTE_RGB,
    SCALE_CHANNELS,
    VOID,
    colour_mask_bgr,
)

CITYSCAPES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"),
    *("motorcycle", "bicycle"),
)
MEANINGS = {
    "sky": ("sky", (128, 128, 128)),
    "building": ("building", (128, 0, 0)),
    "pole": ("pole", (192, 192, 128)),
    "road": ("road", (128, 64, 128)),
    "pavement": ("sidewalk", (60, 40, 222)),
    "tree": ("vegetation", (128, 128, 0)),
    "signsymbol": ("traffic sign", (192, 128, 128)),
    "fence": ("fence", (64, 64, 128)),
    "car": ("car", (64, 0, 128)),
    "pedestrian": ("person", (64, 64, 0)),
    "bicyclist": ("bicycle", (0, 128, 192)),
}


def test_classes_stand_in_camvids_order_and_void_is_last() -> None:
    assert tuple(MEANINGS) == CLASS_NAMES
    assert [label.index for label in LABELS] == list(range(12))
    assert (NUM_CLASSES, NUM_OUTPUTS, VOID) == (11, 12, 11)
    assert LABELS[VOID].name == "void"


def test_the_palette_is_camvids() -> None:
    colours = [colour for _, colour in MEANINGS.values()]
    assert PALETTE_RGB.dtype == np.uint8
    assert [tuple(colour) for colour in PALETTE_RGB.tolist()] == [*colours, (0, 0, 0)]


def test_scale_channels_belong_to_classes_by_meaning() -> None:
    assert [CITYSCAPES[channel] for channel in SCALE_CHANNELS] == [
        twin for twin, _ in MEANINGS.values()
    ]
    assert SCALE_CHANNELS == (10, 2, 5, 0, 1, 8, 7, 4, 13, 11, 18)


def test_distances_are_for_poles_cars_and_people() -> None:
    measured = [label.name for label in LABELS if label.measured]
    assert measured == ["pole", "car", "pedestrian", "bicyclist"]


def test_a_mask_holds_the_palette_and_nothing_else() -> None:
    labels = np.random.default_rng(0).integers(0, 12, (37, 41)).astype(np.uint8)
    assert np.array_equal(colour_mask_bgr(labels), PALETTE_RGB[labels][..., ::-1])
