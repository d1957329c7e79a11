"""Objects found in made label maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vssn.scene.objects import find_objects, polygons
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
    assert [o.box for o in find_objects(labels, split=False)] == [Box(10, 10, 30, 30)]


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


def car(labels: np.ndarray, left: int, bottom: int, width: int, height: int) -> None:
    """A car from behind: a body with a narrower roof on it."""
    middle = bottom - height // 2
    labels[middle:bottom, left : left + width] = CAR
    roof = width // 6
    labels[bottom - height : middle, left + roof : left + width - roof] = CAR


def test_cars_side_by_side_are_told_apart() -> None:
    labels = road(200, 400)
    for left in (40, 140, 240):
        car(labels, left, 150, 100, 80)
    found = find_objects(labels)
    assert [round(o.box.left, -1) for o in found] == [40, 140, 240]
    assert sum(o.pixel_count for o in found) == (labels == CAR).sum()
    assert len(find_objects(labels, split=False)) == 1


def test_a_car_that_hides_part_of_a_farther_one_is_told_apart() -> None:
    labels = road(200, 400)
    labels[70:130, 190:260] = CAR  # farther: its foot is higher
    labels[60:170, 80:200] = CAR
    near, far = sorted(find_objects(labels), key=lambda each: each.box.left)
    assert (near.box.left, near.box.bottom) == (80, 170)
    assert (far.box.right, far.box.bottom) == (260, 130)


@pytest.mark.parametrize("slant", [0, 20])
def test_a_single_car_stays_one(slant: int) -> None:
    labels = road(200, 400)
    for column in range(120, 280):
        drop = slant * (column - 120) // 160
        top = 60 if 150 < column < 250 else 90
        labels[top : 150 - drop, column] = CAR
    labels[146:152, 135:155] = labels[126:152, 245:265] = CAR  # wheels
    assert len(find_objects(labels)) == 1


def test_a_walking_person_stays_one_and_two_are_two() -> None:
    labels = road(200, 400)
    for left in (60, 92):
        labels[40:66, left + 10 : left + 22] = 9
        labels[66:120, left : left + 32] = 9
    assert len(find_objects(labels, (9,))) == 2
    labels[:, 92:] = ROAD
    assert len(find_objects(labels, (9,))) == 1


def test_masks_and_polygons_show_the_object() -> None:
    labels = road()
    labels[10:30, 20:50] = CAR
    labels[10:20, 20:30] = ROAD
    (found,) = find_objects(labels)
    mask = np.zeros_like(labels, bool)
    mask[10:30, 20:50] = found.mask
    assert np.array_equal(mask, labels == CAR)
    (outline,) = polygons(found)
    assert [20, 20] in outline
    assert [49, 29] in outline
    assert len(outline) < 10
    assert polygons(replace(found, mask=None)) == [[[20, 10], [50, 10], [50, 30], [20, 30]]]
