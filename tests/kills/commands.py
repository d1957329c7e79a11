"""What is killed, and what must be there afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from fake_networks import painted
from unmeasured import unmeasured

from vssn.checkpoints.bundle import read_bundle
from vssn.checkpoints.hdf5 import parse_layer_weights
from vssn.checkpoints.locate import locate_tf1
from vssn.checkpoints.tf1 import BEST_NAME, FINAL_NAME
from vssn.media.images import read_image_bgr
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.models.layout import FEATURE_SHAPE
from vssn.types import VideoInfo

TESTS = Path(__file__).resolve().parents[1]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
FRAMES = 16
INTERRUPTED = 130
HW = (48, 64)
EPOCHS = 6
PAIRS = 40


@dataclass(frozen=True)
class Ended:
    """A run that was sent a signal.

    Attributes:
        left: a copy of what it left.
        out: what the next run made of it.
        number: the signal.
        status: the exit code; minus the signal where that ended it.
        said: what it printed.
        twice: whether the signal came twice.
    """

    left: Path
    out: Path
    number: signal.Signals
    status: int
    said: str
    twice: bool


def names(folder: Path) -> list[str]:
    """What lies in a folder; nothing where there is none."""
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def frames_of(path: Path) -> int:
    """How many frames of a video can be read."""
    with VideoSource(path) as source:
        return len(list(source))


def made(folder: Path) -> Path:
    """The inputs of all commands."""
    folder.mkdir()
    with VideoSink(folder / "street.avi", VideoInfo(HW[1], HW[0], 25, None)) as sink:
        for number in range(FRAMES):
            sink.write(painted(np.full(HW, number % 11)))
    lines = []
    for part in ("val", "train"):
        (folder / part).mkdir()
        (folder / f"{part}annot").mkdir()
        for number in range(FRAMES):
            label = np.full(HW, 3, np.uint8)
            label[10:30, 2 * number % 48 :][:, :16] = 8  # a car that goes to the right
            cv2.imwrite(str(folder / f"{part}/{number}.png"), painted(label))
            cv2.imwrite(str(folder / f"{part}annot/{number}.png"), label)
    for number in range(FRAMES):
        key = max(0, number - 1)
        lines.append(f"val/{key}.png val/{number}.png valannot/{number}.png\n")
    (folder / "list.txt").write_text("".join(lines))
    weights(folder / "weights")
    features = folder / "features"
    features.mkdir()
    rng = np.random.default_rng(1)
    np.save(features / "X.npy", rng.normal(size=(PAIRS, *FEATURE_SHAPE)).astype(np.float32))
    np.save(features / "Y.npy", rng.uniform(50, 100, PAIRS).astype(np.float32))
    return folder


def weights(folder: Path) -> Path:
    """Files that look like weights from outside."""
    folder.mkdir(parents=True)
    for name in ("flow", "decision"):
        (folder / f"{name}.index").write_bytes(name.encode())
        (folder / f"{name}.data-00000-of-00001").write_bytes(name.encode() * 2)
    (folder / "segnet.h5").write_bytes(b"segnet")
    return folder


def _flags(given: Path) -> list[str]:
    return [
        *("--segnet_chkpt", str(given / "weights/segnet.h5")),
        *("--dvs_flownet_chkpt", str(given / "weights/flow")),
        *("--decision_chkpt", str(given / "weights/decision")),
    ]


def _video(given: Path, out: Path) -> list[str]:
    target = ("--target", "100", "--output", str(out / "v.mp4"))
    return ["video", str(given / "street.avi"), *target, *_flags(given)]


def _check_video(run: Ended) -> None:
    if run.status == 0:
        assert frames_of(run.left / "v.mp4") == FRAMES
    elif run.number != signal.SIGKILL and run.left.is_dir():
        # At most one video: finished, or a part that can be played.
        assert len(names(run.left)) <= 1, names(run.left)
        assert all(1 <= frames_of(path) <= FRAMES for path in run.left.iterdir())
    elif run.left.is_dir():
        for path in run.left.iterdir():
            assert path.name == "v.mp4" or path.name.startswith(("v.partial-", "v.finishing-"))
            if path.name == "v.mp4":
                assert frames_of(path) == FRAMES
    assert frames_of(run.out / "v.mp4") == FRAMES
    if run.number != signal.SIGKILL:
        assert set(names(run.out)) - set(names(run.left)) <= {"v.mp4"}


def _records(given: Path, out: Path) -> list[str]:
    records = ("--save_dir", "none", "--records", str(out / "r.jsonl"))
    return ["video", str(given / "street.avi"), *records, *_flags(given)]


def _check_records(run: Ended) -> None:
    for name in names(run.left):
        assert name == "r.jsonl" or name.startswith("r.partial-"), name
        text = (run.left / name).read_text()
        # A killed run's last line may be half there.
        for line in text.splitlines()[: None if text.endswith("\n") else -1]:
            json.loads(line)
    assert len((run.out / "r.jsonl").read_text().splitlines()) == FRAMES


def _infer(given: Path, out: Path) -> list[str]:
    where = ("--data_dir", str(given), "--data_list", str(given / "list.txt"))
    return ["infer", *where, "--save_dir", str(out), "--target", "100", *_flags(given)]


def _check_images(run: Ended, pattern: str, others: tuple[str, ...] = ()) -> None:
    shown = [name for name in names(run.left) if not name.startswith(".") and name not in others]
    assert shown == sorted(pattern % index for index in range(len(shown)))
    for name in shown:
        assert read_image_bgr(run.left / name).shape == (*HW, 3)
    hidden = [name for name in names(run.left) if name.startswith(".") and name.endswith(".png")]
    # A second signal may come while the first one's half a file is being removed.
    assert len(hidden) <= (run.number == signal.SIGKILL or run.twice)
    whole = sorted([*others, *(pattern % index for index in range(FRAMES))])
    assert names(run.out) == whole


def _features(given: Path, out: Path) -> list[str]:
    return [
        "features",
        *("--data_dir", str(given), "--data_list", str(given / "list.txt")),
        *("--save_dir", str(out), "--restore_from_seg", str(given / "weights/segnet.h5")),
        *("--restore_from_flownet", str(given / "weights/flow")),
    ]


def _check_features(run: Ended) -> None:
    files = ["X.npy", "Y.npy", "features.json"]
    assert names(run.out) == files
    assert len(np.load(run.out / "Y.npy")) == FRAMES
    for name in files:
        if (run.left / name).exists():
            assert (run.left / name).read_bytes() == (run.out / name).read_bytes()


def _extract(given: Path, out: Path) -> list[str]:
    video = ("--video_file", str(given / "street.avi"))
    return ["extract-frames", *video, "--save_dir", str(out), "--prefix", "f", "--quiet"]


def _synthetic(given: Path, out: Path) -> list[str]:
    return ["synthetic-video", "--data_dir", str(given), "--save_dir", str(out), "--quiet"]


def _check_synthetic(run: Ended) -> None:
    assert len([name for name in names(run.out) if name.endswith(".png")]) == 3 * FRAMES
    assert not [name for name in names(run.out) if name.startswith(".")]
    for name in names(run.left):
        if name.endswith(".png") and not name.startswith("."):
            assert (run.left / name).read_bytes() == (run.out / name).read_bytes()


def _train(given: Path, out: Path) -> list[str]:
    data = ("--data_dir", str(given), "--encoder_weights", "none")
    save = ("--save_dir", str(out), "--epochs", str(EPOCHS), "--validate_every", "2")
    return ["train-segnet", *data, *save, "--quiet"]


def _check_train(run: Ended) -> None:
    kept = ("resnet50_segnet.h5", "resnet50_segnet_last.h5", "resnet50_segnet_config.json")
    assert names(run.out) == sorted(
        [*kept, "training_curves.png", "training_log.json", "training_state.npz"]
    )
    # SIGKILL may leave half of a hidden file, which the next run removes.
    assert (
        run.number == signal.SIGKILL
        or run.twice
        or not [name for name in names(run.left) if name.startswith(".")]
    )
    for name in (name for name in names(run.left) if not name.startswith(".")):
        if name.endswith(".h5"):
            parse_layer_weights(run.left / name)
        if name.endswith(".json"):
            json.loads((run.left / name).read_text())
        if name == "training_state.npz":
            np.load(run.left / name)["v0"]


def _train_decision(given: Path, out: Path) -> list[str]:
    data = ("--train_data_dir", str(given / "features"), "--val_data_dir", str(given / "features"))
    save = ("--save_dir", str(out), "--epochs", "8", "--batch_size", "4")
    return ["train-decision", *data, *save, "--quiet"]


def _train_flownets(given: Path, out: Path) -> list[str]:
    length = ("--epochs", "3", "--steps_per_epoch", "1", "--batch_size", "1")
    data = ("--data_dir", str(given), "--save_dir", str(out))
    return ["train-flownets", *data, *length, "--quiet"]


def _check_checkpoints(run: Ended, others: tuple[str, ...]) -> None:
    """The best and the last model as TF1 checkpoints; what was left can be read, or isn't named."""
    parts = ("index", "data-00000-of-00001")
    models = [f"{name}.{part}" for name in (BEST_NAME, FINAL_NAME) for part in parts]
    kept = ("checkpoint", "training_curves.png", "training_log.json", "training_state.npz")
    assert names(run.out) == sorted([*models, *kept, *others]), names(run.out)
    left = names(run.left)
    if "checkpoint" in left:
        read_bundle(locate_tf1(run.left, "nothing"))
    for name in (BEST_NAME, FINAL_NAME):
        if f"{name}.index" in left:
            read_bundle(run.left / name)
    if "training_state.npz" in left:
        np.load(run.left / "training_state.npz")["v0"]
    if "training_log.json" in left:
        json.loads((run.left / "training_log.json").read_text())


