"""A full disk, closed streams and names that can't be: one line, and nothing half there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from kills.commands import COMMANDS, FRAMES, made

from vssn.checkpoints.bundle import read_bundle
from vssn.checkpoints.hdf5 import read_layer_weights
from vssn.cli.main import main

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
OUTPUTS = {
    "video": ("--output", "v.mp4"),
    "avi": ("--output", "v.avi"),
    "gif": ("--output", "v.gif"),
    "webp": ("--output", "v.webp"),
    "images": ("--output", "%03d.png"),
    "summary": ("--save_dir", "none", "--summary", "s.json"),
    "jsonl": ("--save_dir", "none", "--records", "r.jsonl"),
    "csv": ("--save_dir", "none", "--records", "r.csv"),
    "parquet": ("--save_dir", "none", "--records", "r.parquet"),
    "report": ("--save_dir", "none", "--report", "rep"),
}
FEW_BYTES = "16k"
STATE_FILE = "training_state.npz"


def read_archive_names(path: Path) -> list[str]:
    with np.load(path) as archive:
        return [name for name in archive if archive[name] is not None]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("room") / "given")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk with room for a few kilobytes, all of it taken."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={FEW_BYTES}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("NO SMALL DISK: mounting one needs root")
    try:
        (place / "filling").write_bytes(bytes(16 << 10))
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def _arguments(given: Path, out: Path, name: str) -> list[str]:
    if name in COMMANDS:
        return COMMANDS[name].argv(given, out)
    flags = [
        part if part.startswith("--") or part == "none" else str(out / part)
        for part in OUTPUTS[name]
    ]
    return ["video", str(given / "street.avi"), "--quiet", *flags]


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize(
    "name", [*OUTPUTS, "infer", "features", "extract-frames", "synthetic-video"]
)
def test_a_full_disk_is_told_in_one_line(
    given: Path, small: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow")
    weights = ["--segnet_chkpt", str(given / "weights/segnet.h5")] if name in OUTPUTS else []
    assert main([*_arguments(given, small, name), *weights]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1, said
    assert "No space left on device" in said
    assert "Traceback" not in said
    left = [path for path in small.rglob("*") if path.is_file() and path.name != "filling"]
    assert not [path for path in left if path.stat().st_size and path.suffix == ".json"]


def test_a_full_disk_while_weights_are_written_is_told_in_one_line(
    repo_root: Path, small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = str(repo_root / "light_segmenter_model" / "light_segmenter.h5")
    assert main(["average-weights", weights, weights, "--output", str(small / "mean.h5")]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1, said
    assert "No space left on device" in said
    assert [path.name for path in small.iterdir()] == ["filling"]


@pytest.mark.parametrize("room", [0, 300_000, 1_200_000])
def test_a_disk_that_fills_in_a_training_is_told_in_one_line(
    given: Path, small: Path, capsys: pytest.CaptureFixture[str], room: int
) -> None:
    """A real one; what it wrote before can be read, and nothing is half there."""
    subprocess.run(
        ["mount", "-o", f"remount,size={(16 << 10) + room // 4096 * 4096}", str(small)], check=True
    )
    assert main(COMMANDS["train-decision"].argv(given, small)) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1, said
    assert "No space left on device" in said, said
    assert "Traceback" not in said
    for path in small.iterdir():
        assert not path.name.startswith("."), path
        if path.name == STATE_FILE:
            assert len(read_archive_names(path)) > 3
        if path.suffix == ".index":
            read_bundle(path.with_suffix(""))


MB = 1_000_000
TRAININGS = {
    "train-segnet": "--model light --encoder_weights none --batch_size 1 --epoch_steps 1 "
    "--crop_hw 64 64 --precision f32 --validate_every 1",
    "train-flownets": "--batch_size 1 --steps_per_epoch 1",
}
# The light segmenter's weights take 8.7 MB and its training's state 60, FlowNetS' 21.9 and 65.6.
FULL: dict[str, tuple[str, int, str, set[str]]] = {
    "segnet's first weights": ("train-segnet", 2 * MB, "weights", set()),
    "segnet's second state": (
        "train-segnet",
        100 * MB,
        "training state",
        {"light_segmenter.h5", STATE_FILE, "training_log.json"},
    ),
    "FlowNetS' first weights": ("train-flownets", 12 * MB, "TF1 checkpoint", set()),
    "FlowNetS' second state": (
        "train-flownets",
        125 * MB,
        "training state",
        {"model.ckpt.index", "checkpoint", STATE_FILE, "training_log.json"},
    ),
}


@pytest.fixture(scope="module")
def few(given: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two stills to learn from and one to choose by."""
    folder = tmp_path_factory.mktemp("few")
    for name in ("train/0", "train/1", "trainannot/0", "trainannot/1", "val/0", "valannot/0"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(given / f"{name}.png", folder / f"{name}.png")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("case", FULL)
def test_a_disk_that_fills_in_a_networks_training_costs_nothing_that_was_there(
    few: Path, small: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """Real trainings; the older weights and the older state stay whole."""
    command, room, what, left = FULL[case]
    (small / "filling").unlink()
    subprocess.run(["mount", "-o", f"remount,size={room}", str(small)], check=True)
    argv = [command, "--data_dir", str(few), *TRAININGS[command].split(), "--epochs", "3"]
    assert main([*argv, "--save_dir", str(small), "--quiet"]) == 2
    said = capsys.readouterr().err
    assert said.count("error: ") == 1, said
    assert f"error: {what} '{small}" in said, said
    assert "No space left on device" in said
    assert "Traceback" not in said
    found = {path.name for path in small.iterdir()}
    assert left <= found
    assert not [name for name in found if name.startswith(".")]
    assert bool(left) == bool(found)
    for path in small.iterdir():
        if path.name == STATE_FILE:
            assert len(read_archive_names(path)) > 100
        if path.suffix == ".h5":
            read_layer_weights(path)  # compares the digest
        if path.suffix == ".index":
            read_bundle(path.with_suffix(""))


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", ["infer", "features", "extract-frames", "synthetic-video"])
@pytest.mark.parametrize("place", ["x" * 300, "file", "file/below", "a\0b"])
def test_a_folder_that_can_not_be_is_told_in_one_line(
    given: Path, tmp_path: Path, refuses: Callable[..., str], name: str, place: str
) -> None:
    (tmp_path / "file").touch()
    refuses(COMMANDS[name].argv(given, tmp_path / place), "directory")


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize("name", ["video", "infer", "features", "extract-frames"])
def test_a_closed_standard_error_is_no_error(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    arguments = [each for each in COMMANDS[name].argv(given, tmp_path / "out") if each != "--quiet"]
    assert main(arguments) == 0


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_no_output_takes_the_number_of_a_closed_stream(
    given: Path, tmp_path: Path, repo_root: Path, descriptor: int
) -> None:
    output = tmp_path / "list.txt"
    command = [
        *(sys.executable, "-m", "vssn", "make-lists", "stills", "--data_dir", str(given)),
        *("--split", "val", "--output", str(output)),
    ]
    closed = f"exec {descriptor}>&-; exec " + " ".join(f"'{part}'" for part in command)
    assert subprocess.run(["sh", "-c", closed], cwd=repo_root, check=False).returncode == 0
    assert len(output.read_text().splitlines()) == FRAMES
