"""Drawings: colours, texts, and that they stay inside the frame."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.labels import LABELS
from vssn.scene import draw
from vssn.scene.draw import draw_objects, object_text
from vssn.types import Box, SceneObject

CAR_BGR = (128, 0, 64)


def test_texts_tell_class_distance_and_doubt() -> None:
    box = Box(0, 0, 1, 1)
    assert object_text(SceneObject(8, box, 1)) == "car"
    assert object_text(SceneObject(8, box, 1, 6.678, True)) == "car 6.68 m"
    assert object_text(SceneObject(10, box, 1, 8.0, False)) == "bicyclist 8.00 m?"


@pytest.mark.parametrize("hw", [(272, 640), (1080, 1920)])
def test_a_box_lies_on_its_edges_in_the_class_colour(hw: tuple[int, int]) -> None:
    height, width = hw
    image = np.full((*hw, 3), 90, np.uint8)
    box = Box(width // 4, height // 3, width // 2, height // 2)
    draw_objects(image, [SceneObject(8, box, 1)])
    middle_x, middle_y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    for y, x in ((middle_y, box.left), (middle_y, box.right - 1), (box.bottom - 1, middle_x)):
        assert tuple(image[y, x]) == CAR_BGR
    assert (image[middle_y, middle_x] == 90).all()
    assert (image[-height // 4 :] == 90).all()


@pytest.mark.parametrize("hw", [(272, 640), (1080, 1920), (360, 480)])
def test_texts_stay_inside_at_every_edge(
    monkeypatch: pytest.MonkeyPatch, hw: tuple[int, int]
) -> None:
    height, width = hw
    places = []
    real = draw._draw_tag
    monkeypatch.setattr(
        draw, "_draw_tag", lambda image, tag, style: (places.append(tag), real(image, tag, style))
    )
    boxes = [
        Box(0, 0, 5, 5),
        Box(width - 5, 0, width, 5),
        Box(0, height - 5, 5, height),
        Box(width - 5, height - 5, width, height),
        Box(0, 0, width, height),
    ]
    image = np.zeros((*hw, 3), np.uint8)
    draw_objects(image, [SceneObject(10, box, 1, 12.34) for box in boxes])
    assert len(places) == len(boxes)
    for tag in places:
        place = tag.place
        assert 0 <= place.left < place.right <= width
        assert 0 <= place.top < place.bottom <= height
        # The text itself is inside too: its rectangle holds both letters and fill.
        patch = image[place.top : place.bottom, place.left : place.right]
        assert len(np.unique(patch.reshape(-1, 3), axis=0)) > 2


def test_the_texts_of_neighbours_do_not_hide_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = []
    monkeypatch.setattr(draw, "_draw_tag", lambda image, tag, style: tags.append(tag))
    boxes = [Box(x, 100, x + 40, 180) for x in (100, 110, 120)]
    draw_objects(np.zeros((272, 640, 3), np.uint8), [SceneObject(8, box, 1, 9.0) for box in boxes])
    area = sum((t.place.right - t.place.left) * (t.place.bottom - t.place.top) for t in tags)
    canvas = np.zeros((272, 640), bool)
    for tag in tags:
        canvas[tag.place.top : tag.place.bottom, tag.place.left : tag.place.right] = True
    assert canvas.sum() == area


def test_the_nearest_text_lies_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = []
    monkeypatch.setattr(draw, "_draw_tag", lambda image, tag, style: tags.append(tag.text))
    box = Box(10, 10, 50, 50)
    objects = [SceneObject(8, box, 1, far, True) for far in (5.0, 2.0, 9.0)]
    draw_objects(np.zeros((100, 200, 3), np.uint8), [*objects, SceneObject(6, box, 1)])
    assert tags == ["signsymbol", "car 9.00 m", "car 5.00 m", "car 2.00 m"]


@pytest.mark.parametrize("label", range(11))
def test_letters_stand_out_from_their_ground(label: int) -> None:
    blue, green, red = fill = draw._colour_bgr(label)
    assert (red, green, blue) == LABELS[label].colour_rgb
    weights = np.array([0.114, 0.587, 0.299])
    assert abs(float(weights @ draw._text_colour(fill)) - float(weights @ fill)) > 100


@pytest.mark.parametrize("hw", [(1, 1), (8, 8), (20, 3000)])
def test_frames_smaller_than_a_text_are_drawn_on(hw: tuple[int, int]) -> None:
    image = np.zeros((*hw, 3), np.uint8)
    draw_objects(image, [SceneObject(8, Box(0, 0, hw[1], hw[0]), 1, 3.0)])
    assert image.any()
