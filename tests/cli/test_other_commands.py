"""The commands around training and data, over fakes and made data."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from made_clips import cut, write_video

from vssn.cli.main import main
from vssn.media.sink import VideoSink
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

Refuses = Callable[..., str]
ROAD, CAR = 3, 8


@pytest.fixture
def data_dir(tmp_path: Path, paint: Callable[[np.ndarray], UInt8Array]) -> Path:
    """Five labelled frames, in the stills layout, of a car that moves 4 px to the right each."""
    root = tmp_path / "data"
    for folder in ("val", "valannot"):
        (root / folder).mkdir(parents=True)
    for number in range(5):
        label = np.full((48, 64), ROAD, np.uint8)
        label[10:30, 8 + 4 * number : 24 + 4 * number] = CAR
        cv2.imwrite(str(root / f"val/{number}.png"), paint(label))
        cv2.imwrite(str(root / f"valannot/{number}.png"), label)
    return root


@pytest.mark.usefixtures("fake_networks")
def test_propagation_tables_copying_against_flows(
    data_dir: Path,
    tmp_path: Path,
    weights_dir: Path,
    fake_flow: FakeFlow,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_flow.flow_cells = (-2, 0)  # right for a distance of one frame
    argv = ["evaluate-warp", "--data_dir", str(data_dir), "--distances", "1", "2"]
    argv += ["--dvs_flownet_chkpt", str(weights_dir / "flow")]
    assert main([*argv, "--summary", str(tmp_path / "s.json")]) == 0
    table = json.loads((tmp_path / "s.json").read_text())["mean_iou"]
    assert list(table) == ["copied", "FlowNetS", "DIS", "DIS ultrafast", "DIS medium"]
    assert list(table["copied"]) == ["1", "2"]
    assert table["FlowNetS"]["1"] == 1.0
    assert table["FlowNetS"]["2"] > table["copied"]["2"]
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].split()[-2:] == ["1", "2"]
    assert rows[1].split() == ["copied", *(f"{table['copied'][k]:.4f}" for k in ("1", "2"))]


@pytest.mark.usefixtures("fake_networks")
def test_propagation_in_a_chain_scores_every_frame(
    data_dir: Path,
    tmp_path: Path,
    weights_dir: Path,
    fake_flow: FakeFlow,
    capsys: pytest.CaptureFixture[str],
) -> None:
    fake_flow.flow_cells = (-2, 0)  # right for the frame before
    argv = ["evaluate-warp", "--data_dir", str(data_dir), "--propagate", "chain"]
    argv += ["--intervals", "1", "4", "--dvs_flownet_chkpt", str(weights_dir / "flow")]
    assert main([*argv, "--summary", str(tmp_path / "s.json")]) == 0
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["warped"], summary["propagate"]) == ("labels", "chain")
    assert summary["mean_iou"]["FlowNetS"] == {"1": 1.0, "4": 1.0}
    assert summary["mean_iou"]["copied"]["1"] == 1.0
    assert summary["mean_iou"]["copied"]["4"] < 0.9
    assert capsys.readouterr().out.splitlines()[0].split() == [
        "mean",
        "IoU",
        "at",
        "interval",
        *"14",
    ]


@pytest.mark.usefixtures("fake_networks")
def test_predictions_are_carried_on_request(
    data_dir: Path, weights_dir: Path, fake_segmentation: FakeSegmentation
) -> None:
    argv = ["evaluate-warp", "--data_dir", str(data_dir), "--distances", "1"]
    argv += ["--dvs_flownet_chkpt", str(weights_dir / "flow"), "--warp", "predictions"]
    assert main([*argv, "--segnet_chkpt", str(weights_dir / "segnet.h5")]) == 0
    assert fake_segmentation.calls == 5


@pytest.mark.usefixtures("fake_networks")
def test_propagation_refuses_what_it_can_not_measure(
    data_dir: Path, weights_dir: Path, refuses: Refuses
) -> None:
    argv = ["evaluate-warp", "--data_dir", data_dir, "--dvs_flownet_chkpt", weights_dir / "flow"]
    refuses([*argv, "--distances", "5"], "--distances", "5 frames")
    refuses([*argv, "--distances", "0"], "--distances")
    refuses([*argv, "--propagate", "chain", "--intervals", "5"], "--intervals", "5 frames")
    refuses([*argv, "--split", "test"], "test", "without images")
    refuses([*argv[:3], "--distances", "1", "--dvs_flownet_chkpt", "no.ckpt"], "no.ckpt")


@pytest.fixture
def feature_argv(data_dir: Path, tmp_path: Path, weights_dir: Path) -> list[str]:
    lines = [f"val/0.png val/{number}.png valannot/{number}.png\n" for number in range(5)]
    (tmp_path / "pairs.txt").write_text("".join(lines))
    return [
        "features",
        *("--data_dir", str(data_dir), "--data_list", str(tmp_path / "pairs.txt")),
        *("--save_dir", str(tmp_path / "features")),
        *("--restore_from_seg", str(weights_dir / "segnet.h5")),
        *("--restore_from_flownet", str(weights_dir / "flow")),
    ]


@pytest.mark.usefixtures("fake_networks")
def test_features_are_of_the_lists_pairs(
    feature_argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(feature_argv) == 0
    measured = np.load(tmp_path / "features/Y.npy")
    assert np.load(tmp_path / "features/X.npy").shape == (5, 4, 5, 384)
    # Copied, the car of 16 columns and 20 rows is off by 4 px of 64 for each frame.
    both, either = (20 * (16 + sign * 4 * np.arange(5)) for sign in (-1, 1))
    around = (48 * 64 - either) / (48 * 64 - both)
    # Each class counts by the root of its area in either.
    weights = np.sqrt([either, 48 * 64 - both])
    agreement = 100 * np.average([both / either, around], axis=0, weights=weights)
    np.testing.assert_allclose(measured, agreement, atol=0.01)
    assert "5 of 5 pairs" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_networks")
def test_interrupted_features_go_on(
    feature_argv: list[str],
    tmp_path: Path,
    fake_segmentation: FakeSegmentation,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt() -> None:
        if fake_segmentation.calls == 3:
            raise KeyboardInterrupt

    fake_segmentation.before_each = interrupt
    assert main(feature_argv) == 130
    assert not (tmp_path / "features/X.npy").exists()
    fake_segmentation.before_each = lambda: None
    capsys.readouterr()
    assert main(feature_argv) == 0
    assert "going on after 3 of 5 pairs" in capsys.readouterr().out
    assert len(np.load(tmp_path / "features/Y.npy")) == 5


@pytest.mark.usefixtures("fake_networks")
def test_features_can_be_clipped_and_cut(feature_argv: list[str], tmp_path: Path) -> None:
    main([*feature_argv, "--num_steps", "4", "--clip", "0.8"])
    assert len(np.load(tmp_path / "features/Y.npy")) == 2


@pytest.mark.usefixtures("fake_networks")
def test_features_refuse_bad_input(
    feature_argv: list[str], refuses: Refuses, data_dir: Path, tmp_path: Path
) -> None:
    refuses([*feature_argv, "--clip", "80"], "--clip: '80'")
    refuses([*feature_argv, "--restore_from_seg", "no.h5"], "no.h5")
    refuses([*feature_argv, "--save_dir", tmp_path / "pairs.txt/below"], "output directory")
    (data_dir / "val/2.png").unlink()
    refuses(feature_argv, "val/2.png", "existing file")


def test_frames_are_extracted_by_number(
    tmp_path: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str]
) -> None:
    with VideoSink(tmp_path / "my clip.avi", VideoInfo(64, 48, 25, None)) as sink:
        for number in range(5):
            sink.write(np.full((48, 64, 3), 50 * number, np.uint8))
    argv = ["extract-frames", "--video_file", str(tmp_path / "my clip.avi")]
    assert main([*argv, "--save_dir", str(tmp_path / "f"), "--num_steps", "3"]) == 0
    names = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert names == [f"my_clip_{number:06d}.png" for number in range(3)]
    image = cv2.imread(str(tmp_path / "f" / names[2]))
    assert image is not None
    assert abs(int(image[0, 0, 0]) - 100) <= 2
    assert "3 frames" in capsys.readouterr().out
    refuses(["extract-frames", "--video_file", "no.avi", "--save_dir", tmp_path / "g"], "no.avi")
    assert not (tmp_path / "g").exists()
    refuses([*argv, "--save_dir", tmp_path / "my clip.avi/below"], "output directory")
    for prefix in ("../x", "/x", "a/b", "a\0b"):
        refuses([*argv, "--save_dir", tmp_path / "h", "--prefix", prefix], "without folders")


def test_frames_of_a_cut_video_are_extracted_and_the_exit_code_says_so(tmp_path: Path) -> None:
    video = cut(write_video(tmp_path / "v.avi", 20), 0.5)
    argv = ["extract-frames", "--video_file", str(video), "--save_dir", str(tmp_path / "f")]
    assert main(argv) == 2
    assert 3 < len(list((tmp_path / "f").iterdir())) < 20
    assert main([*argv, "--num_steps", "2"]) == 0


def test_camvids_lists_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["make-lists", "camvid", "--save_dir", str(tmp_path / "list")]) == 0
    assert len((tmp_path / "list/val_file_list.txt").read_text().splitlines()) == 229
    assert "229 lines" in capsys.readouterr().out


def test_a_list_for_stills_feeds_infer(
    data_dir: Path, tmp_path: Path, weight_flags: list[str], fake_networks: object
) -> None:
    made = tmp_path / "val.txt"
    argv = ["make-lists", "stills", "--data_dir", str(data_dir), "--split", "val"]
    assert main([*argv, "--output", str(made)]) == 0
    argv = ["infer", "--data_dir", str(data_dir), "--data_list", str(made), "--save_dir", "none"]
    assert main([*argv, "--summary", str(tmp_path / "s.json"), "--target=100", *weight_flags]) == 0
    summary = json.loads((tmp_path / "s.json").read_text())
    assert (summary["frames"], summary["mean_iou"]) == (5, 1.0)


def test_lists_refuse_a_missing_folder(tmp_path: Path, refuses: Refuses) -> None:
    argv = ["make-lists", "stills", "--data_dir", tmp_path, "--split", "val"]
    refuses([*argv, "--output", tmp_path / "l.txt"], "val")


@pytest.mark.parametrize("command", ["train-segnet", "train-flownets"])
def test_training_refuses_a_folder_without_stills(
    command: str, tmp_path: Path, refuses: Refuses
) -> None:
    out = tmp_path / "out"
    refuses([command, "--data_dir", tmp_path / "no", "--save_dir", out], "without images")
    refuses([command, "--data_dir", tmp_path, "--epochs", "0"], "--epochs")
    assert not out.exists()


def test_training_the_decision_network(
    tmp_path: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    argv = ["train-decision", "--save_dir", str(tmp_path / "out"), "--batch_size", "16"]
    for split in ("train", "val"):
        folder = tmp_path / split
        folder.mkdir()
        np.save(folder / "X.npy", rng.standard_normal((32, 4, 5, 384)).astype(np.float32))
        np.save(folder / "Y.npy", rng.uniform(50, 100, 32).astype(np.float32))
        argv += [f"--{split}_data_dir", str(folder)]
    assert main([*argv, "--epochs", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("epoch 1: validation error ")
    assert lines[-1].startswith("best model: mean absolute error ")
    assert math.isfinite(float(lines[0].split()[-1]))
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names >= {
        *("checkpoint", "model.ckpt.index", "modelFinal.ckpt.index", "training_log.json"),
        *("training_curves.png", "predicted_scores.png"),
    }
    np.save(tmp_path / "val/Y.npy", np.full(32, 101, np.float32))
    refuses([*argv, "--save_dir", tmp_path / "new"], "values from 0 to 100")
    (tmp_path / "val/X.npy").unlink()
    refuses([*argv, "--save_dir", tmp_path / "new"], "X.npy", "No such file")
    assert not (tmp_path / "new").exists()


def test_ranges_are_measured_on_every_data_set_evenly(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Refuses
) -> None:
    looked_at: list[int] = []

    def pretend(path: Path, frames_bgr: list[object]) -> Path:
        looked_at.append(len(frames_bgr))
        return path

    monkeypatch.setattr("vssn.runtime.int8_ranges.calibrate_weights", pretend)
    for name, count in (("first", 5), ("second", 2)):
        for part in ("train", "trainannot"):
            (tmp_path / name / part).mkdir(parents=True)
        for number in range(count):
            shutil.copy(data_dir / f"val/{number}.png", tmp_path / name / "train")
            shutil.copy(data_dir / f"valannot/{number}.png", tmp_path / name / "trainannot")
    argv = ["calibrate", "--data_dir", str(tmp_path / "first"), str(tmp_path / "second")]
    assert main(argv) == 0
    assert main([*argv, "--images", "3"]) == 0
    assert looked_at == [7, 5]
    refuses([*argv, tmp_path / "third"], "third", "without images")
