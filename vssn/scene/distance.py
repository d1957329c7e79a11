"""How far objects are, from where they stand on a flat road.

The single-camera ground plane geometry of driver assistance, as in Stein, Mano and Shashua,
"Vision-based ACC with a single camera" (IEEE Intelligent Vehicles, 2003): for a level camera at
height h with focal length f, a foot point y below the horizon is at distance f h / y. Here with
pitch, and sideways too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vssn.errors import BadInputError
from vssn.labels import LABELS
from vssn.types import SceneObject

# CamVid was filmed from a passenger car with a Panasonic HVX200, whose lens has a horizontal
# field of view of about 60 degrees at its wide end. Height and level axis are those of a
# dashboard camera.
DEFAULT_FIELD_OF_VIEW_DEG = 60.0
DEFAULT_HEIGHT_M = 1.3

# So near the horizon a pixel more or less means ten metres and more: no distance is told.
MAX_DISTANCE_M = 100.0


@dataclass(frozen=True)
class Camera:
    """A camera above a flat road, without roll or lens distortion.

    Attributes:
        focal_px: focal length, in px of the frames that it is used with.
        height_m: of the lens above the road.
        centre_px: (x, y) where the optical axis meets the image, mostly its middle.
        pitch_deg: how far the axis points below the horizon.
        calibrated: whether the values describe the user's camera, or are a guess.

    Raises:
        BadInputError: a value that no such camera can have.
    """

    focal_px: float
    height_m: float
    centre_px: tuple[float, float]
    pitch_deg: float = 0.0
    calibrated: bool = True

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("focal length", self.focal_px, 1.0, 1e6),
            ("height", self.height_m, 0.05, 100.0),
            ("pitch", self.pitch_deg, -89.0, 89.0),
        ):
            if not low <= value <= high:
                unit = {"focal length": "px", "height": "m", "pitch": "degrees"}[name]
                raise BadInputError(
                    f"camera {name} of {value:g} {unit}",
                    f"{low:g} to {high:g} {unit}",
                    "measure it, or leave it out for a guess",
                )

    @classmethod
    def default(cls, width_px: int, height_px: int) -> Camera:
        """Guess a dashboard camera for frames of this size; it is marked as uncalibrated.

        It looks level (the horizon is at mid height), with a horizontal field of view of 60
        degrees, from 1.3 m above the road.
        """
        half_angle = math.radians(DEFAULT_FIELD_OF_VIEW_DEG / 2)
        return cls(
            focal_px=width_px / 2 / math.tan(half_angle),
            height_m=DEFAULT_HEIGHT_M,
            centre_px=(width_px / 2, height_px / 2),
            calibrated=False,
        )


def ground_distance_m(camera: Camera, x_px: float, y_px: float) -> float | None:
    """Distance along the road from below the camera to a point on it.

    Args:
        camera: where the frame was seen from.
        x_px: the point's column in the frame; it may lie outside.
        y_px: its row, downwards.

    Returns:
        Metres; None for more than 100 m, and at or above the horizon.
    """
    # The ray through the pixel: x right, y down, z along the optical axis.
    x = (x_px - camera.centre_px[0]) / camera.focal_px
    y = (y_px - camera.centre_px[1]) / camera.focal_px
    pitch = math.radians(camera.pitch_deg)
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
