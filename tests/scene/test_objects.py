"""Objects found in made label maps."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.scene.objects import find_objects
from vssn.types import Box

ROAD, POLE, CAR = 3, 2, 8


def road(height: int = 100, width: int = 200) -> np.ndarray:
    return np.full((height, width), ROAD, np.uint8)


def test_each_region_has_its_class_box_and_area() -> None:
    labels = road()
    labels[10:30, 20:50] = CAR
    labels[40:60, 120:150] = CAR
    labels[5:80, 100:104] = POLE
    labels[40, 120] = ROAD
    found = find_objects(labels)
    assert [(o.label, o.box, o.pixel_count) for o in found] == [
        (POLE, Box(100, 5, 104, 80), 300),
        (CAR, Box(20, 10, 50, 30), 600),
        (CAR, Box(120, 40, 150, 60), 599),
    ]
    assert all(o.distance_m is None for o in found)


def test_regions_that_touch_at_a_corner_are_one() -> None:
    labels = road()
    labels[10:20, 10:20] = CAR
    labels[20:30, 20:30] = CAR
    assert [o.box for o in find_objects(labels)] == [Box(10, 10, 30, 30)]


def test_regions_of_two_classes_stay_apart() -> None:
    labels = road()
    labels[10:20, 10:20] = CAR
    labels[10:20, 20:30] = POLE
    assert [o.label for o in find_objects(labels)] == [POLE, CAR]


@pytest.mark.parametrize("scale", [1, 4])
def test_tiny_regions_are_dropped_at_any_size(scale: int) -> None:
    labels = road()
    labels[10:13, 10:13] = CAR
    labels[50:54, 50:53] = CAR
    labels = labels.repeat(scale, 0).repeat(scale, 1)
    found = find_objects(labels, min_area_share=0.0005)
    assert [o.box.left for o in found] == [50 * scale]


def test_stuff_has_boxes_only_when_asked_for() -> None:
    assert find_objects(road()) == []
    (found,) = find_objects(road(), range(11))
    assert (found.label, found.box, found.pixel_count) == (ROAD, Box(0, 0, 200, 100), 20_000)


def test_views_of_larger_arrays_are_taken() -> None:
    labels = road()
    labels[10:30, 20:50] = CAR
    (found,) = find_objects(labels[:, ::-1])
    assert found.box == Box(150, 10, 180, 30)
