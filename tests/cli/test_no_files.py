"""Pipes, devices, folders, giants and loops of links where a command reads a file."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kills.commands import made
from no_file import put_no_file

from vssn.cli.main import COMMANDS

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
LONGEST_S = 300  # a hang is longer, whatever else the machine does

# Each flag that names a file to read, with the names that such files have. IN stands for a folder
# with inputs, FILE for what is no file, OUT for the outputs' folder.
DATA = "--data_dir IN --segnet_chkpt IN/weights/segnet.h5"
READS = {
    "infer --data_list": ("infer --data_dir IN --data_list FILE --save_dir OUT", ".txt"),
    "infer --segnet_chkpt": (
        "infer --data_dir IN --data_list IN/list.txt --save_dir OUT --segnet_chkpt FILE",
        ".h5 .keras .pb",
    ),
    "infer --dvs_flownet_chkpt": (
        f"infer {DATA} --data_list IN/list.txt --save_dir OUT --dvs_flownet_chkpt FILE",
        ".index checkpoint",
    ),
    "infer --decision_chkpt": (
        f"infer {DATA} --data_list IN/list.txt --save_dir OUT --flow flownets "
        "--dvs_flownet_chkpt IN/weights/flow --decision_chkpt FILE",
        ".index checkpoint",
    ),
    "video SOURCE": ("video FILE --output OUT/v.mp4", ".mp4 .mkv .gif .png .webp .txt .ts"),
    "video --video_file": ("video --video_file FILE --save_dir OUT", ".avi .png .txt"),
    "video --raw_size": ("video FILE --raw_size 640x360 --output OUT/v.mp4", ".raw"),
    "video --camera": ("video IN/street.avi --output OUT/v.mp4 --camera FILE", ".json"),
    "video --palette": ("video IN/street.avi --output OUT/v.mp4 --palette FILE", ".json"),
    "video --segnet_chkpt": ("video IN/street.avi --output OUT/v.mp4 --segmenter FILE", ".h5"),
    "live SOURCE": ("live FILE --output OUT/v.mp4", ".mp4 .png .txt"),
    "live --camera": ("live IN/street.avi --output OUT/v.mp4 --camera FILE", ".json"),
    "live --palette": ("live IN/street.avi --output OUT/v.mp4 --palette FILE", ".json"),
    "live --segnet_chkpt": ("live IN/street.avi --output OUT/v.mp4 --segmenter FILE", ".pb"),
    "features --data_list": ("features --data_dir IN --data_list FILE --save_dir OUT", ".txt"),
    "features --restore_from_seg": (
        "features --data_dir IN --data_list IN/list.txt --save_dir OUT --restore_from_seg FILE",
        ".h5 .pb",
    ),
    "features --restore_from_flownet": (
        "features --data_dir IN --data_list IN/list.txt --save_dir OUT --restore_from_flownet FILE",
        ".index",
    ),
    "train-segnet --encoder_weights": (
        "train-segnet --data_dir IN --save_dir OUT --encoder_weights FILE",
        ".h5",
    ),
    "train-segnet --start_weights": (
        "train-segnet --data_dir IN --save_dir OUT --encoder_weights none --start_weights FILE",
        ".h5",
    ),
    "train-segnet --clips": (
        "train-segnet --data_dir IN --save_dir OUT --encoder_weights none --clips FILE",
        ".mp4",
    ),
    "train-segnet --teachers": (
        "train-segnet --data_dir IN --save_dir OUT --encoder_weights none --teachers FILE",
        ".h5",
    ),
    "train-segnet --model light": (
        "train-segnet --data_dir IN --save_dir OUT --model light --encoder_weights FILE",
        ".pth",
    ),
    "train-flownets --segmenter": (
        "train-flownets --task --data_dir IN --save_dir OUT --segmenter FILE",
        ".h5",
    ),
    "train-flownets --clips": ("train-flownets --data_dir IN --save_dir OUT --clips FILE", ".mp4"),
    "train-flownets --start_weights": (
        "train-flownets --data_dir IN --save_dir OUT --start_weights FILE",
        ".index",
    ),
    "average-weights WEIGHTS": ("average-weights FILE FILE --output OUT/a.h5", ".h5"),
    "convert --input": ("convert --input FILE --output OUT/a.pb", ".h5 .keras"),
    "convert --config": (
        "convert --input IN/weights/segnet.h5 --config FILE --output OUT/a.pb",
        ".json",
    ),
    "calibrate --segnet_chkpt": ("calibrate --data_dir IN --segnet_chkpt FILE", ".h5"),
    "calibrate-camera --pictures": (
        "calibrate-camera --pictures FILE --output OUT/c.json",
        ".png .jpg",
    ),
    "fit-schedule --clips": (
        "fit-schedule --clips FILE --segnet_chkpt IN/weights/segnet.h5",
        ".mp4",
    ),
    "fit-schedule --segnet_chkpt": (
        "fit-schedule --clips IN/street.avi --segnet_chkpt FILE",
        ".h5",
    ),
    "fit-schedule --dvs_flownet_chkpt": (
        "fit-schedule --clips IN/street.avi --segnet_chkpt IN/weights/segnet.h5 "
        "--dvs_flownet_chkpt FILE",
        ".index",
    ),
    "evaluate-warp --segnet_chkpt": (
        "evaluate-warp --data_dir IN --warp predictions --segnet_chkpt FILE",
        ".h5",
    ),
    "evaluate-warp --dvs_flownet_chkpt": (
        f"evaluate-warp {DATA} --dvs_flownet_chkpt FILE",
        ".index",
    ),
    "evaluate-schedule --clips": ("evaluate-schedule --clips FILE", ".mp4"),
    "evaluate-schedule --segnet_chkpt": (
        "evaluate-schedule --clips IN/street.avi --segnet_chkpt FILE",
        ".h5",
    ),
    "evaluate-schedule --dvs_flownet_chkpt": (
        "evaluate-schedule --clips IN/street.avi --dvs_flownet_chkpt FILE",
        ".index",
    ),
    "evaluate-schedule --decision_chkpt": (
        "evaluate-schedule --clips IN/street.avi --flow flownets --decision_chkpt FILE",
        ".index",
    ),
    "bench --clip": ("bench --clip FILE --seconds 1 --segmenter IN/weights/segnet.h5", ".mp4"),
    "bench --segmenter": ("bench --clip IN/street.avi --seconds 1 --segmenter FILE", ".h5"),
    "extract-frames --video_file": (
        "extract-frames --video_file FILE --save_dir OUT",
        ".mp4 .png .txt",
    ),
}
KINDS = ("pipe", "device", "loop", "sparse", "folder", "socket", "dangling")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("no_files") / "given")


@pytest.fixture
def in_time() -> Iterator[None]:
    """Ends a hang with an error."""

    def late(*_: object) -> None:
        raise TimeoutError(f"longer than {LONGEST_S} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.usefixtures("fake_networks", "in_time")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reads", READS)
def test_what_is_no_file_is_refused_in_one_line(
    given: Path, tmp_path: Path, refuses: Callable[..., str], reads: str, kind: str
) -> None:
    if kind == "sparse" and (
        reads == "video --raw_size" or reads.endswith(("_chkpt", "segmenter"))
    ):
        return  # a terabyte of black frames, and what the fakes are given in place of weights
    command, suffixes = READS[reads]
    for suffix in suffixes.split():
        name = suffix if suffix == "checkpoint" else f"x{suffix}"
        folder = tmp_path / suffix.strip(".")
        folder.mkdir()
        put_no_file(folder / name, kind)
        named = folder / name
        if suffix == ".index":  # a TF1 checkpoint is named without it
            (folder / "x.data-00000-of-00001").write_bytes(bytes(64))
            named = folder / "x"
        words = {"IN": given, "OUT": tmp_path / "out", "FILE": named}
        argv = []
        for part in command.split():
            head, slash, rest = part.partition("/")
            argv.append(f"{words.get(head, head)}{slash}{rest}")
        refuses(argv)


@pytest.mark.usefixtures("in_time")
@pytest.mark.parametrize("kind", [*KINDS, "damaged"])
@pytest.mark.parametrize("reads", [each for each in READS if each.startswith("train-")])
def test_a_training_refuses_what_is_no_file_before_it_starts_tensorflow(
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: Callable[..., str],
    reads: str,
    kind: str,
) -> None:
    from vssn.runtime import startup

    if (reads, kind) == ("train-flownets --segmenter", "damaged"):
        return  # whose runtime reads it
    monkeypatch.setattr(startup, "start_tensorflow", lambda *_: pytest.fail("it is started"))
    command, suffix = READS[reads]
    named = tmp_path / f"x{suffix}"
    if kind == "damaged":
        named.write_bytes(b"no weights")
    else:
        put_no_file(named, kind)
    if suffix == ".index":  # a TF1 checkpoint is named without it
        (tmp_path / "x.data-00000-of-00001").write_bytes(bytes(64))
        named = named.with_suffix("")
    words = {"IN": str(given), "OUT": str(tmp_path / "out"), "FILE": str(named)}
    refuses([words.get(part, part) for part in command.split()], named.name)


def training(command: str, given: Path) -> list[str]:
    """A training's command line over what is given."""
    folders = ("--train_data_dir", "--val_data_dir") if "decision" in command else ("--data_dir",)
    below = "features" if "decision" in command else ""
    data = [part for flag in folders for part in (flag, str(given / below))]
    return [*command.split(), *data]


