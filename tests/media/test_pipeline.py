"""Threads that read ahead and write behind: order, bounds, errors, and that nothing hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from unmeasured import unmeasured

from vssn.media import pipeline
from vssn.media.pipeline import WriteBehind, read_ahead
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import VideoInfo

pytestmark = pytest.mark.timeout(20)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    for _ in range(100):
        if threading.active_count() <= before:
            return
        time.sleep(0.01)
    pytest.fail("a thread is still running")


class Recorder:
    """A sink that keeps what it gets, and fails at one item if told to."""

    def __init__(self, fail_at: object = None) -> None:
        self.items: list[object] = []
        self.closed = 0
        self._fail_at = fail_at

    def write(self, item: object) -> None:
        if item == self._fail_at:
            raise OSError("disk full")
        self.items.append(item)

    def close(self, complete: bool = True) -> None:
        self.closed += 1


def counted(reads: list[int], count: int = 10**6) -> Iterator[int]:
    for number in range(count):
        reads.append(number)
        yield number


@pytest.mark.parametrize("depth", [1, 4, 1000])
def test_read_ahead_keeps_every_item_in_order(depth: int) -> None:
    assert list(read_ahead(range(100), depth)) == list(range(100))


def test_read_ahead_reads_while_the_consumer_works_but_not_without_bound() -> None:
    reads: list[int] = []
    items = read_ahead(counted(reads), depth=3)
    next(items)
    time.sleep(0.2)
    # One consumed, three queued, one in the reader's hand.
    assert reads == [0, 1, 2, 3, 4]
    items.close()


def test_read_ahead_raises_the_readers_error_after_the_items_before() -> None:
    def failing() -> Iterator[int]:
        yield from range(3)
        raise OSError("unplugged")

    items = read_ahead(failing(), 2)
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="unplugged"):
        next(items)


@pytest.mark.parametrize("stop", [RuntimeError, KeyboardInterrupt])
def test_read_ahead_stops_when_the_consumer_fails(stop: type[BaseException]) -> None:
    reads: list[int] = []

    def consume() -> None:
        for item in read_ahead(counted(reads), 2):
            if item == 5:
                raise stop

    start = time.monotonic()
    with pytest.raises(stop):
        consume()
    assert time.monotonic() - start < 2
    assert len(reads) < 12


def test_read_ahead_does_not_wait_for_a_source_that_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline, "STOP_TIMEOUT_S", 0.1)
    answer = threading.Event()

    def hanging() -> Iterator[int]:
        yield 0
        answer.wait(10)

    items = read_ahead(hanging())
    next(items)
    items.close()
    assert "does not answer" in caplog.text
    answer.set()


@pytest.mark.parametrize("depth", [1, 8])
def test_write_behind_writes_all_in_order_and_closes(depth: int) -> None:
    sink = Recorder()
    with WriteBehind(sink, depth) as behind:
        for number in range(100):
            behind.write(number)
    assert sink.items == list(range(100))
    assert sink.closed == 1


def test_write_behind_waits_when_the_sink_is_slow() -> None:
    go_on = threading.Event()

    class Slow(Recorder):
        def write(self, item: object) -> None:
            go_on.wait(10)
            super().write(item)

    sink = Slow()
    behind = WriteBehind(sink, depth=2)
    producer = threading.Thread(target=lambda: [behind.write(n) for n in range(6)], daemon=True)
    producer.start()
    producer.join(0.2)
    assert producer.is_alive()
    go_on.set()
    producer.join(10)
    behind.close()
    assert sink.items == list(range(6))


def test_write_behind_raises_the_sinks_error_once_and_closes_it() -> None:
    sink = Recorder(fail_at=3)
    behind = WriteBehind(sink, depth=1)

    def write_many() -> None:
        with behind:
            for number in range(1000):
                behind.write(number)

    with pytest.raises(OSError, match="disk full"):
        write_many()
    assert sink.items == [0, 1, 2]
    assert sink.closed == 1
    behind.close()


def test_write_behind_raises_an_error_of_the_last_item_on_closing() -> None:
    sink = Recorder(fail_at=0)
    behind = WriteBehind(sink)
    behind.write(0)
    with pytest.raises(OSError, match="disk full"):
        behind.close()
    assert sink.closed == 1


def test_write_behind_refuses_items_once_closed() -> None:
    behind = WriteBehind(Recorder())
    behind.close()
    with pytest.raises(ValueError, match="closed"):
        behind.write(1)


def test_an_interrupt_of_closing_waits_for_what_is_queued() -> None:
    begun, written = threading.Event(), []

    class Slow(Recorder):
        def write(self, item: int) -> None:
            begun.set()
            time.sleep(0.5)
            written.append(item)

    behind = WriteBehind(Slow())
    behind.write(1)
    begun.wait()
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    sent = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1))
    sent.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            behind.close()
    finally:
        sent.join()
        signal.signal(signal.SIGUSR1, before)
    assert written == [1]


def test_an_interrupt_keeps_every_frame_that_was_handed_over(tmp_path: Path) -> None:
    info = VideoInfo(64, 48, 25.0, None)
    source = tmp_path / "in.avi"
    with VideoSink(source, info) as sink:
        for number in range(20):
            sink.write(np.full((48, 64, 3), 10 * number, np.uint8))
    copied = VideoSink(tmp_path / "out.avi", info)

    def copy_and_stop() -> None:
        with VideoSource(source) as frames, WriteBehind(copied) as behind:
            for number, frame in enumerate(read_ahead(frames)):
                if number == 12:
                    raise KeyboardInterrupt
                behind.write(frame)

    with pytest.raises(KeyboardInterrupt):
        copy_and_stop()
    with VideoSource(tmp_path / "out.avi") as written:
        assert [round(float(frame.mean()) / 10) for frame in written] == list(range(12))


ENDLESS_COPY = """
import itertools, signal, sys, time
from pathlib import Path
import numpy as np
from vssn.types import VideoInfo
from vssn.media.pipeline import WriteBehind, read_ahead
from vssn.media.sink import VideoSink

# Ignored, and inherited so, where the tests run in a shell's background.
signal.signal(signal.SIGINT, signal.default_int_handler)

def frames():
    for number in itertools.count():
        time.sleep(0.001)
        yield np.full((48, 64, 3), number % 200, np.uint8)

with WriteBehind(VideoSink(Path(sys.argv[1]), VideoInfo(64, 48, 25.0, None))) as behind:
    for number, frame in enumerate(read_ahead(frames())):
        behind.write(frame)
        if number == 20:
            print("running", flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_ends_a_real_process_and_keeps_its_video(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    command = [sys.executable, "-c", ENDLESS_COPY, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=unmeasured()
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"running\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(15) != 0
        finally:
            process.kill()  # or a failure leaves it writing for ever
    with VideoSource(path) as written:
        count = sum(1 for _ in written)
        assert count == written.info.total_frames
    assert count >= 20
    assert list(tmp_path.iterdir()) == [path]
