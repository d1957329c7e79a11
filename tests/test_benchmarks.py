"""The benchmark runs, and its tables say what was measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vssn.checkpoints.locate import locate_segnet
from vssn.errors import CheckpointError


@pytest.fixture(autouse=True)
def benchmarks(repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(repo_root / "benchmarks"))
    monkeypatch.chdir(repo_root)


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
    import front
    import stages

    plain = dict.fromkeys(stages.STAGES, 100.0)
    other = {"segmented": 20.0, "FlowNetS": 50.0, "DIS": 10.0, "decision": 25.0}
    lines = stages.table({stages.BASELINE: plain, "other": other})
    assert lines[-1] == "| other | 20.0 | 5.0 | 50.0 | 2.0 | 10.0 | 10.0 | 25.0 | 4.0 |"
    lines = front.table(rows_of_the_front())
    assert lines[-2] == "| camvid | vssn | light int8 | 95 | 20 % | 0.690 | 80.0 | 40.0 |"


def rows_of_the_front() -> list[dict[str, Any]]:
    import front

    keys = ("source", "kind", "network", "precision", "target", "segmented", "mean_iou", "fps")
    rows = [
        ("camvid", front.SINGLE, front.BASELINE, "f32", 100.0, 10, 0.7, 2.0),
        ("camvid", front.SINGLE, "light", "int8", 100.0, 10, 0.71, 50.0),
        ("camvid", front.OURS, "light", "int8", 95.0, 2, 0.69, 80.0),
        ("camvid", front.ORIGINAL, "resnet50_segnet", "auto", 80.0, 2, 0.6, 30.0),
    ]
    return [dict(zip(keys, row, strict=True)) | {"frames": 10} for row in rows]


def test_the_front_is_drawn_and_kept_for_the_bench_command(tmp_path: Path) -> None:
    import front

    front.plot(rows_of_the_front(), "a machine", tmp_path / "speed.png")
    assert (tmp_path / "speed.png").stat().st_size > 1000
    front.write_reference(rows_of_the_front(), tmp_path / "front.json")
    kept = json.loads((tmp_path / "front.json").read_text())
    light = {"segmenter": "light", "precision": "int8"}
    assert kept == [
        light | {"target": 100.0, "camvid_mean_iou": 0.71},
        light | {"target": 95.0, "camvid_mean_iou": 0.69},
    ]


@pytest.mark.real
@pytest.mark.usefixtures("tf1_in_this_process")
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
