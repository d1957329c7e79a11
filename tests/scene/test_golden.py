"""An annotated frame against one that people have looked at, ``golden.png`` beside this file.

It is this package's own picture of a made street. Where drawing is changed on purpose, look at the
picture that the failing test names, and copy it over the old one.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.media.images import read_image_bgr
from vssn.scene.annotators import Annotator
from vssn.scene.style import Style
from vssn.types import FramePath, FrameResult, UInt8Array, VideoInfo

GOLDEN = Path(__file__).with_name("golden.png")
SIZE_WH = (480, 272)
SKY, BUILDING, POLE, ROAD, PAVEMENT, CAR, PEDESTRIAN = 0, 1, 2, 3, 4, 8, 9
# Blending may round otherwise on another processor; a character or a line that moves shows.
LEVELS, SHARE_OF_PIXELS = 3, 0.0005


def _street() -> UInt8Array:
    """Labels of a road with a car, a pedestrian and a pole."""
    width, height = SIZE_WH
    labels = np.full((height, width), SKY, np.uint8)
    labels[70:140, :150] = BUILDING
    labels[140:] = PAVEMENT
    road = np.array([(60, height), (230, 140), (260, 140), (430, height)], np.int32)
    cv2.fillPoly(labels, [road], ROAD)
    labels[150:200, 250:320] = CAR
    labels[140:210, 100:120] = PEDESTRIAN
    labels[60:190, 400:406] = POLE
    return labels


def _annotated(labels: UInt8Array) -> UInt8Array:
    rows, columns = np.mgrid[: SIZE_WH[1], : SIZE_WH[0]]
    frame_bgr = np.dstack([rows % 256, columns % 256, (rows + columns) % 256]).astype(np.uint8)
    info = VideoInfo(*SIZE_WH, 25.0, None)
    ticks = count()
    annotator = Annotator(info, Style(legend=True), clock=lambda: next(ticks) / 25)
    result = FrameResult(1, labels, FramePath.WARP, 87.5, 1, time_s=0.04)
    annotator.annotate(frame_bgr, result)
    return annotator.annotate(frame_bgr, result)


def _share_that_differs(a: UInt8Array, b: UInt8Array) -> float:
    return float((cv2.absdiff(a, b).max(axis=2) > LEVELS).mean())


def test_an_annotated_frame_looks_as_it_did(tmp_path: Path) -> None:
    picture = _annotated(_street())
    cv2.imwrite(str(tmp_path / "golden.png"), picture)
    golden = read_image_bgr(GOLDEN)
    assert picture.shape == golden.shape
    differs = _share_that_differs(picture, golden)
    assert differs <= SHARE_OF_PIXELS, f"look at {tmp_path / 'golden.png'}"


@pytest.mark.parametrize("place", [np.s_[199:200, 250:320], np.s_[60:190, 400:408]])
def test_the_comparison_sees_a_box_that_moves_by_a_pixel_or_two(place: tuple[slice, ...]) -> None:
    labels = _street()
    labels[place] = PAVEMENT if place[0].start == 199 else POLE
    assert _share_that_differs(_annotated(labels), read_image_bgr(GOLDEN)) > SHARE_OF_PIXELS
