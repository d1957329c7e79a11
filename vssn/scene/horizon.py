"""The horizon, estimated from the road's edges and smoothed over time.

On a straight flat road both edges point to one vanishing point, which lies on the horizon of a
camera without roll; see Hartley and Zisserman, "Multiple View Geometry", 8.6. Curves, junctions
and cars that hide an edge give wrong points: each frame's estimate is checked, and the horizon
told is the median of those of the last seconds. Until there is one, the road's far end stands for
it, which lies a little lower.
"""

from __future__ import annotations

import math
from collections import deque

import cv2
import numpy as np
import numpy.typing as npt

from vssn.types import UInt8Array

ROAD = 3
# Where a horizon can be, as shares of the frame's height.
HIGHEST_SHARE, LOWEST_SHARE = 0.15, 0.75
MIN_EDGE_ROWS_SHARE = 0.08
# Edge points lie this near to the edge's line, as a share of the frame's width, in the mean.
MAX_RESIDUAL_SHARE = 0.006
# The road's far end lies below the horizon by no more than this share of the height: where it
# seems to, the road bends.
FAR_END_SHARE = 0.04
# But farther where a car or a person hides the end.
HIDDEN_FAR_END_SHARE = 0.08
HIDING_CLASSES = (8, 9, 10)
# So far below, mostly: some 60 m away for a dash-cam.
USUAL_FAR_END_SHARE = 0.02
MIN_ROW_SHARE = 0.02
MEMORY_S = 4.0
SMOOTHING_S = 1.0
WORK_WIDTH_PX = 320

Points = npt.NDArray[np.float32]


def _edges(road: npt.NDArray[np.bool_]) -> tuple[Points, Points]:
    """(N, 2) points (x, y) of the left and of the right edge; none at the frame's borders."""
    rows = np.flatnonzero(road.any(axis=1))
    width = road.shape[1]
    left = road[rows].argmax(axis=1)
    right = width - 1 - road[rows, ::-1].argmax(axis=1)
    sides = []
    for columns in (left, right):
        inner = (columns > 1) & (columns < width - 2)
        sides.append(np.stack([columns[inner], rows[inner]], axis=1).astype(np.float32))
    return sides[0], sides[1]


def _line(points: Points, hw: tuple[int, int]) -> tuple[float, float] | None:
    """Slope and offset of x = slope y + offset through most points, or None."""
    if len(points) < max(6, MIN_EDGE_ROWS_SHARE * hw[0]):
        return None
    dx, dy, x, y = cv2.fitLine(points, cv2.DIST_HUBER, 0, 0.01, 0.01).ravel().tolist()
    if abs(dy) < 0.05:
        return None
    slope = dx / dy
    offset = x - slope * y
    apart = np.abs(points[:, 0] - slope * points[:, 1] - offset) * abs(dy)
    # The outliers of a bay or a hidden stretch are left out, and the rest is fitted again.
    near = apart <= max(1.5, float(np.median(apart)) * 2)
    if near.sum() < max(6, MIN_EDGE_ROWS_SHARE * hw[0]):
        return None
    if float(apart[near].mean()) > MAX_RESIDUAL_SHARE * hw[1]:
        return None
    slope, offset = np.polyfit(points[near, 1], points[near, 0], 1).tolist()
    return slope, offset


def _far_end(road: npt.NDArray[np.bool_]) -> int | None:
    """The uppermost row with some road in it, where a horizon can be near."""
    height, width = road.shape
    rows = np.flatnonzero(road.sum(axis=1) >= max(2.0, MIN_ROW_SHARE * width))
    plausible = rows[rows >= HIGHEST_SHARE * height]
    return int(plausible[0]) if len(plausible) >= MIN_EDGE_ROWS_SHARE * height else None


def _road(labels: UInt8Array) -> tuple[npt.NDArray[np.bool_], int]:
    """Where the road is, on a coarser grid, and how much coarser that is."""
    scale = max(1, labels.shape[1] // WORK_WIDTH_PX)
    return labels[::scale, ::scale] == ROAD, scale


def _hidden(labels: UInt8Array, road: npt.NDArray[np.bool_], top: int) -> bool:
    """Whether something stands on the road right where it seems to end."""
    columns = np.flatnonzero(road[top])
    around = labels[max(0, top - 2) : top + 1, max(0, columns[0] - 2) : columns[-1] + 3]
    return bool(np.isin(around, HIDING_CLASSES).any())


def far_end_horizon_px(labels: UInt8Array) -> float | None:
    """Guess the horizon's row from the road's far end; None where there is no road."""
    road, scale = _road(labels)
    top = _far_end(road)
    if top is None:
        return None
    row = top * scale - USUAL_FAR_END_SHARE * labels.shape[0]
    return row if row <= LOWEST_SHARE * labels.shape[0] else None


def frame_horizon_px(labels: UInt8Array) -> float | None:
    """Estimate the horizon's row from one frame.

    Args:
        labels: (H, W) uint8 class indices.

    Returns:
        The row at which the road's edges meet, in px; None where they are too short or crooked,
        part too little, or meet where no horizon can be.
    """
    height, width = labels.shape
    road, scale = _road(labels)
    top = _far_end(road)
    if top is None:
        return None
    left, right = (_line(points, road.shape) for points in _edges(road))
    if left is None or right is None:
        return None
    spread = left[0] - right[0]
    # Downwards the left edge goes left and the right one right.
    if spread > -0.5:
        return None
    row = (right[1] - left[1]) / spread * scale
    column = left[0] * row + left[1] * scale
    below = top * scale - row
    hidden = _hidden(labels[::scale, ::scale], road, top)
    most = HIDDEN_FAR_END_SHARE if hidden else FAR_END_SHARE
    if not -USUAL_FAR_END_SHARE * height <= below <= most * height:
        return None
    if not HIGHEST_SHARE * height <= row <= LOWEST_SHARE * height:
        return None
    return row if 0 <= column <= width else None


class HorizonEstimator:
    """Smooths the horizon over time.

    Args:
        start_px: row that is told until frames show another.
    """

    def __init__(self, start_px: float) -> None:
        self._start_px = start_px
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far."""
        self._seen: deque[tuple[float, float]] = deque()
        self._guesses: deque[tuple[float, float]] = deque()
        self._settled = False
        self._horizon_px = self._start_px
        self._last_s: float | None = None

    def update(self, labels: UInt8Array, time_s: float) -> float:
        """Look at the next frame.

        Args:
            labels: (H, W) uint8 class indices.
            time_s: its time; it does not go back.

        Returns:
            The horizon's row in px.
        """
        row = frame_horizon_px(labels)
        if row is not None:
            self._seen.append((time_s, row))
        elif not self._seen:
            guess = far_end_horizon_px(labels)
            if guess is not None:
                self._guesses.append((time_s, guess))
        for rows in (self._seen, self._guesses):
            while rows and rows[0][0] < time_s - MEMORY_S:
                rows.popleft()
        if self._seen:
            self._approach(float(np.median([row for _, row in self._seen])), time_s)
        elif self._guesses and not self._settled:
            # The farthest of the ends seen: nearer ones are hidden by cars or bends.
            self._approach(float(np.percentile([row for _, row in self._guesses], 20)), time_s)
        self._settled = self._settled or bool(self._seen)
        return self._horizon_px

    def _approach(self, target_px: float, time_s: float) -> None:
        passed_s = 0.0 if self._last_s is None else max(0.0, time_s - self._last_s)
        share = 1.0 if self._last_s is None else 1 - math.exp(-passed_s / SMOOTHING_S)
        self._horizon_px += share * (target_px - self._horizon_px)
        self._last_s = time_s