@pytest.mark.parametrize("kind", [*KINDS, "missing"])
@pytest.mark.parametrize(
    "command", ["train-segnet --encoder_weights none", "train-flownets", "train-decision"]
)
def test_a_training_looks_for_its_state_before_it_starts_tensorflow(
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: Callable[..., str],
    command: str,
    kind: str,
) -> None:
    from vssn.runtime import startup

    monkeypatch.setattr(startup, "start_tensorflow", lambda *_: pytest.fail("it is started"))
    out = tmp_path / "out"
    out.mkdir()
    if kind != "missing":
        put_no_file(out / "training_state.npz", kind)
    refuses([*training(command, given), "--save_dir", str(out), "--resume"], "training_state.npz")


@pytest.mark.parametrize(
    "command", ["train-segnet --encoder_weights none", "train-flownets", "train-decision"]
)
def test_a_training_looks_at_its_folder_before_it_starts_tensorflow(
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: Callable[..., str],
    command: str,
) -> None:
    from vssn.runtime import startup

    monkeypatch.setattr(startup, "start_tensorflow", lambda *_: pytest.fail("it is started"))
    (tmp_path / "out").touch()
    refuses([*training(command, given), "--save_dir", str(tmp_path / "out")], "output directory")


def test_every_flag_that_names_a_file_is_tried() -> None:
    assert {reads.split()[0] for reads in READS} | {
        # These read folders of images alone, whose files are tried below, or shipped files.
        *("train-decision", "make-lists", "synthetic-video", "demo")
    } == set(COMMANDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("train-segnet --encoder_weights none --data_dir FOLDER", "train/0.png"),
        ("train-segnet --encoder_weights none --data_dir FOLDER", "valannot/0.png"),
        ("train-segnet --encoder_weights none --data_dir FOLDER", "source.json"),
        ("train-flownets --data_dir FOLDER", "train/0.png"),
        ("train-flownets --task --data_dir FOLDER", "val/0.png"),
        ("train-decision --val_data_dir FOLDER/features --train_data_dir FOLDER/features", "X.npy"),
        ("train-decision --val_data_dir FOLDER/features --train_data_dir FOLDER/features", "Y.npy"),
        (
            "train-decision --val_data_dir FOLDER/features --train_data_dir FOLDER/features",
            "features.json",
        ),
    ],
)
def test_a_training_refuses_what_is_no_file_in_a_folder_before_it_starts_tensorflow(
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: Callable[..., str],
    command: str,
    place: str,
    kind: str,
) -> None:
    from vssn.runtime import startup

    monkeypatch.setattr(startup, "start_tensorflow", lambda *_: pytest.fail("it is started"))
    folder = tmp_path / "folder"
    shutil.copytree(given, folder)
    path = folder / ("features" if "decision" in command else "") / place
    path.unlink(missing_ok=True)
    put_no_file(path, kind)
    argv = command.replace("FOLDER", str(folder)).split()
    refuses([*argv, "--save_dir", str(tmp_path / "out")], path.name)


