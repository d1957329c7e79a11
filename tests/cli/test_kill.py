"""Whenever a run is ended, its results are whole or absent, and the next run finishes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.media.images import read_image_bgr
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows neither forks nor signals")

Paint = Callable[[np.ndarray], UInt8Array]
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
MOMENTS = 10  # of each command and signal
FRAMES = 30
LONGEST_S = 0.8  # a run takes about half of it
INTERRUPTED = 130
HW = (48, 64)


def killed(
    argv: Callable[[Path], list[str]], number: signal.Signals, tmp_path: Path, root: Path
) -> list[tuple[Path, Path, dict[str, Any]]]:
    """For each moment: what the killed run left, what the next one made of it, and what was said.

    Every second run is sent the signal twice.
    """
    rng = random.Random(int(number))
    runs = []
    for moment in range(MOMENTS):
        out = tmp_path / f"out{moment}"
        delays = [rng.uniform(0, LONGEST_S), *([rng.uniform(0, 0.05)] * (moment % 2))]
        runs.append({"argv": argv(out), "out": str(out), "signal": number, "delays": delays})
    (tmp_path / "runs.json").write_text(json.dumps(runs))
    tests = root / "tests"
    done = subprocess.run(
        [sys.executable, str(tests / "killed_runs.py"), str(tmp_path / "runs.json")],
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tests}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    results = []
    for given, result in zip(runs, json.loads(done.stdout), strict=True):
        out = Path(str(given["out"]))
        assert "Traceback" not in result["said"], result["said"]
        if number == signal.SIGKILL:
            assert result["status"] in (0, -number), result
        elif result["status"] != 0:
            # A signal before the command has begun ends it by itself.
            assert result["status"] in (INTERRUPTED, -number), result
            assert result["said"].count("interrupted") == (result["status"] == INTERRUPTED)
        assert result["again"] == 0, result
        result["twice"] = len(given["delays"]) > 1
        results.append((out.with_name(f"{out.name}-killed"), out, result))
    return results


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def frames_of(path: Path) -> int:
    with VideoSource(path) as source:
        return len(list(source))


@pytest.fixture
def source(tmp_path: Path, paint: Paint) -> Path:
    with VideoSink(tmp_path / "street.avi", VideoInfo(HW[1], HW[0], 25, None)) as sink:
        for number in range(FRAMES):
            sink.write(paint(np.full(HW, number % 11)))
    return tmp_path / "street.avi"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_video_is_whole_or_absent(
    source: Path, tmp_path: Path, repo_root: Path, weight_flags: list[str], number: signal.Signals
) -> None:
    def argv(out: Path) -> list[str]:
        target = ("--target", "100", "--output", str(out / "v.mp4"))
        return ["video", str(source), *target, *weight_flags]

    for left, out, result in killed(argv, number, tmp_path, repo_root):
        if result["status"] == 0:
            assert frames_of(left / "v.mp4") == FRAMES
        elif number != signal.SIGKILL and left.is_dir():
            # At most one video: finished, or a part that can be played.
            assert len(names(left)) <= 1, names(left)
            assert all(1 <= frames_of(path) <= FRAMES for path in left.iterdir())
        elif left.is_dir():
            for path in left.iterdir():
                assert path.name == "v.mp4" or path.name.startswith(("v.partial-", "v.finishing-"))
                if path.name == "v.mp4":
                    assert frames_of(path) == FRAMES
        assert frames_of(out / "v.mp4") == FRAMES
        if number != signal.SIGKILL:
            assert set(names(out)) - set(names(left)) <= {"v.mp4"}


@pytest.mark.parametrize("number", SIGNALS[::2])
def test_an_older_video_stays_or_is_replaced_by_a_whole_one(
    source: Path, tmp_path: Path, repo_root: Path, weight_flags: list[str], number: signal.Signals
) -> None:
    def argv(out: Path) -> list[str]:
        out.mkdir()
        with VideoSink(out / "v.mp4", VideoInfo(HW[1], HW[0], 25, None)) as sink:
            for _ in range(3):
                sink.write(np.zeros((*HW, 3), np.uint8))
        target = ("--target", "100", "--output", str(out / "v.mp4"))
        return ["video", str(source), *target, *weight_flags]

    for left, out, result in killed(argv, number, tmp_path, repo_root):
        assert frames_of(left / "v.mp4") in ((FRAMES,) if result["status"] == 0 else (3, FRAMES))
        assert frames_of(out / "v.mp4") == FRAMES


@pytest.fixture
def data_dir(tmp_path: Path, paint: Paint) -> Path:
    root = tmp_path / "data"
    for folder in ("val", "valannot"):
        (root / folder).mkdir(parents=True)
    lines = []
    for number in range(FRAMES):
        label = np.full(HW, 3, np.uint8)
        label[10:30, 2 * number % 48 :][:, :16] = 8  # a car that goes to the right
        cv2.imwrite(str(root / f"val/{number}.png"), paint(label))
        cv2.imwrite(str(root / f"valannot/{number}.png"), label)
        key = max(0, number - 1)
        lines.append(f"val/{key}.png val/{number}.png valannot/{number}.png\n")
    (root / "list.txt").write_text("".join(lines))
    return root


@pytest.mark.parametrize("number", SIGNALS)
def test_masks_are_whole_or_absent(
    data_dir: Path,
    tmp_path: Path,
    repo_root: Path,
    weight_flags: list[str],
    number: signal.Signals,
) -> None:
    def argv(out: Path) -> list[str]:
        where = ("--data_dir", str(data_dir), "--data_list", str(data_dir / "list.txt"))
        return ["infer", *where, "--save_dir", str(out), "--target", "100", *weight_flags]

    for left, out, result in killed(argv, number, tmp_path, repo_root):
        masks = [name for name in names(left) if not name.startswith(".")]
        assert masks == sorted(f"mask{index}.png" for index in range(len(masks)))
        for name in masks:
            assert read_image_bgr(left / name).shape == (*HW, 3)
        # A second signal may come while the first one's half a file is being removed.
        assert len([name for name in names(left) if name.endswith(".png")]) - len(masks) <= (
            number == signal.SIGKILL or result["twice"]
        )
        whole = sorted(f"mask{index}.png" for index in range(FRAMES))
        assert [name for name in names(out) if not name.startswith(".")] == whole
        # What the killed run left half written is gone.
        assert names(out) == whole


@pytest.mark.parametrize("number", SIGNALS)
def test_features_go_on_as_if_nothing_had_been(
    data_dir: Path,
    tmp_path: Path,
    repo_root: Path,
    weights_dir: Path,
    number: signal.Signals,
) -> None:
    def argv(out: Path) -> list[str]:
        return [
            "features",
            *("--data_dir", str(data_dir), "--data_list", str(data_dir / "list.txt")),
            *("--save_dir", str(out), "--restore_from_seg", str(weights_dir / "segnet.h5")),
            *("--restore_from_flownet", str(weights_dir / "flow")),
        ]

    results = killed(argv, number, tmp_path, repo_root)
    features = [(out / "X.npy").read_bytes() for _, out, _ in results]
    agreement = [(out / "Y.npy").read_bytes() for _, out, _ in results]
    assert (len(set(features)), len(set(agreement))) == (1, 1)
    assert len(np.load(results[0][1] / "Y.npy")) == FRAMES
    assert len(set(np.load(results[0][1] / "Y.npy").tolist())) > 1
    for left, out, _ in results:
        assert [name for name in names(out) if not name.startswith(".")] == [
            *("X.npy", "Y.npy", "features.json"),
        ]
        for name in ("X.npy", "Y.npy"):
            if (left / name).exists():
                assert (left / name).read_bytes() == (out / name).read_bytes()


def test_what_is_no_video_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"half")
    with pytest.raises(MediaError):
        frames_of(tmp_path / "v.mp4")