def _convert(given: Path, out: Path) -> list[str]:
    source = ("--input", str(given / "weights/segnet.h5"), "--frames", str(given / "val"))
    return ["convert", *source, "--output", str(out / "a.pb"), "--quiet"]


def _check_convert(run: Ended) -> None:
    assert names(run.out) == ["a.pb", "a.pb.sha256"]
    assert (run.out / "a.pb").read_bytes() == b"graph" * 1000
    if (run.left / "a.pb").exists():
        assert (run.left / "a.pb").read_bytes() == b"graph" * 1000
        assert (run.left / "a.pb.sha256").exists()


def _fit(given: Path, out: Path) -> list[str]:
    own = weights(out)
    chosen = ("--segnet_chkpt", str(own / "segnet.h5"), "--dvs_flownet_chkpt", str(own / "flow"))
    return ["fit-schedule", "--clips", str(given / "val"), "--frames", "12", *chosen, "--quiet"]


def _calibrate(given: Path, out: Path) -> list[str]:
    own = weights(out)
    data = ("--data_dir", str(given), "--images", "4")
    return ["calibrate", *data, "--segnet_chkpt", str(own / "segnet.h5"), "--quiet"]


def _check_json(run: Ended, name: str) -> None:
    for folder in (run.left, run.out):
        if folder == run.out or (folder / name).exists():
            assert "sha256" in json.loads((folder / name).read_text())
    assert not [each for each in names(run.out) if each.startswith(".")]


