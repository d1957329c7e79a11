"""Objects from a label map: the regions of a class, those that touch told apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from vssn.scene.splitting import split_columns
from vssn.types import Box, SceneObject, UInt8Array

BoolArray = npt.NDArray[np.bool_]

# What can be counted: pole, signsymbol, car, pedestrian, bicyclist. Sky, road and the like fill
# the view in a few large regions, whose boxes would say nothing.
COUNTABLE_CLASSES = (2, 6, 8, 9, 10)
# Cars, pedestrians and bicyclists stand side by side; poles and signs are narrow already.
SPLIT_CLASSES = (8, 9, 10)
MIN_AREA_SHARE = 0.001


def _object(label: int, mask: BoolArray, left: int, top: int) -> SceneObject:
    """An object of a mask whose first pixel lies at (left, top); the box fits tightly."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    box = Box(left + x, top + y, left + x + width, top + y + height)
    mask = mask[y : y + height, x : x + width]
    return SceneObject(label, box, int(np.count_nonzero(mask)), mask=mask)


def _components(
    labels: UInt8Array, label: int, min_area_px: float
) -> Iterator[tuple[BoolArray, int, int]]:
    """Masks of a class's 8-connected regions, with their left and top."""
    mask = cv2.inRange(labels, np.array(label), np.array(label))
    left, top, width, height = cv2.boundingRect(mask)
    if width == 0:
        return
    window = mask[top : top + height, left : left + width]
    _, regions, stats, _ = cv2.connectedComponentsWithStats(window, connectivity=8)
    # The first is the background.
    for number, (x, y, w, h, area) in enumerate(stats[1:].tolist(), start=1):
        if area >= min_area_px:
            yield regions[y : y + h, x : x + w] == number, left + x, top + y


def _parts(mask: BoolArray, min_area_px: float) -> Iterator[tuple[BoolArray, int]]:
    """The mask cut at the columns where one object ends, with each part's first column."""
    edges = [0, *split_columns(mask), mask.shape[1]]
    for start, end in pairwise(edges):
        part = mask[:, start:end]
        if np.count_nonzero(part) >= min_area_px:
            yield part, start


def find_objects(
    labels: UInt8Array,
    classes: Iterable[int] = COUNTABLE_CLASSES,
    min_area_share: float = MIN_AREA_SHARE,
    split: bool = True,
) -> list[SceneObject]:
    """Find the objects of the given classes.

    Args:
        labels: (H, W) uint8 class indices.
        classes: which ones to look for, such as ``range(11)`` for all.
        min_area_share: smaller regions, as a share of the frame, are left out.
        split: whether cars, pedestrians and bicyclists that touch in the image are told apart
            where their outline allows it; else each 8-connected region is one object.

    Returns:
        Objects with their masks, without distance; by class, then from top to bottom.
    """
    labels = np.ascontiguousarray(labels)
    min_area_px = min_area_share * labels.size
    found = []
    for label in classes:
        for mask, left, top in _components(labels, label, min_area_px):
            if split and label in SPLIT_CLASSES:
                parts = _parts(mask, min_area_px)
                found += [_object(label, part, left + start, top) for part, start in parts]
            else:
                found.append(_object(label, mask, left, top))
    return found


def polygons(found: SceneObject) -> list[list[list[int]]]:
    """An object's outer outlines as ``[[x, y], ...]`` in px of the frame.

    Args:
        found: with its mask; of one without, the box is the outline.

    Returns:
        One polygon for each connected part, the largest first, simplified to one px.
    """
    box = found.box
    if found.mask is None:
        corners = ((box.left, box.top), (box.right, box.top))
        lower = ((box.right, box.bottom), (box.left, box.bottom))
        return [[list(point) for point in (*corners, *lower)]]
    mask = found.mask.astype(np.uint8)
    outlines, _ = cv2.findContours(
        mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(box.left, box.top)
    )
    simple = [cv2.approxPolyDP(outline, 1.0, closed=True) for outline in outlines]
    simple.sort(key=cv2.contourArea, reverse=True)
    return [np.asarray(outline, np.int64).reshape(-1, 2).tolist() for outline in simple]
