"""``vssn infer`` over fake networks: what it prints and writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.cli.main import main
from vssn.labels import CLASS_NAMES, PALETTE_RGB
from vssn.types import UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

    from vssn.runtime.load import Networks

Refuses = Callable[..., str]
SUMMARY_KEYS = {
    *("frames", "segmentation_steps", "flow_steps", "fps_model", "fps_end_to_end", "latency_ms"),
    *("flow", "propagate", "runtime", "weights", "budget_target"),
    *("mean_iou", "frequency_weighted_iou", "class_iou", "mean_iou_by_key_distance"),
}


@pytest.fixture
def data_dir(tmp_path: Path, paint: Callable[[np.ndarray], UInt8Array]) -> Path:
    """Six frames 64x48 px of one class each, 0 to 5, every second one labelled, and a list."""
    root = tmp_path / "data"
    for folder in ("val", "valannot"):
        (root / folder).mkdir(parents=True)
    lines = []
    for number in range(6):
        label = np.full((48, 64), number, np.uint8)
        cv2.imwrite(str(root / f"val/{number}.png"), paint(label))
        labelled = number | 1
        if number == labelled:
            cv2.imwrite(str(root / f"valannot/{number}.png"), label)
        lines.append(f"val/{number}.png val/{labelled}.png valannot/{labelled}.png\n")
    (root / "list.txt").write_text("".join(lines))
    return root


@pytest.fixture
def argv(data_dir: Path, tmp_path: Path, weight_flags: list[str]) -> list[str]:
    """A command that works, once there are networks."""
    return [
        "infer",
        *("--data_dir", str(data_dir), "--data_list", str(data_dir / "list.txt")),
        *("--save_dir", str(tmp_path / "masks"), "--summary", str(tmp_path / "summary.json")),
        *weight_flags,
    ]


def summary_of(tmp_path: Path) -> dict[str, object]:
    return json.loads((tmp_path / "summary.json").read_text())  # type: ignore[no-any-return]


@pytest.mark.usefixtures("fake_networks")
def test_every_frame_is_segmented_and_scored_at_100(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--target", "100"]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert any(line.startswith("Average fps: ") for line in lines)
    for line in ("Segmentation steps: 6", "Flow steps: 0", "Mean IoU: 1.0000"):
        assert line in lines
    assert "Frequency-weighted IoU: 1.0000" in lines
    assert "Class-wise IoU:" in lines
    assert "\r" not in printed.err  # no progress bar where there is no terminal
    summary = summary_of(tmp_path)
    # A preset is told beside what was promised.
    assert set(summary) - {"preset"} == SUMMARY_KEYS
    assert (summary["frames"], summary["segmentation_steps"], summary["flow_steps"]) == (6, 6, 0)
    assert (summary["mean_iou"], summary["frequency_weighted_iou"]) == (1.0, 1.0)
    assert summary["mean_iou_by_key_distance"] == {"0": 1.0}


@pytest.mark.usefixtures("fake_networks")
def test_the_summary_is_complete(argv: list[str], tmp_path: Path, weights_dir: Path) -> None:
    main(argv)
    summary = summary_of(tmp_path)
    latency = summary["latency_ms"]
    assert isinstance(latency, dict)
    assert set(latency) == {"p50", "p95", "p99", "max"}
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert list(summary["class_iou"]) == list(CLASS_NAMES)  # type: ignore[call-overload]
    weights = summary["weights"]
    assert isinstance(weights, dict)
    assert {Path(path).parent for path in weights} == {weights_dir}
    assert len(weights) == 5
    assert all(len(digest) == 64 for digest in weights.values())
    assert summary["runtime"] == "fake"


def test_masks_are_numbered_by_step_in_the_palette(
    argv: list[str], tmp_path: Path, fake_networks: Networks
) -> None:
    main([*argv, "--target", "100"])
    assert {path.name for path in (tmp_path / "masks").iterdir()} == {
        f"mask{number}.png" for number in range(6)
    }
    for number in range(6):
        mask = cv2.imread(str(tmp_path / f"masks/mask{number}.png"))
        assert mask is not None
        assert mask.shape == (48, 64, 3)
        assert np.array_equal(mask[20, 20, ::-1], PALETTE_RGB[number])


@pytest.mark.usefixtures("fake_networks")
def test_at_0_the_first_frames_result_is_carried(
    argv: list[str], tmp_path: Path, fake_segmentation: FakeSegmentation
) -> None:
    main([*argv, "--target", "0"])
    summary = summary_of(tmp_path)
    assert (summary["segmentation_steps"], summary["flow_steps"]) == (1, 5)
    assert summary["mean_iou_by_key_distance"] == {"1": 0.0, "3": 0.0, "5": 0.0}
    assert fake_segmentation.calls == 1


@pytest.mark.usefixtures("fake_networks")
def test_the_target_is_compared_with_the_expected_score(
    argv: list[str], tmp_path: Path, fake_decision: FakeDecision
) -> None:
    fake_decision.answers = [70.0, 60.0, 90.0, 80.0, 77.0]
    main([*argv, "--target", "75"])
    summary = summary_of(tmp_path)
    assert (summary["segmentation_steps"], summary["flow_steps"]) == (3, 3)
    fake_decision.answers = [96.0, 94.0, 99.0, 80.0, 97.0]
    main(argv)  # 95 is the default
    assert summary_of(tmp_path)["segmentation_steps"] == 3


def with_weights(argv: list[str], weights: set[str]) -> list[str]:
    """The command with the flags of these weights only; those without use are refused."""
    flags = {
        "segnet": "--segnet_chkpt",
        "flow": "--dvs_flownet_chkpt",
        "decision": "--decision_chkpt",
    }
    unused = [argv.index(flag) for name, flag in flags.items() if name not in weights]
    return [each for index, each in enumerate(argv) if {index, index - 1}.isdisjoint(unused)]


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize(
    ("flags", "used", "weights"),
    [
        ([], ("flownets", "key"), {"segnet", "flow", "decision"}),
        (["--propagate", "chain"], ("flownets", "chain"), {"segnet", "flow"}),
        (["--flow", "dis"], ("dis", "chain"), {"segnet"}),
        (["--flow", "dis", "--propagate", "key"], ("dis", "key"), {"segnet"}),
    ],
)
def test_the_summary_tells_how_scores_were_carried(
    argv: list[str], tmp_path: Path, flags: list[str], used: tuple[str, str], weights: set[str]
) -> None:
    assert main([*with_weights(argv, weights), "--target", "0", *flags]) == 0
    summary = summary_of(tmp_path)
    assert (summary["flow"], summary["propagate"]) == used
    assert isinstance(summary["weights"], dict)
    assert {Path(path).name.split(".")[0] for path in summary["weights"]} == weights


def test_without_a_checkpoint_named_it_is_dis_that_carries(
    argv: list[str], tmp_path: Path, fake_networks: Networks, fake_flow: FakeFlow
) -> None:
    flags = argv.index("--dvs_flownet_chkpt")
    assert main([*argv[:flags], "--target", "0"]) == 0
    summary = summary_of(tmp_path)
    assert (summary["flow"], summary["propagate"]) == ("dis", "chain")
    # From frame to frame, not back to the first.
    references = [reference for _, reference in fake_flow.compared]
    assert len(set(references)) == len(references) == 5


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("none", ["none", "None"])
def test_none_saves_nothing(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, none: str
) -> None:
    monkeypatch.chdir(tmp_path)
    main([*argv, "--save_dir", none])
    assert {path.name for path in tmp_path.iterdir()} == {"data", "weights", "summary.json"}


@pytest.mark.usefixtures("fake_networks")
def test_num_steps_cuts_the_list(argv: list[str], tmp_path: Path) -> None:
    main([*argv, "--num_steps", "3"])
    assert summary_of(tmp_path)["frames"] == 3
    assert len(list((tmp_path / "masks").iterdir())) == 3


@pytest.mark.usefixtures("fake_networks")
def test_num_steps_beyond_the_list_ends_with_it_and_says_so(
    argv: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert main([*argv, "--num_steps", "99"]) == 0
    assert summary_of(tmp_path)["frames"] == 6
    assert "99" in caplog.text


@pytest.mark.usefixtures("fake_networks")
def test_without_a_labelled_frame_the_summary_is_null_and_strict_json(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*argv, "--num_steps", "1"]) == 0
    assert "No labelled frame" in capsys.readouterr().out
    text = (tmp_path / "summary.json").read_text()
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name))["mean_iou"] is None


def test_an_interrupted_run_keeps_the_masks_so_far(
    argv: list[str],
    tmp_path: Path,
    fake_networks: Networks,
    fake_segmentation: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt() -> None:
        if fake_segmentation.calls == 3:
            raise KeyboardInterrupt

    fake_segmentation.before_each = interrupt
    assert main([*argv, "--target", "100"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"
    assert len(list((tmp_path / "masks").glob("*"))) == 3
    assert not (tmp_path / "summary.json").exists()


REPORT = {"confusion.png", "class_iou.png", "worst.png", "report.json", "report.html"}


@pytest.mark.usefixtures("fake_networks")
def test_a_report_is_written_where_asked(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "new/report"
    assert main([*argv, "--target", "0", "--report", str(place)]) == 0
    assert {path.name for path in place.iterdir()} == REPORT
    report, summary = json.loads((place / "report.json").read_text()), summary_of(tmp_path)
    # All are called class 0: the frames of class 1, 3 and 5 are wrong.
    assert report["frame_mean_iou"] == {f"val/{number}.png": 0.0 for number in (1, 3, 5)}
    assert report["confusion"]["pixels"][3] == [48 * 64] + [0] * 10
    assert (report["mean_iou"], report["class_iou"]) == (summary["mean_iou"], summary["class_iou"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "Labels as in the frame before: 100.00 % of pixels, 5 pairs",
        f"Report: {place}",
    ]


@pytest.mark.usefixtures("fake_networks")
def test_a_report_that_can_not_be_is_refused_before_any_frame(
    argv: list[str], refuses: Refuses, tmp_path: Path, fake_segmentation: FakeSegmentation
) -> None:
    refuses([*argv, "--report", tmp_path / "weights/segnet.h5"], "output directory", "segnet.h5")
    refuses([*argv, "--report", tmp_path / "r", "--num_steps", "1"], "--report", "labelled frame")
    assert fake_segmentation.calls == 0
    assert not (tmp_path / "masks").exists()


def replace_line(data_dir: Path, number: int, line: str) -> None:
    lines = (data_dir / "list.txt").read_text().splitlines()
    lines[number] = line
    (data_dir / "list.txt").write_text("\n".join(lines) + "\n")


BAD_LISTS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "missing list": (lambda d: (d / "list.txt").unlink(), ["list.txt", "check the path"]),
    "empty list": (lambda d: (d / "list.txt").write_text("\n"), ["list.txt", "empty"]),
    "two fields": (
        lambda d: replace_line(d, 2, "val/2.png val/3.png"),
        ["list.txt:3", "2 fields", "three paths"],
    ),
    "outside": (
        lambda d: replace_line(d, 1, "../weights/segnet.h5 val/1.png valannot/1.png"),
        ["../weights/segnet.h5", "outside of the data directory"],
    ),
    "missing image": (lambda d: (d / "val/4.png").unlink(), ["val/4.png", "existing file"]),
    "missing label": (lambda d: (d / "valannot/3.png").unlink(), ["valannot/3.png"]),
    "list of bytes": (lambda d: (d / "list.txt").write_bytes(b"\xff\xfe\x00"), ["list.txt"]),
}


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_bad_list_is_refused_before_any_frame(
    argv: list[str],
    data_dir: Path,
    tmp_path: Path,
    refuses: Refuses,
    fake_segmentation: FakeSegmentation,
    name: str,
) -> None:
    spoil, words = BAD_LISTS[name]
    spoil(data_dir)
    refuses(argv, *words)
    assert fake_segmentation.calls == 0
    assert not (tmp_path / "masks").exists()


BAD_FILES: dict[str, tuple[str, Callable[[Path], object], list[str]]] = {
    "no image": ("val/0.png", lambda p: p.write_text("text" * 50), ["val/0.png", "PNG, JPEG"]),
    "empty image": ("val/0.png", lambda p: p.write_bytes(b""), ["val/0.png"]),
    "half an image": ("val/0.png", lambda p: p.write_bytes(p.read_bytes()[:60]), ["val/0.png"]),
    "no label": ("valannot/1.png", lambda p: p.write_text("text"), ["valannot/1.png"]),
    "size mismatch": (
        "valannot/1.png",
        lambda p: cv2.imwrite(str(p), np.zeros((40, 64), np.uint8)),
        ["valannot/1.png", "64x40 px", "64x48 px"],
    ),
    "coloured label": (
        "valannot/1.png",
        lambda p: cv2.imwrite(str(p), np.full((48, 64, 3), (1, 2, 3), np.uint8)),
        ["valannot/1.png", "class indices"],
    ),
    "label out of range": (
        "valannot/1.png",
        lambda p: cv2.imwrite(str(p), np.full((48, 64), 12, np.uint8)),
        ["valannot/1.png", "0 to 11"],
    ),
}


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_image_or_label_is_refused(
    argv: list[str], data_dir: Path, refuses: Refuses, name: str
) -> None:
    relative, spoil, words = BAD_FILES[name]
    spoil(data_dir / relative)
    refuses([*argv, "--save_dir", "none"], *words)


BAD_FLAGS = {
    "target nan": (["--target", "nan"], ["target"]),
    "target no number": (["--target", "much"], ["--target", "much"]),
    "no steps": (["--num_steps", "0"], ["--num_steps", "from 1 to"]),
    "negative steps": (["--num_steps=-3"], ["--num_steps"]),
    "half a step": (["--num_steps", "1.5"], ["--num_steps"]),
    "flow": (["--flow", "farneback"], ["--flow", "farneback", "dis"]),
    "propagate": (["--propagate", "back"], ["--propagate", "back", "chain"]),
    "unknown flag": (["--colour", "red"], ["--colour"]),
    "missing data": (["--data_dir", "nowhere"], ["nowhere"]),
    "segnet": (["--segnet_chkpt", "no.h5"], ["no.h5", "existing file or folder"]),
    "segnet's kind": (["--segnet_chkpt", __file__], ["test_infer.py", ".h5"]),
    "flownets": (["--dvs_flownet_chkpt", "no.ckpt"], ["no.ckpt", "TF1 checkpoint"]),
    "decision": (["--decision_chkpt", "no.ckpt"], ["no.ckpt", "TF1 checkpoint"]),
}


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", BAD_FLAGS)
def test_a_bad_flag_is_refused(
    argv: list[str],
    refuses: Refuses,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake_segmentation: FakeSegmentation,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    flags, words = BAD_FLAGS[name]
    refuses([*argv, *flags], *words)
    assert fake_segmentation.calls == 0
    assert not (tmp_path / "masks").exists()


@pytest.mark.usefixtures("fake_networks")
def test_a_directory_that_can_not_be_written_is_refused(
    argv: list[str], refuses: Refuses, tmp_path: Path, fake_segmentation: FakeSegmentation
) -> None:
    below = tmp_path / "weights/segnet.h5/below"
    refuses([*argv, "--save_dir", below], "output directory", "segnet.h5")
    refuses([*argv, "--summary", below / "s.json"], "output directory")
    refuses([*argv, "--summary", tmp_path], "--summary")
    assert fake_segmentation.calls == 0


def test_weights_that_can_not_be_loaded_are_never_replaced(
    argv: list[str], refuses: Refuses
) -> None:
    # No fakes here: the files only look like weights.
    refuses(argv, "weights/decision")
