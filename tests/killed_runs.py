"""Runs commands over fakes and ends them by signals: ``python killed_runs.py RUNS.json``.

One process imports everything and forks for each run, which then takes a fraction of a second.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

from vssn.cli import features, infer, video  # noqa: F401 - loaded before the runs
from vssn.cli.main import main
from vssn.evaluation import page  # noqa: F401
from vssn.media import window  # noqa: F401
from vssn.original import preset  # noqa: F401
from vssn.runtime import load

SECONDS_PER_FRAME = 0.01


def prepare() -> None:
    """Let every command have the fakes, slowed."""
    slow = FakeSegmentation()
    slow.before_each = lambda: time.sleep(SECONDS_PER_FRAME)
    networks = load.Networks(slow, FakeFlow(), FakeDecision(), "fake")
    load.load_networks = lambda *_, **__: networks
    load.load_segmentation = lambda *_, **__: slow
    load.load_flow = lambda *_, **__: networks.flow
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a job in the background ignores some
        default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
        signal.signal(getattr(signal, name), default)


def start(argv: list[str], log: Path) -> int:
    """Fork; return the process id."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    process = os.fork()
    if process:
        os.close(descriptor)
        return process
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    code = 99
    try:
        code = main(argv)
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def run(given: dict[str, Any]) -> dict[str, Any]:
    """Kill a run, keep a copy of what it left, and run again to the end."""
    out = Path(given["out"])
    log = out.with_name(f"{out.name}.log")
    process = start(given["argv"], log)
    for delay in given["delays"]:
        time.sleep(delay)
        os.kill(process, given["signal"])
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    said = log.read_text()
    if out.is_dir():
        shutil.copytree(out, out.with_name(f"{out.name}-killed"))
    again = os.waitstatus_to_exitcode(os.waitpid(start(given["argv"], log), 0)[1])
    return {"status": status, "said": said, "again": again, "said_again": log.read_text()}


if __name__ == "__main__":
    prepare()
    runs = json.loads(Path(sys.argv[1]).read_text())
    print(json.dumps([run(each) for each in runs]))
