"""Ground plane geometry, against points projected by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vssn.labels import LABELS
from vssn.scene.camera import Camera
from vssn.scene.distance import ground_distance_m, measure
from vssn.types import Box, SceneObject

CAMERA = Camera(focal_px=1000.0, height_m=1.5, centre_px=(640.0, 360.0))


def project(camera: Camera, right_m: float, ahead_m: float) -> tuple[float, float]:
    """Where a point of the road appears: rotation by the pitch, then a pinhole."""
    pitch = math.radians(camera.pitch_deg)
    rotation = np.array(
        [
            [1, 0, 0],
            [0, math.cos(pitch), -math.sin(pitch)],
            [0, math.sin(pitch), math.cos(pitch)],
        ]
    )
    x, y, z = rotation @ np.array([right_m, camera.height_m, ahead_m])
    return (
        camera.centre_px[0] + camera.focal_px * x / z,
        camera.centre_px[1] + camera.focal_px * y / z,
    )


def test_a_level_camera_follows_focal_times_height_by_pixels_below_the_horizon() -> None:
    assert ground_distance_m(CAMERA, 640, 360 + 150) == pytest.approx(10.0)
    assert ground_distance_m(CAMERA, 640, 360 + 75) == pytest.approx(20.0)


@pytest.mark.parametrize("pitch_deg", [-5.0, 0.0, 3.0, 30.0])
@pytest.mark.parametrize("point", [(0.0, 8.0), (-3.0, 12.0), (4.0, 60.0)])
def test_projected_points_come_back(pitch_deg: float, point: tuple[float, float]) -> None:
    camera = Camera(700.0, 1.3, (320.0, 136.0), pitch_deg)
    x_px, y_px = project(camera, *point)
    assert ground_distance_m(camera, x_px, y_px) == pytest.approx(math.hypot(*point))


@pytest.mark.parametrize("y_px", [0.0, 300.0, 360.0, 361.0, 374.0])
def test_near_and_above_the_horizon_there_is_no_distance(y_px: float) -> None:
    assert ground_distance_m(CAMERA, 640, y_px) is None


def test_the_farthest_distance_is_a_hundred_metres() -> None:
    assert ground_distance_m(CAMERA, 640, 375.5) == pytest.approx(1500 / 15.5)


def test_scaling_frame_and_default_camera_together_changes_nothing() -> None:
    small, large = Camera.default(640, 360), Camera.default(1920, 1080)
    assert not small.calibrated
    expected = ground_distance_m(small, 200, 300)
    assert expected == pytest.approx(ground_distance_m(large, 600, 900))
    assert expected is not None
    assert 2 < expected < 15


def test_measured_classes_get_the_distance_of_their_foot() -> None:
    objects = [SceneObject(label.index, Box(600, 200, 680, 510), 100) for label in LABELS]
    measured = measure(objects, CAMERA)
    assert [LABELS[o.label].name for o in measured if o.distance_m is not None] == [
        "pole",
        "car",
        "pedestrian",
        "bicyclist",
    ]
    assert measured[8].distance_m == pytest.approx(10.0)
    assert measured[8].calibrated
    assert measured[0] == objects[0]


def test_a_guessed_camera_marks_its_distances() -> None:
    (car,) = measure([SceneObject(8, Box(300, 100, 340, 272), 100)], Camera.default(640, 272))
    assert car.distance_m is not None
    assert not car.calibrated


def test_an_object_cut_by_the_lower_edge_has_a_distance_and_one_above_the_horizon_none() -> None:
    cut, above = (SceneObject(8, Box(600, 100, 680, bottom), 9) for bottom in (720, 300))
    cut, above = measure([cut, above], CAMERA)
    assert cut.distance_m == pytest.approx(1500 / 360)
    assert above.distance_m is None
