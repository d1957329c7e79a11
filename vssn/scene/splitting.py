"""Where touching objects of one class can be told apart by their outline.

Objects side by side on a road differ in two ways that a region's outline shows: between two of them
the region is less high than at either (a notch between roofs or heads, a gap between wheels), and
the lower edge steps where a near one hides part of a far one. A single car or person has neither:
its height rises and falls once, and its lower edge is level or slants evenly.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

# Between two objects the region's height falls to at most this share of the lower one's.
NOTCH_SHARE = 0.76
# A step of the lower edge, as a share of the smaller neighbour's height.
STEP_SHARE = 0.3
# A smaller one, such as a wheel makes too, counts where there is a dip between two roofs above it:
# from this share on, when both together are of that share.
MIN_STEP_SHARE = 0.12
STEP_AND_DIP_SHARE = 0.33
# A step is a step where it happens within this share of the region's height, and a slant else.
STEP_WIDTH_SHARE = 0.25
# What is cut off is at least this wide for its height: poles of noise are none.
MIN_ASPECT = 0.3
MIN_WIDTH_PX = 6
MIN_STEP_PX = 3
MAX_STEPS = 8

Profile = npt.NDArray[np.float64]


def _smooth(profile: Profile, width: int) -> Profile:
    """A running median of odd width, which keeps steps."""
    width = min(width | 1, 255)
    if width < 3:
        return profile
    padded = np.pad(profile, width // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return np.asarray(np.median(windows, axis=1), np.float64)


def _notches(heights: Profile) -> list[int]:
    """Columns in the middle of a lowest part between two higher ones, from left to right."""
    cuts: list[int] = []
    peak = valley = float(heights[0])
    first = last = 0
    for column, height in enumerate(heights.tolist()):
        if height < valley:
            valley, first, last = height, column, column
        elif height == valley:
            last = column
        if valley <= NOTCH_SHARE * min(peak, height):
            cuts.append((first + last + 1) // 2)
            peak, valley, first, last = height, height, column, column
        elif height > peak:
            peak, valley, first, last = height, height, column, column
    return cuts


def _jump(profile: Profile, column: int, reach: int) -> float:
    """How much the profile's level differs left and right of a column."""
    left = profile[max(0, column - 3 * reach) : max(1, column - reach)]
    right = profile[column + reach : column + 3 * reach]
    return abs(float(np.median(left)) - float(np.median(right)))


def _dip(tops: Profile, column: int, reach: int) -> float:
    """How far the upper edge lies below the roofs on both sides of a column."""
    left = tops[max(0, column - 6 * reach) : column + 1].min()
    right = tops[column : column + 6 * reach + 1].min()
    return float(tops[column] - max(left, right))


def _steps(tops: Profile, bottoms: Profile, heights: Profile) -> list[int]:
    """Columns where the lower edge steps up or down and stays there, the largest steps first."""
    reach = max(1, round(STEP_WIDTH_SHARE / 2 * float(heights.max())))
    if len(bottoms) <= 4 * reach:
        return []
    change = np.abs(bottoms[2 * reach :] - bottoms[: -2 * reach])
    lower = np.minimum(heights[2 * reach :], heights[: -2 * reach])
    change = np.where(change >= np.maximum(MIN_STEP_PX, MIN_STEP_SHARE * lower), change, 0.0)
    cuts: list[int] = []
    for _ in range(MAX_STEPS):
        start = int(change.argmax())
        if change[start] == 0:
            break
        jump = _jump(bottoms, start + reach, reach) / lower[start]
        dip = _dip(tops, start + reach, reach) / lower[start]
        if jump >= STEP_SHARE or (jump >= MIN_STEP_SHARE and jump + dip >= STEP_AND_DIP_SHARE):
            steepest = np.abs(np.diff(bottoms[start : start + 2 * reach + 1])).argmax()
            cuts.append(start + int(steepest) + 1)
        change[max(0, start - 4 * reach) : start + 4 * reach + 1] = 0
    return cuts


def _wide_enough(cuts: list[int], heights: Profile) -> list[int]:
    """The cuts that leave parts of an object's shape."""
    kept: list[int] = []
    width = len(heights)
    for cut in sorted(cuts):
        start = kept[-1] if kept else 0
        for first, last in ((start, cut), (cut, width)):
            if last - first < max(MIN_WIDTH_PX, MIN_ASPECT * heights[first:last].max(initial=0)):
                break
        else:
            kept.append(cut)
    return kept


def split_columns(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Columns at which a region is to be cut into objects.

    Args:
        mask: (h, w) bool, a connected region in its bounding box.

    Returns:
        Columns in ascending order, each the first of the next object; empty for one object.
    """
    if mask.shape[1] < 2 * MIN_WIDTH_PX:
        return []
    rows = cv2.reduce(mask.view(np.uint8), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0]
    width = max(3, round(0.06 * float(rows.max())))
    heights = _smooth(rows.astype(np.float64), width)
    bottoms = _smooth((mask.shape[0] - mask[::-1].argmax(axis=0)).astype(np.float64), width)
    tops = _smooth(mask.argmax(axis=0).astype(np.float64), width)
    cuts = _notches(heights)
    cuts += [
        step
        for step in _steps(tops, bottoms, heights)
        if all(abs(step - cut) > MIN_WIDTH_PX + width for cut in cuts)
    ]
    return _wide_enough(cuts, heights)