@dataclass(frozen=True)
class Command:
    """A command, and the check of what a run that was ended left and the next one made.

    Attributes:
        argv: of the inputs' folder and the output folder.
        check: raises an AssertionError.
        same: files that must be the same whenever a run was ended.
        real: the command runs as a process of its own, over real networks, and takes so long that
            it is not among the tests.
    """

    argv: Callable[[Path, Path], list[str]]
    check: Callable[[Ended], None]
    same: tuple[str, ...] = ()
    real: bool = False


COMMANDS = {
    "video": Command(_video, _check_video),
    "video --records": Command(_records, _check_records),
    "infer": Command(_infer, lambda run: _check_images(run, "mask%d.png"), ("mask7.png",)),
    "features": Command(_features, _check_features, ("X.npy", "Y.npy")),
    "extract-frames": Command(_extract, lambda run: _check_images(run, "f_%06d.png")),
    "synthetic-video": Command(_synthetic, _check_synthetic, ("pairs.txt",)),
    "train-segnet": Command(
        _train, _check_train, ("resnet50_segnet.h5", "resnet50_segnet_last.h5")
    ),
    "train-decision": Command(
        _train_decision,
        lambda run: _check_checkpoints(run, ("model_schedule.json", "predicted_scores.png")),
        tuple(f"{name}.data-00000-of-00001" for name in (BEST_NAME, FINAL_NAME)),
        real=True,
    ),
    "train-flownets": Command(
        _train_flownets,
        lambda run: _check_checkpoints(run, ()),
        tuple(f"{name}.data-00000-of-00001" for name in (BEST_NAME, FINAL_NAME)),
        real=True,
    ),
    "convert": Command(_convert, _check_convert, ("a.pb",)),
    "fit-schedule": Command(
        _fit, lambda run: _check_json(run, "segnet_schedule.json"), ("segnet_schedule.json",)
    ),
    "calibrate": Command(
        _calibrate, lambda run: _check_json(run, "segnet_int8.json"), ("segnet_int8.json",)
    ),
}


