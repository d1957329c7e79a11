"""Signals that end a command wait where something is being finished."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from unmeasured import unmeasured

from vssn.cli import ending
from vssn.interrupts import may_interrupt, uninterrupted
from vssn.media.video import VideoSource


def ran(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env=unmeasured()
    )


WAITING = """
import signal, time
from vssn.cli import ending
from vssn.interrupts import may_interrupt, uninterrupted

signal.signal(signal.SIGTERM, ending.interrupt)
seen = []
try:
    with uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        time.sleep(3 * ending.RETRY_S)
        with uninterrupted():
            seen.append(may_interrupt())
        seen.append(may_interrupt())
    time.sleep(5)
except KeyboardInterrupt:
    seen.append(may_interrupt())
print(seen)
"""


def test_a_signal_waits_until_a_moment_is_over() -> None:
    done = ran(WAITING)
    assert (done.stdout, done.stderr) == ("[False, False, True]\n", "")


def test_other_threads_hold_nothing_up() -> None:
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(may_interrupt())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


NATIVE = """
import signal, sys, time
from pathlib import Path
from vssn.cli import ending
from vssn.media.watched_file import WatchedFile

signal.signal(signal.SIGTERM, ending.interrupt)
file = WatchedFile(Path(sys.argv[1]))

class Source:
    def read(self, size):
        signal.raise_signal(signal.SIGTERM)
        return b"read"

file._source = Source()
print(file.read(4))
try:
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_read_for_ffmpeg_is_finished(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"read")
    done = ran(NATIVE, str(tmp_path / "v.mp4"))
    assert (done.stdout, done.stderr) == ("b'read'\ninterrupted\n", "")


DROPPED = """
import signal, time
from vssn.cli import ending

signal.signal(signal.SIGTERM, ending.interrupt)

class Dropped:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
        time.sleep(0)  # where Python raises what the handler raised

try:
    with ending.interrupts_kept():
        Dropped()
        time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_in_a_destructor_comes_again() -> None:
    done = ran(DROPPED)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no such timer")
def test_a_timer_of_the_callers_runs_on() -> None:
    before = signal.getitimer(signal.ITIMER_REAL)[0]  # that of the test's own time limit
    signal.setitimer(signal.ITIMER_REAL, 200)
    try:
        with ending.interrupts_kept():
            pass
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 100
    finally:
        signal.setitimer(signal.ITIMER_REAL, before)


def test_a_fault_in_a_destructor_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    class Dropped:
        def __del__(self) -> None:
            raise ValueError("broken")

    shown = []
    before, sys.unraisablehook = sys.unraisablehook, shown.append
    try:
        with ending.interrupts_kept():
            Dropped()
    finally:
        sys.unraisablehook = before
    assert [type(each.exc_value) for each in shown] == [ValueError]


VIDEO = """
import signal, sys, time
from fractions import Fraction
from pathlib import Path
import numpy as np
from vssn.cli import ending
from vssn.media import sink as sinks
from vssn.types import VideoInfo

signal.signal(signal.SIGTERM, ending.interrupt)
named = sinks.take_name

def take_name(*given):
    got = named(*given)
    signal.raise_signal(signal.SIGTERM)
    return got

if sys.argv[2] == "named":
    sinks.take_name = take_name
sink = sinks.VideoSink(Path(sys.argv[1]) / "v.mp4", VideoInfo(64, 48, 25, None))
sink.write(np.zeros((48, 64, 3), np.uint8), Fraction(0))
flushed = sink._encoder.flush

def flush():
    signal.raise_signal(signal.SIGTERM)
    time.sleep(3 * ending.RETRY_S)
    return flushed()

if sys.argv[2] == "encoded":
    sink._encoder.flush = flush
try:
    sink.close(complete=False)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("when", ["named", "encoded"])
def test_a_second_signal_leaves_one_video(tmp_path: Path, when: str) -> None:
    done = ran(VIDEO, str(tmp_path), when)
    assert done.stdout == "interrupted\n"
    (left,) = tmp_path.iterdir()
    assert left.name == "v.mp4" or when == "encoded", left  # or a part, where it came in time
    assert str(left) in done.stderr
    with VideoSource(left) as source:
        assert len(list(source)) == 1


WRITER = """
import time
from vssn.media.pipeline import WriteBehind

class Slow:
    def write(self, number):
        time.sleep(0.1)
        print(number, flush=True)

    def close(self, complete=True):
        pass

writer = WriteBehind(Slow())
for number in range(4):
    writer.write(number)
"""


def test_what_is_queued_is_written_where_closing_was_left_out() -> None:
    done = ran(WRITER)
    assert (done.stdout.split(), done.stderr) == (["0", "1", "2", "3"], "")


LATE = """
import atexit, os, signal, sys

def late():
    for _ in range(3):
        os.kill(os.getpid(), signal.SIGTERM)
    print("whole", flush=True)

from vssn.cli import main as cli, make_lists
def run(args):
    atexit.register(late)  # after those of the command, so called before them
    return 0
make_lists.run = run
sys.exit(cli.main(["make-lists", "camvid"]))
"""


def test_a_signal_at_the_very_end_is_ignored() -> None:
    done = ran(LATE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


DROPPED_SEGMENTERS = """
import os, signal, time
import vssn

first = vssn.load_segmenter()
second = vssn.load_segmenter(vssn.SegmenterConfig(segmenter="resnet50_segnet"))
del first
del second
try:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.real
def test_ctrl_c_after_segmenters_are_gone_is_an_interrupt() -> None:
    """OpenVINO frees the stack that a signal's handler runs on, where two of its cores end."""
    done = ran(DROPPED_SEGMENTERS)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_openvino_has_one_core(repo_root: Path) -> None:
    makers = [
        path.name
        for path in sorted((repo_root / "vssn").rglob("*.py"))
        if re.search(r"\bCore\(\)", path.read_text())
    ]
    assert makers == ["openvino_core.py"]
