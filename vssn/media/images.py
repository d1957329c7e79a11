"""Reading and writing single images, labels and masks."""

from __future__ import annotations

import io
import logging
import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vssn.errors import MediaError
from vssn.files import atomic_path, is_file
from vssn.labels import VOID
from vssn.media.camvid_colours import indices_of_colours
from vssn.types import UInt8Array

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
# What Pillow may try: no format that starts a program (EPS) or draws text.
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM")
LOSSLESS = ("PNG", "BMP", "TIFF", "PPM")
MAX_PIXELS = 1 << 27  # 134 million: larger than any camera, and 400 MB as BGR
MAX_BYTES = 1 << 30
HEAD_BYTES = 512  # in which an animated PNG or WebP says that it is one
JPEG_END = b"\xff\xd9"
VOID_ELSEWHERE = 255  # void in most other data sets
UNREADABLE = (
    *(OSError, SyntaxError, ValueError, LookupError, EOFError, ArithmeticError, TypeError),
    *(struct.error, zlib.error),
)
EXPECTED = {
    "image": "a PNG, JPEG, BMP, TIFF, WebP or PPM image",
    "label": "a whole PNG, BMP, TIFF or PPM image",
}
# Depths, in bits, that cameras export in 16-bit files.
CAMERA_BITS = (10, 12)


def is_still(path: Path) -> bool:
    """Whether a file is called an image, and does not say to be an animated one."""
    if path.suffix.lower() not in IMAGE_SUFFIXES or not is_file(path):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:  # reading it as an image will tell
        return True
    return b"acTL" not in head and not (head[8:12] == b"WEBP" and b"ANIM" in head)