def _given(
    argv: Callable[[Path], list[str]],
    number: signal.Signals,
    folder: Path,
    moments: int,
    seed: int,
    real: bool,
) -> list[dict[str, Any]]:
    rng = random.Random(seed * 100 + int(number))
    runs = []
    for moment in range(moments):
        out = folder / f"out-{number.name}-{moment}"
        # The first is a share of the time that a run takes.
        delays = [rng.random(), *([rng.uniform(0, 0.05)] * (moment % 2))]
        case = {"argv": argv(out), "out": str(out), "signal": number, "delays": delays}
        runs.append({**case, "real": real})
    return runs


def kill(
    argv: Callable[[Path], list[str]],
    numbers: Sequence[signal.Signals],
    folder: Path,
    moments: int,
    seed: int = 1,
    real: bool = False,
) -> list[Ended]:
    """Run a command as often as there are moments of each signal, end it, and run it again.

    Every second run is sent the signal twice.

    Args:
        argv: its arguments, for an output folder.
        numbers: the signals.
        folder: where outputs go.
        moments: how many, of each signal.
        seed: of the moments.
        real: see :class:`Command`.
    """
    runs = [run for number in numbers for run in _given(argv, number, folder, moments, seed, real)]
    (folder / "runs.json").write_text(json.dumps(runs))
    done = subprocess.run(
        [sys.executable, "-m", "kills.run", str(folder / "runs.json")],
        env={**unmeasured(), "PYTHONPATH": f"{TESTS.parent}{os.pathsep}{TESTS}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=(600 + 300 * len(runs)) if real else (120 + 20 * len(runs)),
    )
    assert done.returncode == 0, done.stderr
    results = []
    for given, result in zip(runs, json.loads(done.stdout), strict=True):
        out, number = Path(given["out"]), given["signal"]
        assert "Traceback" not in result["said"], result["said"]
        status = result["status"]
        if number == signal.SIGKILL:
            assert status in (0, -number), result
        elif status != 0:
            # A signal before the command has begun ends it by itself.
            assert status in (INTERRUPTED, -number), result
            assert result["said"].count("interrupted") == (status == INTERRUPTED), result
        assert result["again"] == 0, result
        left = out.with_name(f"{out.name}-killed")
        twice = len(given["delays"]) > 1
        results.append(Ended(left, out, number, status, result["said"], twice))
    return results


def check(command: Command, runs: list[Ended]) -> None:
    """Check every run, and that all of them came to the same result.

    Raises:
        AssertionError: something was lost, half there or left over.
    """
    for run in runs:
        command.check(run)
    for name in command.same:
        assert len({(run.out / name).read_bytes() for run in runs}) == 1, name