@pytest.mark.usefixtures("fake_networks", "in_time")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("command", "place"),
    [
        ("train-decision --train_data_dir FOLDER --val_data_dir FOLDER --save_dir OUT", "X.npy"),
        ("train-decision --train_data_dir FOLDER --val_data_dir FOLDER --save_dir OUT", "Y.npy"),
        ("synthetic-video --data_dir FOLDER --split val --save_dir OUT", "val/3.png"),
        ("synthetic-video --data_dir FOLDER --split val --save_dir OUT", "valannot/3.png"),
        ("infer --data_dir FOLDER --data_list FOLDER/list.txt --save_dir OUT", "val/0.png"),
        ("calibrate --data_dir FOLDER --segnet_chkpt FOLDER/weights/segnet.h5", "train/0.png"),
        ("train-segnet --data_dir FOLDER --save_dir OUT --encoder_weights none", "source.json"),
        ("video FOLDER/val --output OUT/v.mp4", "val/0.png"),
    ],
)
def test_no_file_in_a_folder_is_refused_or_passed_over(
    given: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    place: str,
    kind: str,
) -> None:
    from vssn.cli import train_segnet
    from vssn.cli.main import main
    from vssn.training.sources import read_source

    folder = tmp_path / "folder"
    shutil.copytree(given, folder)
    path = folder / place
    path.unlink(missing_ok=True)
    put_no_file(path, kind)
    # Nothing but the reading of the data is of interest here.
    monkeypatch.setattr(train_segnet, "_task", lambda args: read_source(args.data_dir) and 1 / 0)
    words = {"FOLDER": folder, "OUT": tmp_path / "out"}
    argv = []
    for part in command.split():
        head, slash, rest = part.partition("/")
        argv.append(f"{words.get(head, head)}{slash}{rest}")
    passed_over = False
    try:
        code = main(argv)
    except ZeroDivisionError:
        passed_over = True
    said = capsys.readouterr().err
    if not passed_over:
        assert code in (0, 2), said
        assert said.count("error: ") == (code == 2), said
        assert "Traceback" not in said