def _read(path: Path, kind: str) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError(0, "not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(0, f"{status.st_size} bytes")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        given = f"{kind} '{path}' ({reason})"
        raise MediaError(given, "a readable file", "check the path") from error


def _no_image(path: Path, kind: str, what: str = "") -> MediaError:
    given = f"{kind} '{path}'" + (f" ({what})" if what else "")
    return MediaError(given, EXPECTED[kind], "replace the damaged file")


@contextmanager
def _opened(path: Path, data: bytes, kind: str) -> Iterator[Image.Image]:
    """Pillow's view of an image of an allowed format and size; only its header is read.

    Raises:
        MediaError: another format, too large, or damaged; also where the body of the ``with``
            statement finds the damage.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes and damage: both are checked here
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _too_large(path, kind, f"{image.width}x{image.height} px")
                yield image
    except Image.DecompressionBombError as error:
        raise _too_large(path, kind, "hundreds of millions of pixels") from error
    # What Pillow raises on damaged files depends on where the damage is.
    except UNREADABLE as error:
        raise _no_image(path, kind) from error


def _too_large(path: Path, kind: str, size: str) -> MediaError:
    return MediaError(f"{kind} '{path}' of {size}", f"at most {MAX_PIXELS} pixels", "scale it down")


def read_image_bgr(path: Path) -> UInt8Array:
    """Read an image as (H, W, 3) uint8 BGR, turned as its EXIF orientation says.

    16-bit images are scaled to 8; those that hold 10 or 12 bits only, as cameras export them, by
    these bits.

    Raises:
        MediaError: missing, no image, too large, or cut short.
    """
    data = _read(path, "image")
    with _opened(path, data, "image") as header:
        cut = header.format == "JPEG" and data.rfind(JPEG_END) < 0
        if header.format == "PNG":
            header.verify()  # the checksums: OpenCV would print what it makes of wrong ones
    if cut:
        raise _no_image(path, "image", "it ends early")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error:  # its header states a size beyond OpenCV's limit
        image = None
    if image is None or image.ndim != 3:
        raise _no_image(path, "image")
    return _to_8_bits(path, np.asarray(image))


def _to_8_bits(path: Path, image: npt.NDArray[np.generic]) -> UInt8Array:
    if image.dtype == np.uint8:
        return np.asarray(image, np.uint8)
    if image.dtype != np.uint16:
        raise _no_image(path, "image", f"pixels of {image.dtype}")
    used = int(np.max(image, initial=0)).bit_length()
    bits = next((bits for bits in CAMERA_BITS if used <= bits), 16)
    if bits != 16:
        logger.warning("image '%s': 16-bit, but holds %d bits; scaled by these", path, bits)
    return np.asarray(np.right_shift(image.astype(np.uint16), bits - 8), np.uint8)


def _decode_label(path: Path) -> npt.NDArray[np.generic]:
    """A label image's values; of one with a palette the indices, not the colours."""
    data = _read(path, "label")
    with _opened(path, data, "label") as image:
        if image.format not in LOSSLESS:
            raise MediaError(
                f"label '{path}', a {image.format}",
                "a PNG: lossy formats change the indices at every border",
                "make the labels again as PNG",
            )
        if image.format == "PNG":
            image.verify()  # the checksums; it reads the file to its end
    with _opened(path, data, "label") as image:
        return np.asarray(image)


def _indices(values: npt.NDArray[np.generic]) -> UInt8Array | None:
    """Class indices of a label's values, or None where they are something else."""
    if values.dtype != np.uint8:
        return None
    label = np.asarray(values, np.uint8)
    if label.ndim == 3:
        if label.shape[2] not in (3, 4):
            return None
        colours = label[..., :3]
        if (colours == colours[..., :1]).all() and np.isin(
            colours, (*range(VOID + 1), VOID_ELSEWHERE)
        ).all():
            label = colours[..., 0]
        else:
            return indices_of_colours(colours)
    label = np.where(label == VOID_ELSEWHERE, np.uint8(VOID), label)
    return label if np.max(label, initial=0) <= VOID else None


def read_label(path: Path, hw: tuple[int, int] | None = None) -> UInt8Array:
    """Read a label image as (H, W) uint8 class indices, 0-10 and 11 for void.

    Args:
        path: an image of a lossless format whose one channel, palette index, or equal red, green
            and blue are the class index, 11 or 255 for void; or CamVid's own colours.
        hw: size that the label must have, where it is known.

    Raises:
        MediaError: missing, no image, damaged, lossy, with other indices or colours, or of
            another size.
    """
    values = _decode_label(path)
    label = _indices(values)
    if label is None:
        raise MediaError(
            f"label '{path}' ({_describe(values)})",
            f"class indices 0 to {VOID}, 255 for void, or CamVid's colours",
            f"mark void as {VOID} or 255, and make the labels' classes these",
        )
    if hw is not None and label.shape != hw:
        turned = " (the image's EXIF orientation may have turned it)" * (label.shape == hw[::-1])
        raise MediaError(
            f"label '{path}' of {label.shape[1]}x{label.shape[0]} px",
            f"its image's {hw[1]}x{hw[0]} px{turned}",
            "use image and label of one size and orientation",
        )
    return label


def _describe(values: npt.NDArray[np.generic]) -> str:
    if values.ndim == 3:
        return f"colours of {values.shape[2]} channels"
    if values.dtype == np.uint8:
        wrong = np.unique(np.asarray(values, np.uint8))
        named = [str(v) for v in wrong if v > VOID and v != VOID_ELSEWHERE]
        return "values " + ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
    return f"values of {values.dtype}"


def write_image(path: Path, image: UInt8Array) -> None:
    """Write (H, W, 3) uint8 BGR or (H, W) uint8 in the format that the suffix names, atomically.

    Raises:
        MediaError: the file can't be written.
    """
    # Encoding apart from writing lets a full disk tell its own error.
    _, data = cv2.imencode(path.suffix, image)
    _write(path, data.tobytes())


def write_palette_image(path: Path, indices: UInt8Array, palette_rgb: UInt8Array) -> None:
    """Write (H, W) uint8 indices as a PNG that shows them in a palette's colours, atomically.

    Args:
        path: the file.
        indices: of the palette's colours.
        palette_rgb: (N, 3) uint8.

    Raises:
        MediaError: the file can't be written.
    """
    image = Image.fromarray(np.ascontiguousarray(indices), "L")
    image.putpalette(palette_rgb.tobytes())
    data = io.BytesIO()
    image.save(data, "PNG")
    _write(path, data.getvalue())


def _write(path: Path, data: bytes) -> None:
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
    except OSError as error:
        raise MediaError(
            f"image '{path}' ({error.strerror})",
            "a writable file",
            "check the disk's space and permissions",
        ) from error
