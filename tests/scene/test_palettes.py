"""Palettes, and that the colour-blind can tell the classes apart."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import BadInputError
from vssn.labels import CLASS_NAMES, PALETTE_RGB
from vssn.scene.palettes import load_palette

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision
# deficiency" (IEEE TVCG, 2009): full deficiency, in linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def smallest_difference(colours_rgb: np.ndarray, matrix: np.ndarray) -> float:
    """The smallest CIE 1976 difference between two of the colours as they are seen."""
    linear = (colours_rgb[:11] / 255.0) ** 2.2
    seen = np.clip(linear @ matrix.T, 0, 1) ** (1 / 2.2)
    lab = cv2.cvtColor(seen[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0]
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(lab, 2))


@pytest.mark.parametrize("name", DEFICIENCIES)
def test_the_colour_blind_palette_differs_for_every_eye(name: str) -> None:
    matrix = DEFICIENCIES[name]
    ours = smallest_difference(load_palette("colour_blind").colours_rgb, matrix)
    assert ours > 15
    assert ours > smallest_difference(PALETTE_RGB, matrix)


def test_a_file_changes_the_colours_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps({"colours_rgb": {"car": [1, 2, 3]}}))
    palette = load_palette(tmp_path / "mine.json")
    assert palette.colour_bgr(CLASS_NAMES.index("car")) == (3, 2, 1)
    assert palette.colours_rgb[0].tolist() == PALETTE_RGB[0].tolist()
    labels = np.array([[8, 0, 11]], np.uint8)
    assert palette.paint_bgr(labels)[0].tolist() == [[3, 2, 1], [128, 128, 128], [0, 0, 0]]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ('{"colours_rgb": {"lorry": [1, 2, 3]}}', "no class 'lorry'"),
        ('{"colours_rgb": {"car": [1, 2, 300]}}', "0 to 255"),
        ('{"colours_rgb": {"car": [1, 2]}}', "2 values"),
        ('{"car": [1, 2, 3]}', "colours_rgb"),
        ("red", "no JSON"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, content: str, match: str) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(BadInputError, match=match):
        load_palette(tmp_path / "mine.json")


def test_other_names_are_refused() -> None:
    with pytest.raises(BadInputError, match="camvid, colour_blind or"):
        load_palette("sepia")
