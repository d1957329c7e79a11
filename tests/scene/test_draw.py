"""Drawings: colours, texts, and that they stay inside the frame and where they were."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.labels import LABELS
from vssn.scene import draw
from vssn.scene.draw import ObjectDrawer, object_text, text_colour
from vssn.scene.palettes import load_palette
from vssn.types import Box, SceneObject

CAR_BGR = (128, 0, 64)
PALETTE = load_palette("camvid")


def drawer() -> ObjectDrawer:
    return ObjectDrawer(PALETTE)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Box]]:
    """Each text with its rectangle, in the order of drawing."""
    drawn: list[tuple[str, Box]] = []
    real = draw.draw_text

    def remember(image, text, place, *rest):
        drawn.append((text, place))
        real(image, text, place, *rest)

    monkeypatch.setattr(draw, "draw_text", remember)
    return drawn


def test_texts_tell_class_distance_and_doubt() -> None:
    box = Box(0, 0, 1, 1)
    assert object_text(SceneObject(8, box, 1)) == "car"
    assert object_text(SceneObject(8, box, 1, 7.96, True)) == "car 8.0 m"
    assert object_text(SceneObject(10, box, 1, 8.3, False)) == "bicyclist ~8 m"


@pytest.mark.parametrize("hw", [(272, 640), (1080, 1920)])
def test_a_box_lies_on_its_edges_in_the_class_colour(hw: tuple[int, int]) -> None:
    height, width = hw
    image = np.full((*hw, 3), 90, np.uint8)
    box = Box(width // 4, height // 3, width // 2, height // 2)
    drawer().draw(image, [SceneObject(8, box, 1)])
    middle_x, middle_y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    for y, x in ((middle_y, box.left), (middle_y, box.right - 1), (box.bottom - 1, middle_x)):
        assert tuple(image[y, x]) == CAR_BGR
    assert (image[middle_y, middle_x] == 90).all()
    assert (image[-height // 4 :] == 90).all()


@pytest.mark.parametrize("hw", [(272, 640), (1080, 1920), (360, 480)])
def test_texts_stay_inside_at_every_edge(
    places: list[tuple[str, Box]], hw: tuple[int, int]
) -> None:
    height, width = hw
    boxes = [
        Box(0, 0, 5, 5),
        Box(width - 5, 0, width, 5),
        Box(0, height - 5, 5, height),
        Box(width - 5, height - 5, width, height),
        Box(0, 0, width, height),
    ]
    image = np.zeros((*hw, 3), np.uint8)
    drawer().draw(image, [SceneObject(10, box, 1, 12.34) for box in boxes])
    assert len(places) == len(boxes)
    for _, place in places:
        assert 0 <= place.left < place.right <= width
        assert 0 <= place.top < place.bottom <= height
        # The text itself is inside too: its rectangle holds both letters and fill.
        patch = image[place.top : place.bottom, place.left : place.right]
        assert len(np.unique(patch.reshape(-1, 3), axis=0)) > 2


def test_the_texts_of_neighbours_do_not_hide_each_other(places: list[tuple[str, Box]]) -> None:
    boxes = [Box(x, 100, x + 40, 180) for x in (100, 110, 120)]
    objects = [SceneObject(8, box, 1, 9.0) for box in boxes]
    drawer().draw(np.zeros((272, 640, 3), np.uint8), objects, [Box(60, 60, 300, 100)])
    canvas = np.zeros((272, 640), int)
    canvas[60:100, 60:300] += 1  # what was taken before
    for _, place in places:
        canvas[place.top : place.bottom, place.left : place.right] += 1
    assert canvas.max() == 1


def test_the_nearest_text_lies_on_top(places: list[tuple[str, Box]]) -> None:
    box = Box(10, 10, 50, 50)
    objects = [SceneObject(8, box, 1, far, True) for far in (5.0, 2.0, 9.0)]
    drawer().draw(np.zeros((100, 200, 3), np.uint8), [*objects, SceneObject(6, box, 1)])
    assert [text for text, _ in places] == ["signsymbol", "car 9.0 m", "car 5.0 m", "car 2.0 m"]


def test_a_tracks_text_keeps_its_side(places: list[tuple[str, Box]]) -> None:
    drawing = drawer()
    first = SceneObject(8, Box(100, 100, 160, 160), 1, 9.0, track=1)
    other = SceneObject(8, Box(100, 60, 160, 100), 1, 5.0, track=2)
    for objects in ([first, other], [first], [first]):
        drawing.draw(np.zeros((272, 640, 3), np.uint8), objects)
    mine = [place for text, place in places if text == "car ~9 m"]
    assert len(mine) == 3
    assert len(set(mine)) == 1


def test_a_flickering_box_is_drawn_calmer_and_one_that_jumps_where_it_is() -> None:
    drawing = drawer()
    rows = []
    for bottom in (160, 164, 160, 164, 300):
        found = SceneObject(8, Box(100, 100, 160, bottom), 1, track=1)
        image = np.zeros((400, 640, 3), np.uint8)
        drawing.draw(image, [found])
        column = (image[:, 130] == CAR_BGR).all(axis=1)
        rows.append(int(np.flatnonzero(column).max()) + 1)
    assert max(rows[1:4]) - min(rows[1:4]) < 4
    assert rows[4] == 300


@pytest.mark.parametrize("palette", ["camvid", "colour_blind"])
@pytest.mark.parametrize("label", range(11))
def test_letters_stand_out_from_their_ground(label: int, palette: str) -> None:
    fill = load_palette(palette).colour_bgr(label)
    weights = np.array([0.114, 0.587, 0.299])
    assert abs(float(weights @ text_colour(fill)) - float(weights @ fill)) > 100


def test_a_camvid_colour_is_the_labels() -> None:
    assert [PALETTE.colour_bgr(label.index)[::-1] for label in LABELS] == [
        label.colour_rgb for label in LABELS
    ]


@pytest.mark.parametrize("hw", [(1, 1), (8, 8), (20, 3000)])
def test_frames_smaller_than_a_text_are_drawn_on(hw: tuple[int, int]) -> None:
    image = np.zeros((*hw, 3), np.uint8)
    drawer().draw(image, [SceneObject(8, Box(0, 0, hw[1], hw[0]), 1, 3.0)])
    assert image.any()
