"""Street scenes with known geometry, as label maps: a straight flat road with boxes on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vssn.scene.camera import Camera
from vssn.types import FramePath, FrameResult

SKY, BUILDING, ROAD, PAVEMENT, CAR = 0, 1, 3, 4, 8


@dataclass(frozen=True)
class Car:
    """A car's rear, seen from behind: where it stands, and its size in metres."""

    ahead_m: float
    right_m: float = 0.0
    width_m: float = 1.8
    height_m: float = 1.5


def project(
    camera: Camera, right_m: float, ahead_m: float, up_m: float = 0.0
) -> tuple[float, float]:
    """Where a point above the road appears: rotation by the pitch, then a pinhole."""
    pitch = math.radians(camera.pitch_deg or 0.0)
    down = camera.height_m - up_m
    y = down * math.cos(pitch) - ahead_m * math.sin(pitch)
    z = down * math.sin(pitch) + ahead_m * math.cos(pitch)
    x_px = camera.centre_px[0] + camera.focal_px / camera.pixel_aspect * right_m / z
    return x_px, camera.centre_px[1] + camera.focal_px * y / z


def render(camera: Camera, cars: Sequence[Car] = (), half_road_m: float = 5.0) -> np.ndarray:
    """Labels of size ``camera.size_wh``: sky, a pavement plane, a road on it, and cars."""
    assert camera.size_wh is not None
    width, height = camera.size_wh
    labels = np.full((height, width), SKY, np.uint8)
    labels[max(0, round(camera.horizon_px)) :] = PAVEMENT
    near_m = 1.5 * camera.height_m
    corners = [
        project(camera, side * half_road_m, ahead_m)
        for side, ahead_m in ((-1, near_m), (-1, 3000.0), (1, 3000.0), (1, near_m))
    ]
    cv2.fillPoly(labels, [np.round(corners).astype(np.int32)], ROAD)
    for car in sorted(cars, key=lambda each: -each.ahead_m):
        left, bottom = project(camera, car.right_m - car.width_m / 2, car.ahead_m)
        right, top = project(camera, car.right_m + car.width_m / 2, car.ahead_m, car.height_m)
        labels[round(top) : round(bottom), max(0, round(left)) : round(right)] = CAR
    return labels


def result(labels: np.ndarray, index: int = 0, **values: object) -> FrameResult:
    """A frame's result of these labels."""
    return FrameResult(index, labels, FramePath.SEGMENT, None, 0, **values)  # type: ignore[arg-type]
