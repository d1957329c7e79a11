"""Images, labels and masks."""

from __future__ import annotations

import io
import os
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from vssn.errors import MediaError
from vssn.labels import PALETTE_RGB, colour_mask_bgr
from vssn.media.images import read_image_bgr, read_label, write_image
from vssn.media.sinks import MaskFolder
from vssn.scene.export import cityscapes_ids
from vssn.types import FramePath, FrameResult, TimedFrame

NOISE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
INDICES = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm"])
def test_an_image_is_read_as_bgr(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"i{suffix}"
    cv2.imwrite(str(path), NOISE)
    assert np.array_equal(read_image_bgr(path), NOISE)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_images_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"i{suffix}"
    cv2.imwrite(str(path), np.full((20, 30, 3), (200, 50, 20), np.uint8))
    assert np.abs(read_image_bgr(path).astype(int) - (200, 50, 20)).max() < 6


@pytest.mark.parametrize(("bits", "warned"), [(10, True), (12, True), (16, False)])
def test_16_bit_images_are_scaled_by_the_bits_they_hold(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bits: int, warned: bool
) -> None:
    path = tmp_path / "i.png"
    cv2.imwrite(str(path), NOISE.astype(np.uint16) << (bits - 8))
    assert np.array_equal(read_image_bgr(path), NOISE)
    assert (f"holds {bits} bits" in caplog.text) == warned


def test_exif_turns_an_image_and_the_label_error_says_so(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees clockwise to be seen
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "i.jpg", exif=exif)
    assert read_image_bgr(tmp_path / "i.jpg").shape == (30, 20, 3)
    cv2.imwrite(str(tmp_path / "l.png"), np.zeros((20, 30), np.uint8))
    with pytest.raises(MediaError, match="EXIF"):
        read_label(tmp_path / "l.png", (30, 20))


def test_a_label_is_read_as_indices(tmp_path: Path) -> None:
    path = tmp_path / "l.png"
    cv2.imwrite(str(path), INDICES)
    assert np.array_equal(read_label(path, (3, 4)), INDICES)
    with pytest.raises(MediaError, match="4x3 px: expected its image's 8x6 px"):
        read_label(path, (6, 8))


def test_a_palette_label_is_read_as_indices(tmp_path: Path) -> None:
    image = Image.fromarray(INDICES, "P")
    image.putpalette(NOISE.reshape(-1)[:768].tolist())
    image.save(tmp_path / "l.png")
    assert np.array_equal(read_label(tmp_path / "l.png"), INDICES)


def test_255_is_void(tmp_path: Path) -> None:
    label = np.where(INDICES == 5, np.uint8(255), INDICES)
    cv2.imwrite(str(tmp_path / "l.png"), label)
    assert np.array_equal(read_label(tmp_path / "l.png"), np.where(INDICES == 5, 11, INDICES))


def test_equal_red_green_and_blue_are_the_index(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "l.png"), np.repeat(INDICES[..., None], 3, 2))
    assert np.array_equal(read_label(tmp_path / "l.png"), INDICES)


def test_camvids_own_colours_become_the_scored_classes(tmp_path: Path) -> None:
    colours = {  # from its label_colors.txt
        "Sky": ((128, 128, 128), 0),
        "Archway": ((192, 0, 128), 1),
        "TrafficCone": ((0, 0, 64), 2),
        "LaneMkgsDriv": ((128, 0, 192), 3),
        "Sidewalk": ((0, 0, 192), 4),
        "VegetationMisc": ((192, 192, 0), 5),
        "TrafficLight": ((0, 64, 64), 6),
        "Fence": ((64, 64, 128), 7),
        "SUVPickupTruck": ((64, 128, 192), 8),
        "Child": ((192, 128, 64), 9),
        "MotorcycleScooter": ((192, 0, 192), 10),
        "Void": ((0, 0, 0), 11),
    }
    rgb = np.array([[colour for colour, _ in colours.values()]], np.uint8)
    Image.fromarray(rgb).save(tmp_path / "l.png")
    assert read_label(tmp_path / "l.png").tolist() == [[index for _, index in colours.values()]]


def test_masks_written_here_can_be_read_as_labels(tmp_path: Path) -> None:
    write_image(tmp_path / "m.png", colour_mask_bgr(INDICES))
    assert np.array_equal(read_label(tmp_path / "m.png"), INDICES)


@pytest.mark.parametrize(
    ("label", "named"),
    [
        (np.full((3, 4), 12, np.uint8), "values 12"),
        (np.arange(30, dtype=np.uint8).reshape(5, 6), "values 12, 13, 14, 15, 16, ..."),
        (np.zeros((3, 4), np.uint16), "uint16"),
        (NOISE, "colours"),
    ],
)
def test_what_is_no_index_label_is_refused(tmp_path: Path, label: np.ndarray, named: str) -> None:
    cv2.imwrite(str(tmp_path / "l.png"), label)
    with pytest.raises(MediaError, match="class indices 0 to 11") as caught:
        read_label(tmp_path / "l.png")
    assert named in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_lossy_labels_are_refused(tmp_path: Path, suffix: str) -> None:
    cv2.imwrite(str(tmp_path / f"l{suffix}"), np.zeros((16, 16), np.uint8))
    with pytest.raises(MediaError, match="lossy"):
        read_label(tmp_path / f"l{suffix}")


