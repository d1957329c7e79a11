"""The original's distance, by its formula."""

from __future__ import annotations

import pytest

from vssn.original.distance import original_measure, original_object_text
from vssn.scene.camera import Camera
from vssn.types import Box, SceneObject


def test_it_is_one_through_the_pixels_from_the_top_middle() -> None:
    objects = [SceneObject(8, Box(400, 300, 560, 566), 9), SceneObject(6, Box(0, 0, 9, 9), 9)]
    car, sign = original_measure(960)(objects, Camera.default(960, 720))
    assert car.distance_m == pytest.approx(1 / (566 * 0.0002645833))
    assert original_object_text(car) == "car 6.68 m"
    assert original_object_text(sign) == "signsymbol"
