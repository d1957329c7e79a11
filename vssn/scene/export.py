"""Objects and labels in other projects' forms: supervision, COCO, Cityscapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from vssn.errors import BadInputError
from vssn.labels import CLASS_NAMES, LABELS, colour_mask_bgr
from vssn.scene.objects import BoolArray, find_objects
from vssn.types import FrameResult, SceneObject, UInt8Array

CITYSCAPES_VOID = 255
# Cityscapes' label ids of its training ids 0 to 18 (cityscapesScripts, helpers/labels.py).
CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


def _objects(result: FrameResult) -> list[SceneObject]:
    return list(find_objects(result.labels) if result.objects is None else result.objects)


def _frame_mask(found: SceneObject, hw: tuple[int, int]) -> BoolArray:
    """An object's mask in the whole frame."""
    mask = np.zeros(hw, np.bool_)
    box = found.box
    mask[box.top : box.bottom, box.left : box.right] = True if found.mask is None else found.mask
    return mask


def to_supervision(result: FrameResult) -> Any:
    """A frame's objects as ``supervision.Detections``, for supervision's annotators.

    Args:
        result: its objects, or those that its labels show where nobody looked for them yet.

    Returns:
        ``Detections`` with boxes, masks, class ids (CamVid's), tracker ids where all objects have
        one, and under ``data`` ``class_name`` and ``distance_m``, NaN where there is none.

    Raises:
        BadInputError: supervision is not installed.
    """
    try:
        import supervision
    except ImportError as error:
        raise BadInputError(
            "to_supervision()", "the package supervision", "pip install supervision"
        ) from error
    found = _objects(result)
    if not found:
        return supervision.Detections.empty()
    boxes = [(each.box.left, each.box.top, each.box.right, each.box.bottom) for each in found]
    tracks = [each.track for each in found]
    distances = [np.nan if each.distance_m is None else each.distance_m for each in found]
    return supervision.Detections(
        xyxy=np.array(boxes, np.float32),
        mask=np.stack([_frame_mask(each, result.labels.shape) for each in found]),
        class_id=np.array([each.label for each in found]),
        tracker_id=None if None in tracks else np.array(tracks),
        data={
            "class_name": np.array([CLASS_NAMES[each.label] for each in found]),
            "distance_m": np.array(distances),
        },
    )


def run_lengths(mask: BoolArray) -> list[int]:
    """COCO's uncompressed run-length encoding: runs of 0 and of 1 in turn, column by column.

    Args:
        mask: (H, W) bool.

    Returns:
        The runs' lengths, that of 0 first; it may be 0. See the COCO API's ``mask.py``.
    """
    flat = mask.ravel(order="F").view(np.uint8)
    ends = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff(np.concatenate([[0], ends, [len(flat)]])).tolist()
    return [0, *lengths] if flat[0] else lengths


def to_coco(result: FrameResult) -> list[dict[str, Any]]:
    """A frame's objects as COCO annotations.

    Args:
        result: its objects, or those that its labels show where nobody looked for them yet.

    Returns:
        A list of annotations, of values that JSON holds: ``id`` from 1 within the frame,
        ``image_id`` the frame's number, ``category_id`` CamVid's class index, ``bbox`` as
        [left, top, width, height], ``area`` in px, ``segmentation`` in uncompressed run-length
        encoding (pycocotools compresses it with ``frPyObjects``), ``iscrowd`` 0, and, beyond
        COCO, ``track_id`` and ``distance_m`` where they are known.
    """
    height, width = result.labels.shape
    annotations = []
    for number, found in enumerate(_objects(result), start=1):
        box = found.box
        mask = _frame_mask(found, (height, width))
        annotation: dict[str, Any] = {
            "id": number,
            "image_id": result.index,
            "category_id": found.label,
            "bbox": [box.left, box.top, box.right - box.left, box.bottom - box.top],
            "area": int(np.count_nonzero(mask)),
            "segmentation": {"size": [height, width], "counts": run_lengths(mask)},
            "iscrowd": 0,
        }
        if found.track is not None:
            annotation["track_id"] = found.track
        if found.distance_m is not None:
            annotation["distance_m"] = round(found.distance_m, 2)
        annotations.append(annotation)
    return annotations


def coco_categories() -> list[dict[str, Any]]:
    """The classes as COCO categories, for ``category_id`` of :func:`to_coco`."""
    return [{"id": label.index, "name": label.name} for label in LABELS[: len(CLASS_NAMES)]]


# What the numbers in a mask mean, by the name that users give.
MASK_KINDS: dict[str, Callable[[UInt8Array], UInt8Array] | None] = {
    "palette": None,
    "colours": colour_mask_bgr,
    "cityscapes": lambda labels: cityscapes_ids(labels),
    "cityscapes_train": lambda labels: cityscapes_ids(labels, train=True),
}


def cityscapes_ids(labels: UInt8Array, train: bool = False) -> UInt8Array:
    """Turn CamVid's classes into Cityscapes' of the same meaning.

    Args:
        labels: (H, W) uint8 class indices.
        train: give training ids (0 to 18, void 255) instead of label ids (7 to 33, void 0).

    Returns:
        (H, W) uint8.
    """
    table = np.full(256, CITYSCAPES_VOID if train else 0, np.uint8)
    for label in LABELS:
        if label.cityscapes is not None:
            table[label.index] = label.cityscapes if train else CITYSCAPES_IDS[label.cityscapes]
    return table[labels]
