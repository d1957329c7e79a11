"""No command opens a connection or writes a file outside of its output folder and the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from kills.commands import COMMANDS, made

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the fakes' module forks")

WATCH = """
import json, os, sys
seen, allowed = [], tuple(sys.argv[2:]) + (os.devnull,)

def watch(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        seen.append(event)
    elif event == "open" and isinstance(arguments[0], str):
        path, _, flags = arguments
        if flags & (os.O_WRONLY | os.O_RDWR) and not os.path.abspath(path).startswith(allowed):
            seen.append(f"open {path}")
    elif event in ("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link"):
        for path in arguments[:2]:
            if isinstance(path, str) and not os.path.abspath(path).startswith(allowed):
                seen.append(f"{event} {path}")

sys.dont_write_bytecode = True
sys.addaudithook(watch)
from kills import run
from vssn.cli.main import main
runs = json.loads(sys.argv[1])
run.prepare(False)
codes = [main(each) for each in runs]
print(json.dumps({"codes": codes, "seen": seen}))
"""


def test_nothing_leaves_the_machine_or_the_output_folder(tmp_path: Path, repo_root: Path) -> None:
    given, home = made(tmp_path / "given"), tmp_path / "home"
    home.mkdir()
    runs = [
        COMMANDS[name].argv(given, tmp_path / "out" / name.replace(" ", ""))
        for name in COMMANDS
        # TensorFlow's work: Keras makes ~/.keras, and urllib3 binds a socket of its own to see
        # whether there is IPv6.
        if name not in ("convert", "train-decision", "train-flownets")
    ]
    data = ("--data_dir", str(given), "--data_list", str(given / "list.txt"))
    report = ("--report", str(tmp_path / "out/report"), "--save_dir", "none")
    flags = COMMANDS["infer"].argv(given, tmp_path)[-6:]
    runs += [["infer", *data, *report, "--summary", str(tmp_path / "out/s.json"), *flags]]
    lists = ("--data_dir", str(given), "--split", "val", "--output", str(tmp_path / "out/l.txt"))
    runs += [["make-lists", "stills", *lists]]
    environment = os.environ | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "MPLCONFIGDIR": str(home / "cache"),
        "TMPDIR": str(home / "cache"),
        "PYTHONPATH": f"{repo_root}{os.pathsep}{repo_root / 'tests'}",
    }
    (home / "cache").mkdir()
    allowed = [str(tmp_path / "out"), str(home / "cache")]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, json.dumps(runs), *allowed],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        cwd=tmp_path / "given",
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"codes": [0] * len(runs), "seen": []}
    assert [path.name for path in home.iterdir()] == ["cache"]
