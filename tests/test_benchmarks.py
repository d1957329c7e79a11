"""The benchmark runs, and its tables say what was measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vssn.checkpoints.locate import locate_segnet
from vssn.errors import CheckpointError


@pytest.fixture(autouse=True)
def benchmarks(repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repo_root / "benchmarks"))
    monkeypatch.chdir(repo_root)


def test_the_light_network_labels_frames_in_eight_bits_too() -> None:
    from light import LightNetwork

    frame_bgr = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    for precision in ("f32", "int8"):
        labels = LightNetwork(precision).labels(frame_bgr)
        assert labels.shape == (90, 120)
        assert labels.max() < 11


def test_growth_with_classes_and_objects_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    import growth

    def clock(call: Callable[[], object], rounds: int) -> float:
        call()
        return 0.25

    monkeypatch.setattr(growth, "median_seconds", clock)
    monkeypatch.setattr(growth, "REPEATS", 1)
    monkeypatch.setattr(growth, "CLASSES", (3, 6))
    monkeypatch.setattr(growth, "OBJECTS", (2, 5))
    grown = {"classes": growth.by_classes(), "objects": growth.by_objects()}
    assert [row["classes"] for row in grown["classes"]] == [3, 6]
    assert [row["ms"] for row in grown["objects"]] == [250, 250]
    assert "| 5 |" in "\n".join(growth.table(grown))


def test_ratios_are_to_plain_keras_in_the_same_run() -> None:
    import stages
    import targets

    plain = dict.fromkeys(stages.STAGES, 100.0)
    other = {"segmented": 20.0, "FlowNetS": 50.0, "DIS": 10.0, "decision": 25.0}
    lines = stages.table({stages.BASELINE: plain, "other": other})
    assert lines[-1] == "| other | 20.0 | 5.0 | 50.0 | 2.0 | 10.0 | 10.0 | 25.0 | 4.0 |"
    keys = ("candidate", "target", "segmented", "mean_iou", "fps")
    rows = [
        (targets.BASELINE, 100.0, 9, 0.7, 2.0),
        ("OpenVINO int8", 100.0, 9, 0.7, 10.0),
        ("light network, f32", None, 9, 0.6, 30.0),
    ]
    lines = targets.table([dict(zip(keys, row, strict=True)) for row in rows])
    assert lines[-2] == "| OpenVINO int8 | 100 | 9 | 0.700 | 10.0 | 5.0 |"
    assert lines[-1] == "| light network, f32 | every frame | 9 | 0.600 | 30.0 | 15.0 |"


@pytest.mark.real
def test_the_command_measures_and_keeps_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        locate_segnet(None)
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
    import run

    argv = ["run.py", "--parts", "stages", "--rounds", "1", "--save_dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", argv)
    run.main()
    found = json.loads((tmp_path / "benchmark.json").read_text())
    assert {"OpenVINO f32", "OpenVINO int8"} < set(found["stages"])
    for name, row in found["stages"].items():
        # Each of these is several times as much work as the next.
        assert row["segmented"] > row["DIS"], name
        assert row["segmented"] > row["FlowNetS"] > row["decision"], name
