"""The stills layout."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.data.stills import list_stills
from vssn.errors import MediaError


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    for name in ("b", "a"):
        image = np.full((6, 8, 3), (10, 20, 30), np.uint8)
        cv2.imwrite(str(tmp_path / f"train/{name}.png"), image)
        cv2.imwrite(str(tmp_path / f"trainannot/{name}.png"), np.full((6, 8), 4, np.uint8))
    (tmp_path / "train/notes.txt").write_text("no image")
    return tmp_path


def test_stills_are_listed_by_name_with_their_labels(data_dir: Path) -> None:
    stills = list_stills(data_dir, "train")
    assert [still.image.name for still in stills] == ["a.png", "b.png"]
    image, label = stills[0].load_bgr()
    assert image[0, 0].tolist() == [10, 20, 30]
    assert stills[0].load_rgb()[0][0, 0].tolist() == [30, 20, 10]
    assert (label == 4).all()


def test_a_missing_folder_or_label_is_refused(data_dir: Path) -> None:
    with pytest.raises(MediaError, match="val' without images"):
        list_stills(data_dir, "val")
    (data_dir / "trainannot/b.png").unlink()
    with pytest.raises(MediaError, match=r"b\.png.*add the label"):
        list_stills(data_dir, "train")


def test_stills_without_labels_are_void(data_dir: Path) -> None:
    (data_dir / "trainannot/b.png").unlink()
    stills = list_stills(data_dir, "train", labelled=False)
    assert [still.image.name for still in stills] == ["a.png", "b.png"]
    image, label = stills[1].load_bgr()
    assert label.shape == image.shape[:2]
    assert label.dtype == np.uint8
    assert (label == 11).all()


def test_a_label_of_another_size_is_refused(data_dir: Path) -> None:
    cv2.imwrite(str(data_dir / "trainannot/a.png"), np.zeros((5, 8), np.uint8))
    with pytest.raises(MediaError, match="8x5 px: expected its image's 8x6 px"):
        list_stills(data_dir, "train")[0].load_rgb()