@pytest.mark.parametrize("content", [None, b"", b"text" * 100])
def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "i.png"
    if content is not None:
        path.write_bytes(content)
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError, match=r"i\.png") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_formats_that_run_programs_are_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(NOISE).save(buffer, "EPS")
    (tmp_path / "i.png").write_bytes(buffer.getvalue())
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError):
            read(tmp_path / "i.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_half_an_image_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"i{suffix}"
    cv2.imwrite(str(path), NOISE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError):
        read_image_bgr(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    for given in (tmp_path, tmp_path / "fifo.png", tmp_path / ("a" * 300 + ".png")):
        with pytest.raises(MediaError):
            read_image_bgr(given)


def png_chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    (tmp_path / "i.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", data)
        + png_chunk(b"IEND", b"")
    )
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError, match="at most 134217728 pixels"):
            read(tmp_path / "i.png")


@pytest.mark.parametrize("harm", ["checksum", "tail", "missing end"])
def test_a_damaged_label_is_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "l.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 12, (40, 40), np.uint8))
    content = bytearray(path.read_bytes())
    if harm == "checksum":
        content[len(content) // 2] ^= 1
    elif harm == "tail":
        content[-60:] = bytes(60)
    else:
        del content[-12:]
    path.write_bytes(content)
    with pytest.raises(MediaError):
        read_label(path)


def test_a_label_without_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "l.png"
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)
    content = path.read_bytes()
    start = content.index(b"IDAT") - 4
    size = int.from_bytes(content[start : start + 4], "big")
    path.write_bytes(content[:start] + content[start + 12 + size :])
    with pytest.raises(MediaError, match="replace the damaged file"):
        read_label(path)


def test_masks_are_numbered_palette_images_of_the_labels_size(tmp_path: Path) -> None:
    masks = MaskFolder(tmp_path / "new" / "folder")
    for index, labels in enumerate((INDICES, INDICES[:2])):
        frame = TimedFrame(index, Fraction(index), NOISE)
        masks.write(frame, FrameResult(index, labels, FramePath.SEGMENT, None, 0))
    masks.close()
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == ["mask0.png", "mask1.png"]
    assert np.array_equal(read_image_bgr(files[0])[..., ::-1], PALETTE_RGB[INDICES])
    assert read_image_bgr(files[1]).shape == (2, 4, 3)


def test_palette_masks_hold_indices_and_show_colours(tmp_path: Path) -> None:
    masks = MaskFolder(tmp_path, None)
    frame = TimedFrame(0, Fraction(0), NOISE)
    masks.write(frame, FrameResult(0, INDICES, FramePath.SEGMENT, None, 0))
    with Image.open(tmp_path / "mask0.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), INDICES)
    assert np.array_equal(read_image_bgr(tmp_path / "mask0.png")[..., ::-1], PALETTE_RGB[INDICES])
    assert np.array_equal(read_label(tmp_path / "mask0.png"), INDICES)


def test_masks_may_hold_other_numbers(tmp_path: Path) -> None:
    masks = MaskFolder(tmp_path, cityscapes_ids)
    masks.write(
        TimedFrame(0, Fraction(0), NOISE), FrameResult(0, INDICES, FramePath.SEGMENT, None, 0)
    )
    with Image.open(tmp_path / "mask0.png") as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), cityscapes_ids(INDICES))


def test_a_mask_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"No such file|Not a directory"):
        write_image(tmp_path / "missing" / "m.png", np.zeros((3, 4), np.uint8))
    (tmp_path / "file").write_text("x")
    with pytest.raises(MediaError, match="output directory"):
        MaskFolder(tmp_path / "file")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"])
@pytest.mark.parametrize(
    "form", ["EPS", "PDF", "GIF", "ICO", "ICNS", "TGA", "PCX", "SGI", "DDS", "JPEG2000"]
)
def test_another_format_under_an_allowed_name_is_refused(
    tmp_path: Path, form: str, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    try:
        Image.new("RGB", (32, 32), (200, 10, 10)).save(path, format=form)
    except (OSError, KeyError):
        pytest.skip(f"this Pillow writes no {form}")
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError):
            read(path)


@pytest.mark.parametrize(
    "content",
    [
        b"8BPS\0\1" + bytes(6) + b"\0\3" + b"\0\0\0\x20" * 2 + b"\0\x08\0\3" + bytes(4000),
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 9,9 '/etc/passwd'\n",
    ],
)
def test_what_would_be_run_or_leads_elsewhere_is_no_image(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(content)
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError):
            read(path)
