"""From a decoded frame to the picture as it is meant to be seen: colours, size, orientation."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    VideoReformatter,
)

from vssn.types import UInt8Array

# FFmpeg's numbers (AVColorSpace) of the matrices that can be undone: BT.709, FCC, BT.470 BG,
# SMPTE 170M and 240M, BT.2020.
KNOWN_MATRICES = {1, 4, 5, 6, 7, 9}
HD_WIDTH_PX, HD_HEIGHT_PX = 1280, 576
HDR_CURVES = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
MAX_PIXEL_ASPECT = 8
MATRIX = struct.Struct("=9i")

# What turns a picture by so many degrees counter-clockwise.
ROTATIONS = {
    90: cv2.ROTATE_90_COUNTERCLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_CLOCKWISE,
}


@dataclass(frozen=True)
class Orientation:
    """How a stored frame is turned to be seen.

    Attributes:
        rotation: 0, 90, 180 or 270 degrees counter-clockwise.
        mirrored: whether it is mirrored left to right, after the rotation.
    """

    rotation: int = 0
    mirrored: bool = False

    @property
    def swaps_sides(self) -> bool:
        """Whether width and height change places."""
        return self.rotation in (90, 270)

    def apply(self, frame_bgr: UInt8Array) -> UInt8Array:
        """Turn an (H, W, 3) uint8 frame."""
        if self.rotation:
            frame_bgr = np.asarray(cv2.rotate(frame_bgr, ROTATIONS[self.rotation]), np.uint8)
        return np.asarray(cv2.flip(frame_bgr, 1), np.uint8) if self.mirrored else frame_bgr


def orientation(frame: VideoFrame) -> Orientation:
    """Read a frame's display matrix (ISO 14496-12, 6.2.2), rounded to right angles."""
    # The stubs take the side data for a mapping of strings.
    sides: Any = frame.side_data
    matrix = next((bytes(side) for side in sides if side.type.name == "DISPLAYMATRIX"), b"")
    if len(matrix) < MATRIX.size:
        return Orientation()
    a, b, _, c, d, *_ = MATRIX.unpack_from(matrix)
    mirrored = a * d - b * c < 0
    if mirrored:  # x is negated after the rotation
        a, c = -a, -c
    # (a, b) is where the stored picture's x axis points, with y downwards.
    angle = np.degrees(np.arctan2(-b, a))
    return Orientation(round(float(angle) / 90) * 90 % 360, mirrored)


def pixel_aspect(stated: Fraction | None) -> Fraction:
    """Width through height of a pixel; 1 where nothing or nonsense is stated."""
    if not stated or not Fraction(1, MAX_PIXEL_ASPECT) <= stated <= MAX_PIXEL_ASPECT:
        return Fraction(1)
    return stated


def hdr_curve(frame: VideoFrame) -> str | None:
    """The transfer curve of an HDR frame, ``PQ`` or ``HLG``; None for an ordinary one."""
    return next((name for curve, name in HDR_CURVES.items() if frame.color_trc == curve), None)


class FrameConverter:
    """Converts a video's frames to BGR; its tables are made once.

    HDR frames become what an ordinary screen shows, by FFmpeg's swscale: BT.2020's colours become
    BT.709's, 203 cd/m2 (ITU-R BT.2408's diffuse white) becomes white, and so does what is brighter.
    """

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def to_bgr(self, frame: VideoFrame, size_wh: tuple[int, int]) -> UInt8Array:
        """Convert a decoded frame to (H, W, 3) uint8 BGR, full range.

        Matrix and range are the frame's own. Where no known matrix is stated, it is BT.709 for
        1280 px of width or for more than 576 lines, else BT.601, as players guess.

        Args:
            frame: as decoded.
            size_wh: the size in px that the result has.

        Raises:
            OSError: its pixel format can't be converted.
        """
        width, height = size_wh
        hdr = hdr_curve(frame) is not None
        if hdr and frame.color_primaries == ColorPrimaries.UNSPECIFIED:
            frame.color_primaries = ColorPrimaries.BT2020  # ITU-R BT.2100 has no others
        converted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="bgr24",
            src_colorspace=_guessed_matrix(frame, hdr),
            dst_color_range=ColorRange.JPEG,
            dst_color_trc=ColorTrc.BT709 if hdr else None,
            dst_color_primaries=ColorPrimaries.BT709 if hdr else None,
            threads=None if hdr else 1,  # all cores: it takes ten times as long
        )
        return np.ascontiguousarray(converted.to_ndarray(), np.uint8)


def _guessed_matrix(frame: VideoFrame, hdr: bool) -> Colorspace | None:
    if frame.colorspace in KNOWN_MATRICES or frame.format.is_rgb:
        return None
    if hdr:
        return Colorspace.BT2020
    is_hd = frame.width >= HD_WIDTH_PX or frame.height > HD_HEIGHT_PX
    return Colorspace.ITU709 if is_hd else Colorspace.ITU601


def oddities(frame: VideoFrame) -> list[str]:
    """What a frame has that is shown with loss or not corrected here, in words."""
    found = []
    curve = hdr_curve(frame)
    if curve is not None:
        found.append(f"HDR ({curve}): shown as on an ordinary screen, with highlights cut to white")
    if frame.interlaced_frame:
        found.append("interlaced: moving edges are combed; deinterlace it for better results")
    return found
