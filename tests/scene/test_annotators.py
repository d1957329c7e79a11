"""The views, the legend, the status line, and the sinks that draw."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from rendered import Car, render, result

from vssn.errors import BadInputError
from vssn.labels import PALETTE_RGB
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import Annotator, DrawingSink, SceneSink
from vssn.scene.camera import Camera
from vssn.scene.overlays import Legend, StatusLine
from vssn.scene.palettes import load_palette
from vssn.scene.style import ORIGINAL_STYLES, VIEWS, Style
from vssn.types import Box, FramePath, LiveFrame, SceneObject, TimedFrame, VideoInfo

INFO = VideoInfo(640, 360, 25.0, None)
CAMERA = Camera(575.0, 1.3, (320.0, 180.0), 1.0, size_wh=(640, 360))
PLAIN = {"boxes": False, "status": False}
FRAME = np.random.default_rng(0).integers(0, 255, (360, 640, 3)).astype(np.uint8)
SEEN = result(render(CAMERA, [Car(12.0)]))
COLOURS = PALETTE_RGB[SEEN.labels][..., ::-1]


def drawn(**style: object) -> np.ndarray:
    return Annotator(INFO, Style(**style)).annotate(FRAME, SEEN)


def test_an_overlay_mixes_frame_and_colours_by_opacity() -> None:
    mixed = drawn(opacity=0.25, **PLAIN)
    assert np.abs(mixed - (0.75 * FRAME + 0.25 * COLOURS)).max() <= 1
    assert np.array_equal(drawn(opacity=0.0, **PLAIN), FRAME)


def test_frame_and_masks_are_the_originals_two_looks() -> None:
    assert np.array_equal(drawn(view="frame", **PLAIN), FRAME)
    assert np.array_equal(drawn(view="masks", **PLAIN), COLOURS)
    assert [ORIGINAL_STYLES[original].view for original in (True, False)] == ["frame", "masks"]


def test_side_by_side_is_twice_as_wide_and_says_so() -> None:
    annotator = Annotator(INFO, Style(view="side_by_side", **PLAIN))
    picture = annotator.annotate(FRAME, SEEN)
    assert picture.shape == (360, 1280, 3)
    assert (annotator.info.width_px, annotator.info.height_px) == (1280, 360)
    assert np.array_equal(picture[:, :640], FRAME)
    assert np.array_equal(picture[:, 640:], drawn(**PLAIN))


def test_contours_change_the_frame_along_the_classes_edges_only() -> None:
    picture = drawn(view="contours", **PLAIN)
    changed = (picture != FRAME).any(axis=2)
    assert 0.001 < changed.mean() < 0.1
    across = SEEN.labels[1:] != SEEN.labels[:-1]
    assert (picture[1:][across] == COLOURS[1:][across]).all()


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_draws_on_the_frame_it_is_given(view: str) -> None:
    before = FRAME.copy()
    picture = Annotator(INFO, Style(view=view, legend=True)).annotate(FRAME, SEEN)
    assert np.array_equal(FRAME, before)
    assert picture.dtype == np.uint8
    assert not np.array_equal(picture[:, -640:], FRAME)


def test_objects_are_boxed_and_found_where_nobody_looked() -> None:
    with_boxes = Annotator(INFO, Style(view="frame", status=False), camera=CAMERA)
    assert (with_boxes.annotate(FRAME, SEEN) != FRAME).any()
    assert np.array_equal(with_boxes.annotate(FRAME, replace(SEEN, objects=())), FRAME)


def test_a_legend_shows_every_class_in_its_colour() -> None:
    changed = drawn(view="frame", legend=True, **PLAIN)
    shown = {tuple(colour) for colour in changed[:, :120].reshape(-1, 3)}
    assert {tuple(colour[::-1]) for colour in PALETTE_RGB[:11].tolist()} <= shown
    tiny = Annotator(VideoInfo(20, 20, 25.0, None), Style(view="frame", legend=True, **PLAIN))
    small = np.zeros((20, 20, 3), np.uint8)
    assert not tiny.annotate(small, result(np.zeros((20, 20), np.uint8))).any()


def test_the_status_line_tells_path_confidence_and_speed() -> None:
    times = iter([0.0, 0.05, 0.10])
    line = StatusLine(lambda: next(times))
    assert line.text(SEEN) == "segment"
    warped = replace(SEEN, path=FramePath.WARP, predicted_confidence=83.4)
    assert line.text(warped) == "warp | confidence 83 | 20.0 fps"
    assert line.text(SEEN) == "segment | 20.0 fps"


def test_no_box_crosses_out_the_legend_or_the_status_line() -> None:
    everywhere = SceneObject(8, Box(2, 2, 638, 358), 640 * 360, mask=None)
    style = Style(view="frame", legend=True)
    with_box, without = (
        Annotator(INFO, style, camera=CAMERA).annotate(FRAME, replace(SEEN, objects=objects))
        for objects in ((everywhere,), ())
    )
    legend = Legend(load_palette("camvid")).place((360, 640))
    inside = (slice(legend.top, legend.bottom), slice(legend.left, legend.right))
    assert legend.bottom - legend.top > 100
    assert np.array_equal(with_box[inside], without[inside])
    assert (with_box[:, legend.right :] != without[:, legend.right :]).any()
    letters = (without[:14, :60] == 255).all(axis=2)
    assert letters.any()
    assert (with_box[:14, :60][letters] == 255).all()


def test_the_status_line_of_a_live_stream_tells_the_latency() -> None:
    line = StatusLine(lambda: 0.0)
    corrected = replace(
        SEEN, path=FramePath.WARP, predicted_confidence=None, live=LiveFrame(12.4, True, 133.0, 0)
    )
    assert line.text(corrected) == "corrected | latency 12 ms"


@pytest.mark.parametrize("values", [{"view": "x-ray"}, {"opacity": 1.5}, {"opacity": -0.1}])
def test_other_styles_are_refused(values: dict[str, object]) -> None:
    (name,) = values
    with pytest.raises(BadInputError, match=name):
        Style(**values)


class Taken:
    def __init__(self) -> None:
        self.items: list[tuple[object, ...]] = []
        self.closed: list[bool] = []

    def write(self, *item: object) -> None:
        self.items.append(item)

    def close(self, complete: bool = True) -> None:
        self.closed.append(complete)


def test_a_scene_is_analysed_once_for_all_sinks() -> None:
    pictures, results = Taken(), Taken()
    drawing = DrawingSink(Annotator(INFO), [pictures])
    sink = SceneSink(SceneAnalyser(INFO, CAMERA), [drawing, results])
    for index in range(3):
        sink.write(TimedFrame(index, Fraction(index, 25), FRAME), replace(SEEN, index=index))
    sink.close(complete=False)
    seen = [item[1] for item in results.items]
    assert [each.time_s for each in seen] == [0.0, 0.04, 0.08]
    assert [each.objects[0].track for each in seen] == [None, 1, 1]
    assert [time for _, time in pictures.items] == [0, Fraction(1, 25), Fraction(2, 25)]
    assert pictures.closed == results.closed == [False]
