"""The horizon of rendered roads."""

from __future__ import annotations

import numpy as np
import pytest
from rendered import Car, render

from vssn.scene.camera import Camera
from vssn.scene.horizon import HorizonEstimator, frame_horizon_px


def camera(pitch_deg: float, size_wh: tuple[int, int] = (1280, 720)) -> Camera:
    width, height = size_wh
    return Camera(0.9 * width, 1.3, (width / 2, height / 2), pitch_deg, size_wh=size_wh)


@pytest.mark.parametrize("pitch_deg", [-3.0, 0.0, 4.0])
@pytest.mark.parametrize("size_wh", [(1280, 720), (640, 360), (480, 360)])
def test_a_straight_road_shows_it(pitch_deg: float, size_wh: tuple[int, int]) -> None:
    seen = camera(pitch_deg, size_wh)
    assert frame_horizon_px(render(seen)) == pytest.approx(seen.horizon_px, abs=size_wh[1] / 120)


def test_cars_on_its_edges_do_not_move_it_much() -> None:
    seen = camera(1.0)
    labels = render(seen, [Car(12.0, -4.5), Car(25.0, 4.5)])
    assert frame_horizon_px(labels) == pytest.approx(seen.horizon_px, abs=8)


def test_where_no_two_edges_are_seen_there_is_none() -> None:
    flat = np.full((360, 640), 4, np.uint8)
    assert frame_horizon_px(flat) is None
    flat[200:] = 3  # the road fills the lower half, without edges
    assert frame_horizon_px(flat) is None
    noise = np.random.default_rng(0).integers(0, 11, (360, 640)).astype(np.uint8)
    assert frame_horizon_px(noise) is None


def test_the_start_is_told_until_a_road_is_seen() -> None:
    estimator = HorizonEstimator(360.0)
    assert estimator.update(np.zeros((720, 1280), np.uint8), 0.0) == 360.0
    seen = camera(3.0)
    assert estimator.update(render(seen), 0.04) == pytest.approx(seen.horizon_px, abs=4)


def test_single_wrong_frames_do_not_move_it() -> None:
    estimator = HorizonEstimator(360.0)
    right, wrong = camera(0.0), camera(5.0)
    rows = [
        estimator.update(render(wrong if index == 12 else right), index / 25) for index in range(25)
    ]
    assert max(abs(row - right.horizon_px) for row in rows) < 4


def test_it_follows_a_lasting_change() -> None:
    estimator = HorizonEstimator(360.0)
    before, after = render(camera(0.0)), render(camera(3.0))
    for index in range(20):
        estimator.update(before, index / 5)
    for index in range(20, 60):
        row = estimator.update(after, index / 5)
    assert row == pytest.approx(camera(3.0).horizon_px, abs=5)
    estimator.reset()
    assert estimator.update(np.zeros((720, 1280), np.uint8), 0.0) == 360.0
