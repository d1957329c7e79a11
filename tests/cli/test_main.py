"""The command line as such: help, version, exit codes, and every script."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from unmeasured import unmeasured

from vssn.cli import main as cli
from vssn.cli.main import COMMANDS, main
from vssn.version import __version__

SCRIPTS = {
    "convert_keras_to_tensorflow_pb.py",
    "generate_resnet_features.py",
    "inference_resnet_segnet.py",
    "inference_resnet_segnet_video.py",
    "make_lists.py",
    "train_decision_network.py",
    "train_flownets.py",
    "train_resnet50_segnet.py",
}
HELP_BUDGET_S = 1.0  # of processor time, which other work on the machine does not lengthen


def called(argv: list[str]) -> object:
    try:
        return main(argv)
    except SystemExit as stop:
        return stop.code


@pytest.mark.parametrize("argv", [["--version"], ["infer", "--version"], ["video", "--version"]])
def test_the_version_is_told(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert called(argv) == 0
    assert capsys.readouterr().out == f"vssn {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(["--help"]) == 0
    out = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert re.search(rf"^ +{name}\s+{re.escape(summary[:20])}", out, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert COMMANDS[name].split()[0].capitalize() in out
    assert f"vssn {name}" in out


def test_no_help_imports_tensorflow_or_looks_for_a_screen() -> None:
    check = (
        "import sys\n"
        "from vssn.cli.main import COMMANDS, main\n"
        "for name in COMMANDS:\n"
        "    try:\n"
        "        main([name, '--help'])\n"
        "    except SystemExit:\n"
        "        pass\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    finished = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.skipif(not hasattr(os, "wait4"), reason="needs processor times of a child")
@pytest.mark.parametrize("argv", [["--help"], ["infer", "--help"], ["train-segnet", "--help"]])
def test_help_answers_quickly(argv: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "vssn.cli.main", *argv], stdout=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_utime + usage.ru_stime < HELP_BUDGET_S


@pytest.mark.parametrize("argv", [[], ["fly"], ["--quiet"], ["infer", "--fly"]])
def test_a_wrong_command_line_is_refused_in_one_line(
    argv: list[str], refuses: Callable[..., str]
) -> None:
    refuses(argv, "--help")


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vssn.cli import make_lists

    def interrupted(args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(make_lists, "run", interrupted)
    assert main(["make-lists", "camvid"]) == cli.EXIT_INTERRUPTED
    assert capsys.readouterr().err == "interrupted\n"


def test_nothing_is_loaded_before_an_interrupt_is_one_line() -> None:
    """What is loaded while Ctrl-C still ends in a traceback takes milliseconds."""
    check = (
        "import sys, vssn.cli.main\n"
        "heavy = {'numpy', 'cv2', 'av', 'scipy', 'openvino', 'vssn.api'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)


IMPORTING = """
import sys
sys.path.insert(0, {folder!r})
from vssn.cli import main as cli, make_lists
def run(args):
    import imported, time
    time.sleep(20)
make_lists.run = run
sys.exit(cli.main(["make-lists", "camvid"]))
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_waits_for_the_end_of_an_import(tmp_path: Path, times: int) -> None:
    (tmp_path / "imported.py").write_text(
        "import os, signal\n"
        "try:\n"
        f"    for _ in range({times}):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    raise ImportError from None  # as libraries do\n"
        "print('whole', flush=True)\n"
    )
    code = IMPORTING.format(folder=str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=unmeasured(),
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "whole\n", "interrupted\n")


def test_names_that_a_terminal_would_obey_are_shown_escaped() -> None:
    code = (
        "import logging, sys\n"
        "from vssn.cli import main as cli, make_lists\n"
        "def run(args):\n"
        "    logging.getLogger('vssn').warning('%s', 'a\\x1b[2Jb\\nc')\n"
        "    print('d\\x1b[2J\\te')\n"
        "    return 0\n"
        "make_lists.run = run\n"
        "sys.exit(cli.main(['make-lists', 'camvid']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "a\\x1b[2Jb\\nc\n"
    assert done.stdout == "d\\x1b[2J\te\n"


def test_a_wrong_argument_is_shown_escaped(refuses: Callable[..., str]) -> None:
    assert "\\x1b[2J" in refuses(["infer", "--\x1b[2J"])


@pytest.mark.parametrize(
    "argv",
    [
        ["video", "--threads", "1000000000"],
        ["video", "--threads", "0"],
        ["video", "--overlap", "-8"],
        ["video", "--max_frames", "9" * 5000],
        ["infer", "--num_steps", "1e9"],
        ["synthetic-video", "--seed", "-1"],
        ["synthetic-video", "--seed", str(2**40)],
        ["train-segnet", "--seed", "-1"],
        ["train-segnet", "--seed", "9" * 400],
    ],
)
def test_numbers_out_of_range_are_refused(argv: list[str], refuses: Callable[..., str]) -> None:
    assert len(refuses(argv, argv[1])) < 700


def test_a_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    from vssn.cli import make_lists

    def wrong(args: object) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(make_lists, "run", wrong)
    with pytest.raises(ZeroDivisionError):
        main(["make-lists", "camvid"])


def test_every_script_answers_help(repo_root: Path) -> None:
    scripts = sorted((repo_root / "scripts").glob("*.py"))
    assert {script.name for script in scripts} >= SCRIPTS
    running = {
        script.name: subprocess.Popen(
            [sys.executable, str(script), "--help"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=repo_root,
        )
        for script in scripts
    }
    for name, process in running.items():
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, f"{name}: {error}"
        assert out.startswith("usage: vssn "), name


FLAGS = {
    "infer": (
        *("--num_steps", "--target", "--data_dir", "--data_list", "--save_dir", "--segnet_chkpt"),
        *("--dvs_flownet_chkpt", "--decision_chkpt", "--summary", "--quiet"),
        *("--flow", "--propagate"),
    ),
    "video": (
        *("--target", "--process_original", "--video_file", "--save_dir", "--segnet_chkpt"),
        *("--dvs_flownet_chkpt", "--decision_chkpt", "--summary", "--quiet"),
        *("--flow", "--propagate"),
    ),
    "features": (
        *("--restore_from_seg", "--restore_from_flownet", "--clip", "--data_dir", "--data_list"),
        *("--num_steps", "--save_dir"),
    ),
    "train-decision": ("--batch_size", "--learning_rate", "--epochs", "--decay", "--save_dir"),
    "train-segnet": ("--data_dir", "--encoder_weights", "--epochs", "--resume"),
}


@pytest.mark.parametrize("name", FLAGS)
def test_the_promised_flags_are_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    called([name, "--help"])
    out = capsys.readouterr().out
    assert [flag for flag in FLAGS[name] if f"{flag} " not in out and f"{flag}]" not in out] == []


def test_a_full_standard_output_is_told_in_one_line() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with full.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "vssn", "--help"],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output (No space left on device): expected")
    assert done.stderr.count("\n") == 1


def test_a_closed_standard_output_is_no_error() -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m vssn --help >&-"],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_the_terminal_lacks_is_shown_escaped(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vssn", "video", "--video_file", str(tmp_path / "行车.mp4")],
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "cp1252"},
    )
    assert done.returncode == 2
    assert b"\\u884c\\u8f66.mp4" in done.stderr
