"""Images, labels and masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.labels import PALETTE_RGB
from vssn.media.images import read_image_bgr, read_label, write_mask
from vssn.media.sinks import MaskFolder


def test_an_image_is_read_as_bgr(tmp_path: Path) -> None:
    path = tmp_path / "i.png"
    image = np.zeros((5, 7, 3), np.uint8)
    image[..., 0] = 200
    cv2.imwrite(str(path), image)
    assert np.array_equal(read_image_bgr(path), image)


def test_a_label_is_read_as_indices(tmp_path: Path) -> None:
    path = tmp_path / "l.png"
    label = np.arange(12, dtype=np.uint8).reshape(3, 4)
    cv2.imwrite(str(path), label)
    assert np.array_equal(read_label(path, (3, 4)), label)
    with pytest.raises(MediaError, match="4x3 px: expected its image's 8x6 px"):
        read_label(path, (6, 8))


@pytest.mark.parametrize(
    "label",
    [
        np.full((3, 4), 12, np.uint8),
        np.zeros((3, 4, 3), np.uint8),
        np.zeros((3, 4), np.uint16),
    ],
)
def test_what_is_no_index_label_is_refused(tmp_path: Path, label: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "l.png"), label)
    with pytest.raises(MediaError, match="class indices 0 to 11"):
        read_label(tmp_path / "l.png")


@pytest.mark.parametrize("content", [None, b"", b"text" * 100])
def test_what_is_no_image_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "i.png"
    if content is not None:
        path.write_bytes(content)
    for read in (read_image_bgr, read_label):
        with pytest.raises(MediaError, match=r"i\.png") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_half_an_image_and_a_directory_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "i.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    path.write_bytes(path.read_bytes()[:2000])
    for given in (path, tmp_path):
        with pytest.raises(MediaError):
            read_image_bgr(given)


def test_masks_are_numbered_palette_images_of_the_labels_size(tmp_path: Path) -> None:
    labels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    masks = MaskFolder(tmp_path / "new" / "folder")
    masks.write(labels)
    masks.write(labels[:2])
    masks.close()
    files = sorted((tmp_path / "new" / "folder").iterdir())
    assert [file.name for file in files] == ["mask0.png", "mask1.png"]
    assert np.array_equal(read_image_bgr(files[0])[..., ::-1], PALETTE_RGB[labels])
    assert read_image_bgr(files[1]).shape == (2, 4, 3)


def test_a_mask_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"No such file|Not a directory"):
        write_mask(tmp_path / "missing" / "m.png", np.zeros((3, 4), np.uint8))
    (tmp_path / "file").write_text("x")
    with pytest.raises(MediaError, match="output directory"):
        MaskFolder(tmp_path / "file")
