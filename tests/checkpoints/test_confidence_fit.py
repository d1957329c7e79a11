"""Fits of expected scores, and their file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vssn.checkpoints.confidence_fit import (
    IDENTITY,
    UNFITTED,
    ConfidenceFit,
    ConfidenceMap,
    fits_path,
    read_fits,
    write_fits,
)
from vssn.errors import CheckpointError

FITS = {
    "dis-chain": ConfidenceFit(8.5, ConfidenceMap((10.0, 50.0, 90.0), (20.0, 20.0, 95.5))),
    "flownets-chain": ConfidenceFit(12.25),
}


def test_fits_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "fits.json"
    write_fits(path, FITS)
    assert read_fits(path) == FITS
    assert [entry.name for entry in tmp_path.iterdir()] == ["fits.json"]


def test_without_a_file_there_are_none(tmp_path: Path) -> None:
    assert read_fits(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ("resnet50_segnet.h5", "resnet50_segnet_schedule.json"),
        ("resnet50_segnet.weights.h5", "resnet50_segnet_schedule.json"),
        ("model.ckpt", "model_schedule.json"),
    ],
)
def test_the_file_lies_beside_the_weights(tmp_path: Path, weights: str, expected: str) -> None:
    assert fits_path(tmp_path / weights) == tmp_path / expected


def test_a_map_interpolates_and_keeps_its_ends() -> None:
    rising = ConfidenceMap((10, 20), (40, 80))
    assert [rising(raw) for raw in (-5, 10, 15, 20, 99)] == [40, 40, 60, 80, 80]
    assert IDENTITY(-3.5) == -3.5


GOOD = {"rate": 9.0, "raw": [10, 20], "score": [40, 80]}


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"rate": -1},
        {"rate": [1, 2]},
        {"rate": "fast"},
        {"rate": float("nan")},
        {"raw": [20, 10]},
        {"raw": [10, 10]},
        {"score": [80, 40]},
        {"score": [40]},
        {"score": [40, float("inf")]},
        {"raw": [[10, 20]], "score": [[40, 80]]},
        {"raw": None},
    ],
)
def test_damaged_fits_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "fits.json"
    path.write_text(json.dumps({"fits": {"dis-chain": GOOD}}))
    assert read_fits(path)["dis-chain"].rate == 9
    path.write_text(json.dumps({"fits": {"dis-chain": GOOD | change}}))
    with pytest.raises(CheckpointError, match="run vssn fit-schedule again"):
        read_fits(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fits": 3}', '{"fits": {"a": 1}}', "{", "\x00"])
def test_files_of_something_else_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "fits.json"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"schedule fit '.*fits\.json'"):
        read_fits(path)


def test_unfitted_networks_start_somewhere() -> None:
    assert UNFITTED.rate > 0
    assert UNFITTED.calibration is IDENTITY
