"""``vssn evaluate-schedule`` over fakes and made data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from vssn.cli.main import main
from vssn.cli.options import DEFAULT_TARGET
from vssn.evaluation.schedule_evaluation import TARGETS
from vssn.media.images import read_image_bgr
from vssn.types import UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

FRAMES = 24
ROAD, CAR, VOID = 3, 8, 11
USUAL = f"target {DEFAULT_TARGET:g}"


@pytest.fixture
def data_dir(tmp_path: Path, paint: Callable[[np.ndarray], UInt8Array]) -> Path:
    """Labelled frames, in the stills layout, of a car that moves 2 px to the right each."""
    root = tmp_path / "data"
    for folder in ("val", "valannot", "void", "voidannot"):
        (root / folder).mkdir(parents=True)
    for number in range(FRAMES):
        label = np.full((48, 64), ROAD, np.uint8)
        label[10:30, 2 + 2 * number : 16 + 2 * number] = CAR
        cv2.imwrite(str(root / f"val/{number:02}.png"), paint(label))
        cv2.imwrite(str(root / f"valannot/{number:02}.png"), label)
    cv2.imwrite(str(root / "void/0.png"), paint(np.full((48, 64), ROAD)))
    cv2.imwrite(str(root / "voidannot/0.png"), np.full((48, 64), VOID, np.uint8))
    return root


@pytest.fixture
def evaluated(
    data_dir: Path, tmp_path: Path, weight_flags: list[str], fake_networks: object
) -> Callable[..., dict[str, Any]]:
    """Runs the command; gives its summary."""

    def run(*flags: str) -> dict[str, Any]:
        path = tmp_path / "summary.json"
        argv = ["evaluate-schedule", "--data_dir", str(data_dir), "--quiet"]
        # Weights that a flow doesn't use are refused.
        argv += weight_flags if "flownets" in flags and "chain" not in flags else weight_flags[:2]
        if "flownets" in flags and "chain" in flags:
            argv += weight_flags[2:4]
        assert main([*argv, *flags, "--summary", str(path)]) == 0
        summary: dict[str, Any] = json.loads(path.read_text())
        return summary

    return run


def table_under(lines: list[str], heading: str) -> list[list[str]]:
    """The cells of the first table under a heading."""
    start = next(index for index, line in enumerate(lines) if line.startswith(heading))
    rows = lines[start + 2 :]
    rows = rows[: rows.index("")] if "" in rows else rows
    return [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]


def test_targets_are_tabled_drawn_and_written(
    evaluated: Callable[..., dict[str, Any]],
    tmp_path: Path,
    fake_segmentation: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ("--flow", "dis", "--targets", "60", "100", "90", "60")
    summary = evaluated(*flags, "--save_dir", str(tmp_path / "out"))
    assert fake_segmentation.calls == FRAMES
    assert (summary["flow"], summary["propagate"], summary["split"]) == ("dis", "chain", "val")
    assert [frame_order["name"] for frame_order in summary["frame_orders"]] == [
        "even",
        "stop-and-go",
        "cuts",
    ]
    even = summary["frame_orders"][0]
    assert [point["setting"] for point in even["adaptive"]] == [100, 90, 60]
    assert even["adaptive"][0]["segmented"] == even["frames"] == FRAMES
    assert even["adaptive"][0]["measured_agreement"] is None
    assert even["adaptive"][0]["mean_iou"] == even["fixed"][0]["mean_iou"]
    assert 1 <= even["adaptive"][2]["segmented"] <= even["adaptive"][1]["segmented"]
    assert list(summary["unchanged_labels_percent"]) == ["target 100", USUAL, "every 5th"]
    assert sum(row["frames"] for row in summary["by_key_distance"]) == FRAMES
    out = capsys.readouterr().out
    lines = out.splitlines()
    table = table_under(lines, f"## even, {FRAMES} frames")
    assert table[0][:4] == ["target", "segmented", "share", "mIoU"]
    assert [row[0] for row in table[2:]] == ["100", "90", "60"]
    assert table[2][1:3] == [str(FRAMES), "100 %"]
    assert table[2][5:11] == ["+0.0", "-", "-", "-", "-", "-"]
    assert table_under(lines, f"## even, {USUAL}, by distance")[2][:2] == [
        "0",
        str(summary["by_key_distance"][0]["frames"]),
    ]
    assert read_image_bgr(tmp_path / "out/scheme.png").min() < 100
    assert f"Picture: {tmp_path / 'out/scheme.png'}" in out


def test_the_gain_is_in_points_at_the_same_cost(
    evaluated: Callable[..., dict[str, Any]],
    fake_decision: FakeDecision,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # The first frame order's third frame alone is predicted to do badly.
    fake_decision.answers = [90.0, 70.0, *[90.0] * 21]
    summary = evaluated("--flow", "flownets", "--targets", "80")
    assert fake_decision.calls > 23
    point = summary["frame_orders"][0]["adaptive"][0]
    assert (summary["flow"], summary["propagate"], point["segmented"]) == ("flownets", "key", 2)
    gain = 100 * (point["mean_iou"] - point["fixed_mean_iou"])
    table = table_under(capsys.readouterr().out.splitlines(), "## even, 24 frames")
    assert table[2][1] == "2"
    assert float(table[2][5]) == pytest.approx(gain, abs=0.051)
    assert abs(gain) > 0.1


def test_what_is_evaluated_is_the_propagation_that_was_asked_for(
    evaluated: Callable[..., dict[str, Any]], fake_flow: FakeFlow
) -> None:
    fake_flow.flow_cells = (-1, 0)  # right for the frame before, not for the key frame
    chain = evaluated("--flow", "flownets", "--propagate", "chain", "--targets", "0")
    key = evaluated("--flow", "flownets", "--propagate", "key", "--targets", "0")
    points = [summary["frame_orders"][0]["adaptive"][0] for summary in (chain, key)]
    assert [point["segmented"] for point in points] == [1, 1]
    assert points[0]["mean_iou"] > points[1]["mean_iou"] + 0.1


def test_the_usual_targets_hold_the_default(evaluated: Callable[..., dict[str, Any]]) -> None:
    settings = [
        point["setting"] for point in evaluated("--flow", "dis")["frame_orders"][0]["adaptive"]
    ]
    assert DEFAULT_TARGET in settings
    assert settings == sorted(settings, reverse=True)
    assert len(settings) == len({*TARGETS, DEFAULT_TARGET})


def test_a_single_frame_without_truth_has_no_figures(
    evaluated: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    summary = evaluated("--flow", "dis", "--split", "void", "--targets", "80", "--save_dir", out)
    assert summary["frame_orders"][0]["adaptive"][0]["mean_iou"] is None
    assert summary["by_key_distance"][0]["worst_iou"] is None
    assert (tmp_path / "out/scheme.png").is_file()


@pytest.mark.usefixtures("fake_networks")
def test_bad_arguments_are_refused(
    data_dir: Path, weight_flags: list[str], tmp_path: Path, refuses: Callable[..., str]
) -> None:
    argv = ["evaluate-schedule", "--data_dir", data_dir, *weight_flags[:2]]
    refuses([*argv, "--split", "test"], "test", "without images")
    refuses([*argv, "--targets", "nan"], "--targets", "finite")
    refuses([*argv, "--targets"], "--targets")
    refuses([*argv, "--propagate", "both"], "--propagate")
    refuses([*argv, "--summary", tmp_path], "--summary", "file name")
    refuses([*argv, "--save_dir", data_dir / "val/00.png"], "00.png", "no directory")
    refuses([*argv[:3], "--segnet_chkpt", "no.h5"], "no.h5")
    refuses(["evaluate-schedule", "--clips", data_dir / "val", *argv[1:]], "not allowed with")
    refuses(["evaluate-schedule", *weight_flags[:2]], "--clips", "--data_dir")
    clips = ["evaluate-schedule", *weight_flags[:2], "--clips"]
    refuses([*clips, tmp_path / "none"], "none")
    refuses([*clips, data_dir / "void"], "void", "two or more")


@pytest.mark.usefixtures("fake_networks")
def test_clips_of_any_source_are_compared(
    data_dir: Path,
    tmp_path: Path,
    weight_flags: list[str],
    paint: Callable[[np.ndarray], UInt8Array],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("rain_1", "rain_2"):
        folder = tmp_path / name
        folder.mkdir()
        for number in range(8):
            label = np.full((48, 64), ROAD, np.uint8)
            label[10:30, 2 * number : 2 * number + 20] = CAR
            cv2.imwrite(str(folder / f"{number}.png"), paint(label))
    clips = [str(data_dir / "val"), str(tmp_path / "rain_1"), str(tmp_path / "rain_2")]
    summary = tmp_path / "summary.json"
    argv = ["evaluate-schedule", "--clips", *clips, "--frames", "6", *weight_flags[:2], "--quiet"]
    assert main([*argv, "--targets", "0", "95", "--summary", str(summary)]) == 0
    lines = capsys.readouterr().out.splitlines()
    table = [line for line in lines if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table]
    assert rows[0][:8] == [
        *("source", "truth", "frames", "target", "segmented", "share", "mIoU", "loss")
    ]
    val, rain = rows[2:5], rows[5:8]
    assert [row[1] for row in (*val, *rain)] == ["labels"] * 3 + ["own"] * 3
    assert [row[3] for row in val] == ["100", "95", "0"]
    assert [row[4] for row in val] == ["6", val[1][4], "1"]
    # The network finds what the labels say, so that nothing is lost but by warping.
    assert rain[0][6:8] == ["1.000", "0.0"]
    assert float(rain[2][7]) > 5
    # Two clips are one split, and what is labelled is another.
    assert "## by split" in lines
    start = next(i for i, row in enumerate(rows) if row[0] == "source" and i)
    splits = {row[0]: row for row in rows[start + 2 :] if row[3] == "0"}
    assert set(splits) == {"data", "rain"}
    assert splits["rain"][2:5] == ["12", "0", "2"]
    written = json.loads(summary.read_text())
    assert [source["name"].split("/")[-1] for source in written["sources"]] == [
        *("val", "rain_1", "rain_2")
    ]
    assert written["sources"][0]["labelled"]
    assert written["sources"][1]["points"][2]["promised"] is None  # nothing was predicted


@pytest.mark.usefixtures("fake_networks")
def test_blending_is_compared_with_every_frame_by_itself(
    data_dir: Path, weight_flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    clip = ["--clips", str(data_dir / "val"), "--frames", "6", "--targets", "0"]
    argv = ["evaluate-schedule", *clip, *weight_flags[:2], "--quiet"]
    assert main([*argv, "--blend", "0.5"]) == 0
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table]
    assert [row[3:5] for row in rows[2:]] == [["100", "6"], ["100", "6"], ["0", "1"]]
    assert main(["evaluate-schedule", "--data_dir", str(data_dir), "--blend", "0.5"]) == 2
    assert "--blend 0.5 with --data_dir: expected --clips" in capsys.readouterr().err
