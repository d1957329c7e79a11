"""Signals that end a command wait where something is being finished."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vssn.cli import ending
from vssn.interrupts import may_interrupt, uninterrupted
from vssn.media import sink as sinks
from vssn.media.sink import VideoSink
from vssn.types import VideoInfo

SOON_S = 5.0


@pytest.fixture(autouse=True)
def handled() -> Iterator[None]:
    """SIGTERM interrupts as it does in a ending."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGTERM, ending.interrupt)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_a_moment_is_over() -> None:
    seen = []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come at once
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
            time.sleep(3 * ending.RETRY_S)
            with uninterrupted():
                seen.append(may_interrupt())
            seen.append(may_interrupt())
        time.sleep(SOON_S)
    assert seen == [False, False]
    assert may_interrupt()


def test_other_threads_hold_nothing_up() -> None:
    seen = []

    def work() -> None:
        with uninterrupted():
            seen.append(may_interrupt())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [True]


def test_an_interrupt_in_a_destructor_comes_again(capfd: pytest.CaptureFixture[str]) -> None:
    class Dropped:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0)  # where Python raises what the handler raised

    with pytest.raises(KeyboardInterrupt), ending.interrupts_kept():  # noqa: PT012 - likewise
        Dropped()
        time.sleep(SOON_S)
    assert capfd.readouterr().err == ""


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


def test_a_second_signal_leaves_one_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def take_name(*given: object) -> Path:
        got: Path = named(*given)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGTERM)
        return got

    named = sinks.take_name
    monkeypatch.setattr(sinks, "take_name", take_name)
    sink = VideoSink(tmp_path / "v.mp4", VideoInfo(64, 48, 25, None))
    sink.write(np.zeros((48, 64, 3), np.uint8), Fraction(0))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - it may come in either
        sink.close(complete=False)
        time.sleep(SOON_S)
    assert [path.name for path in tmp_path.iterdir()] == ["v.mp4"]


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
    done = subprocess.run(
        [sys.executable, "-c", WRITER], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["0", "1", "2", "3"]


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
    done = subprocess.run(
        [sys.executable, "-c", LATE], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")
