"""Fits of the predicted confidence, and their file."""

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
from vssn.json_files import content_digest

FITS = {
    "dis-chain": ConfidenceFit(8.5, 2.0, ConfidenceMap((10.0, 50.0, 90.0), (20.0, 20.0, 95.5))),
    "flownets-chain": ConfidenceFit(12.25, 0.5),
}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file that stands for weights; its hash alone counts."""
    path = tmp_path / "net.h5"
    path.write_bytes(b"weights")
    return path


def test_fits_come_back_as_they_were_written(weights: Path) -> None:
    assert write_fits(weights, FITS) == fits_path(weights)
    assert read_fits(weights) == FITS
    assert sorted(entry.name for entry in weights.parent.iterdir()) == [
        "net.h5",
        "net_schedule.json",
    ]


def test_without_a_file_there_are_none(weights: Path) -> None:
    assert read_fits(weights) == {}


def test_fits_of_other_weights_are_left_out_and_a_warning_says_so(
    weights: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_fits(weights, FITS)
    weights.write_bytes(b"trained further")
    assert read_fits(weights) == {}
    assert "was fitted to other weights" in caplog.text
    assert "run vssn fit-schedule" in caplog.text


def test_the_same_weights_in_another_file_keep_their_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is read of either file is the same; see test_segnet_weights.py for that.
    monkeypatch.setattr("vssn.checkpoints.confidence_fit._segnet_digest", lambda path: "same")
    keras, frozen = tmp_path / "net.h5", tmp_path / "net.pb"
    keras.write_bytes(b"one kind of file")
    frozen.write_bytes(b"another")
    write_fits(keras, FITS)
    assert read_fits(frozen) == FITS


def test_a_tf1_checkpoint_is_all_of_its_files(tmp_path: Path) -> None:
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    for path in (data, tmp_path / "model.ckpt.index"):
        path.write_bytes(path.name.encode())
    prefix = tmp_path / "model.ckpt"
    write_fits(prefix, FITS)
    assert read_fits(prefix) == FITS
    data.write_bytes(b"other")
    assert read_fits(prefix) == {}


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


@pytest.mark.parametrize(
    "change",
    [
        {"rate": 0},
        {"rate": -1},
        {"flicker": 0},
        {"rate": [1, 2]},
        {"rate": "fast"},
        {"rate": float("nan")},
        {"calibration": {"raw": [20, 10], "score": [40, 80]}},
        {"calibration": {"raw": [10, 10], "score": [40, 80]}},
        {"calibration": {"raw": [10, 20], "score": [80, 40]}},
        {"calibration": {"raw": [10, 20], "score": [40]}},
        {"calibration": {"raw": [10, 20], "score": [40, float("inf")]}},
        {"calibration": {"raw": [[10, 20]], "score": [[40, 80]]}},
        {"calibration": None},
    ],
)
def test_damaged_fits_are_refused(weights: Path, change: dict[str, Any]) -> None:
    path = write_fits(weights, FITS)
    content = json.loads(path.read_text())
    content["fits"]["dis-chain"] |= change
    content["sha256"] = content_digest(content)
    path.write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match="run vssn fit-schedule again"):
        read_fits(weights)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fits": 3}', '{"fits": {"a": 1}}', "{", "\x00"])
def test_files_of_something_else_are_refused(weights: Path, text: str) -> None:
    fits_path(weights).write_text(text)
    with pytest.raises(CheckpointError, match=r"schedule fit '.*net_schedule\.json'"):
        read_fits(weights)


def test_fits_that_were_changed_are_refused(weights: Path) -> None:
    path = write_fits(weights, FITS)
    path.write_text(path.read_text().replace('"flicker": ', '"flicker": 1'))
    with pytest.raises(CheckpointError, match="its checksum is wrong, so it was changed"):
        read_fits(weights)


def test_unfitted_networks_start_somewhere() -> None:
    assert min(UNFITTED.rate, UNFITTED.flicker) > 0
    assert UNFITTED.calibration is IDENTITY
