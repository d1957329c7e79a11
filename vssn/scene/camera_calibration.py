"""A camera's lens, from pictures of a chessboard.

Zhang, "A flexible new technique for camera calibration" (IEEE PAMI, 2000), as OpenCV implements it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from vssn.errors import BadInputError
from vssn.media.images import read_image_bgr
from vssn.preprocess import size_hw
from vssn.scene.camera import DEFAULT_HEIGHT_M, Camera
from vssn.types import Float32Array, UInt8Array

logger = logging.getLogger(__name__)

MIN_PICTURES = 3
# Pictures of another size are taken with another crop when they differ by more than this.
SIZE_TOLERANCE_PX = 2
# Corners are refined to a hundredth of a pixel, in at most 30 steps.
REFINEMENT = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)


@dataclass(frozen=True)
class Calibration:
    """What the pictures show.

    Attributes:
        camera: with focal length, centre and distortion; its pitch is unknown.
        error_px: root mean square distance of the corners from where the camera would show them.
        used: the pictures that the whole board was found in.
        unused: the others.
    """

    camera: Camera
    error_px: float
    used: tuple[Path, ...]
    unused: tuple[Path, ...]


def find_corners(picture_bgr: UInt8Array, board: tuple[int, int]) -> Float32Array | None:
    """Find a chessboard's inner corners.

    Args:
        picture_bgr: (H, W, 3) uint8 BGR.
        board: inner corners along its rows and its columns.

    Returns:
        (N, 1, 2) float32 (x, y) in px, row by row; None where the board is not seen as a whole.
    """
    grey = cv2.cvtColor(picture_bgr, cv2.COLOR_BGR2GRAY)
    found, corners = cv2.findChessboardCorners(grey, board)
    if not found:
        return None
    return np.asarray(cv2.cornerSubPix(grey, corners, (11, 11), (-1, -1), REFINEMENT), np.float32)


def _same_size(pictures: dict[Path, UInt8Array]) -> tuple[tuple[int, int], list[Path]]:
    """The pictures' commonest (height, width), and those that have it."""
    sizes = Counter(size_hw(picture) for picture in pictures.values())
    (height, width), _ = sizes.most_common(1)[0]
    same = []
    for path, picture in pictures.items():
        apart = max(abs(picture.shape[0] - height), abs(picture.shape[1] - width))
        if apart <= SIZE_TOLERANCE_PX:
            same.append(path)
        else:
            logger.warning("%s has another size: left out", path)
    return (height, width), same


def calibrate_camera(
    pictures: Sequence[Path], board: tuple[int, int], height_m: float = DEFAULT_HEIGHT_M
) -> Calibration:
    """Compute a camera from pictures of a chessboard.

    Args:
        pictures: ten or more, with the board in all parts of the view, tilted, and sharp.
        board: inner corners along its rows and its columns, such as (9, 6).
        height_m: of the camera above the road, which no board tells.

    Returns:
        The camera for frames of the pictures' size, and how well it explains them.

    Raises:
        BadInputError: a board that small, or one that is seen in fewer than three pictures.
        MediaError: a picture that can't be read.
    """
    if min(board) < 3:
        raise BadInputError(
            f"a board of {board[0]}x{board[1]}", "at least 3x3 inner corners", "count those inside"
        )
    images = {path: read_image_bgr(path) for path in pictures}
    if not images:
        raise BadInputError("no pictures", f"{MIN_PICTURES} or more", "check the pattern")
    (height, width), same = _same_size(images)
    corners = {path: find_corners(images[path], board) for path in same}
    seen = {path: found for path, found in corners.items() if found is not None}
    if len(seen) < MIN_PICTURES:
        raise BadInputError(
            f"a board of {board[0]}x{board[1]} seen in {len(seen)} of {len(pictures)} pictures",
            f"{MIN_PICTURES} or more",
            "count the inner corners again, or take sharper pictures of the whole board",
        )
    grid = np.zeros((board[0] * board[1], 3), np.float32)
    grid[:, :2] = np.mgrid[: board[0], : board[1]].T.reshape(-1, 2)
    error_px, matrix, distortion, _, _ = cv2.calibrateCamera(
        [grid] * len(seen),
        list(seen.values()),
        (width, height),
        # The fixed aspect is that of this first guess: square pixels.
        np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], np.float64),
        np.zeros(5),
        flags=cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_USE_INTRINSIC_GUESS,
    )
    camera = Camera(
        focal_px=round(float(matrix[1, 1]), 2),
        height_m=height_m,
        centre_px=(round(float(matrix[0, 2]), 2), round(float(matrix[1, 2]), 2)),
        pitch_deg=None,
        distortion=tuple(round(float(value), 6) for value in distortion.ravel()[:5]),
        size_wh=(width, height),
    )
    unused = tuple(path for path in pictures if path not in seen)
    return Calibration(camera, float(error_px), tuple(seen), unused)
