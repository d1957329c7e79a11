"""Reading and writing single images, labels and masks."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vssn.errors import MediaError
from vssn.files import atomic_path
from vssn.labels import VOID
from vssn.scene.draw import colour_mask_bgr
from vssn.types import UInt8Array

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def _read(path: Path, kind: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise MediaError(
            f"{kind} '{path}' ({error.strerror})", "a readable file", "check the path"
        ) from error


def _no_image(path: Path, kind: str) -> MediaError:
    return MediaError(f"{kind} '{path}'", "a PNG or JPEG image", "replace the damaged file")


def read_image_bgr(path: Path) -> UInt8Array:
    """Read an image as (H, W, 3) uint8 BGR.

    Raises:
        MediaError: missing, or no image.
    """
    data = np.frombuffer(_read(path, "image"), np.uint8)
    try:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except cv2.error:  # its header states a size beyond OpenCV's limit
        image = None
    if image is None:
        raise _no_image(path, "image")
    return np.asarray(image, np.uint8)


def _decode_indices(path: Path) -> npt.NDArray[np.generic]:
    """A label image's values; of one with a palette the indices, not the colours."""
    data = io.BytesIO(_read(path, "label"))
    try:
        with warnings.catch_warnings(), Image.open(data) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return np.asarray(image)
    # What Pillow raises on damaged files depends on where the damage is.
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise _no_image(path, "label") from error


def read_label(path: Path, hw: tuple[int, int] | None = None) -> UInt8Array:
    """Read a label image as (H, W) uint8 class indices, 0-10 and 11 for void.

    Args:
        path: a PNG whose one channel, or palette index, is the class index.
        hw: size that the label must have, where it is known.

    Raises:
        MediaError: missing, no image, coloured, with other indices, or of another size.
    """
    label = _decode_indices(path)
    if label.ndim != 2 or label.dtype != np.uint8 or np.max(label, initial=0) > VOID:
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
    return label.astype(np.uint8)


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


def write_mask(
    path: Path, labels: UInt8Array, paint: Callable[[UInt8Array], UInt8Array] = colour_mask_bgr
) -> None:
    """Write (H, W) uint8 labels as a PNG in the CamVid palette, atomically.

    Args:
        path: the file.
        labels: class indices.
        paint: makes a uint8 BGR picture of them.

    Raises:
        MediaError: the file can't be written.
    """
    write_image(path, paint(labels))
