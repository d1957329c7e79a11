"""Reading and writing single images, labels and masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from vssn.datatypes import UInt8Array
from vssn.errors import MediaError
from vssn.files import atomic_path
from vssn.labels import VOID
from vssn.scene.draw import colour_mask_bgr


def _decode(path: Path, kind: str, flags: int) -> UInt8Array:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise MediaError(
            f"{kind} '{path}' ({error.strerror})", "a readable file", "check the path"
        ) from error
    try:
        image = cv2.imdecode(data, flags) if data.size else None
    except cv2.error:  # its header states a size beyond OpenCV's limit
        image = None
    if image is None:
        raise MediaError(f"{kind} '{path}'", "a PNG or JPEG image", "replace the damaged file")
    return image  # type: ignore[return-value]


def read_image_bgr(path: Path) -> UInt8Array:
    """Read an image as (H, W, 3) uint8 BGR.

    Raises:
        MediaError: missing, or no image.
    """
    return _decode(path, "image", cv2.IMREAD_COLOR)


def read_label(path: Path, hw: tuple[int, int] | None = None) -> UInt8Array:
    """Read a label image as (H, W) uint8 class indices, 0-10 and 11 for void.

    Args:
        path: a single-channel PNG that holds the class index.
        hw: size that the label must have, where it is known.

    Raises:
        MediaError: missing, no image, coloured, with other indices, or of another size.
    """
    label = _decode(path, "label", cv2.IMREAD_UNCHANGED)
    if label.ndim != 2 or label.dtype != np.uint8 or label.max(initial=0) > VOID:
        raise MediaError(
            f"label '{path}'",
            f"one channel of class indices 0 to {VOID}",
            "use CamVid's index labels, not coloured ones",
        )
    if hw is not None and label.shape != hw:
        raise MediaError(
            f"label '{path}' of {label.shape[1]}x{label.shape[0]} px",
            f"its image's {hw[1]}x{hw[0]} px",
            "use image and label of one size",
        )
    return label


def write_image(path: Path, image_bgr: UInt8Array) -> None:
    """Write (H, W, 3) uint8 BGR in the format that the suffix names, atomically.

    Raises:
        MediaError: the file can't be written.
    """
    # Encoding apart from writing lets a full disk tell its own error.
    _, data = cv2.imencode(path.suffix, image_bgr)
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(data.tobytes())
    except OSError as error:
        raise MediaError(
            f"image '{path}' ({error.strerror})",
            "a writable file",
            "check the disk's space and permissions",
        ) from error


def write_mask(path: Path, labels: UInt8Array) -> None:
    """Write (H, W) uint8 labels as a PNG in the CamVid palette, atomically.

    Raises:
        MediaError: the file can't be written.
    """
    write_image(path, colour_mask_bgr(labels))
