"""How far objects are, from where they stand on a flat road.

The single-camera ground plane geometry of driver assistance, as in Stein, Mano and Shashua,
"Vision-based ACC with a single camera" (IEEE Intelligent Vehicles, 2003): for a level camera at
height h with focal length f, a foot point y below the horizon is at distance f h / y. Here with
pitch, lens distortion, and sideways too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from vssn.labels import LABELS
from vssn.scene.camera import Camera
from vssn.types import SceneObject

# So near the horizon a pixel more or less means ten metres and more: no distance is told.
MAX_DISTANCE_M = 100.0


def ground_distance_m(camera: Camera, x_px: float, y_px: float) -> float | None:
    """Distance along the road from below the camera to a point on it.

    Args:
        camera: where the frame was seen from; of an unknown pitch, level.
        x_px: the point's column in the frame; it may lie outside.
        y_px: its row, downwards.

    Returns:
        Metres; None for more than 100 m, and at or above the horizon.
    """
    x_px, y_px = camera.undistorted_px(x_px, y_px)
    # The ray through the pixel: x right, y down, z along the optical axis.
    x = (x_px - camera.centre_px[0]) * camera.pixel_aspect / camera.focal_px
    y = (y_px - camera.centre_px[1]) / camera.focal_px
    pitch = math.radians(camera.pitch_deg or 0.0)
    down = y * math.cos(pitch) + math.sin(pitch)
    along = math.hypot(x, math.cos(pitch) - y * math.sin(pitch))
    if down * MAX_DISTANCE_M < camera.height_m * along:
        return None
    return camera.height_m * along / down


def _measured(found: SceneObject, camera: Camera) -> SceneObject:
    if not LABELS[found.label].measured:
        return found
    foot_x_px = (found.box.left + found.box.right) / 2
    distance_m = ground_distance_m(camera, foot_x_px, found.box.bottom)
    calibrated = distance_m is not None and camera.calibrated
    return replace(found, distance_m=distance_m, calibrated=calibrated)


def measure(objects: Sequence[SceneObject], camera: Camera) -> list[SceneObject]:
    """Give poles, cars, pedestrians and bicyclists their distance.

    An object stands on the road at the bottom middle of its box. Where the frame's lower edge cuts
    it, its foot is nearer than that: the distance is an upper bound then.

    Args:
        objects: as `find_objects` gives them, of frames of the size that ``camera`` is for.
        camera: calibrated or guessed; the objects are marked accordingly.

    Returns:
        The objects in the same order; ``distance_m`` stays None for other classes, and for those
        whose foot is farther than 100 m or not below the horizon.
    """
    return [_measured(found, camera) for found in objects]
