"""Long streams: memory, descriptors and threads stay as they are.

Each run here takes some hundred frames; ``VSSN_LONG_FRAMES=1000000`` takes as many by hand. The
clock of the paced stream is simulated, which its schedule can't tell from a real one.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fake_networks import FakeDecision, FakeSegmentation, painted

import vssn
from vssn.api import process
from vssn.evaluation.page import ReportPage
from vssn.flow.dis import DISFlow
from vssn.runtime.load import Networks
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import SceneSink
from vssn.scene.camera import Camera
from vssn.scene.records import open_records
from vssn.streaming.segmenter import Segmenter
from vssn.streaming.stage_clock import StageClock
from vssn.types import TimedFrame, VideoInfo

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FRAMES = int(os.environ.get("VSSN_LONG_FRAMES", "600"))
HW = (48, 64)
RATE = 30
SEGMENT_S, OTHER_S = 0.07, 0.001
MOST_GROWTH_BYTES = 8 << 20


def state() -> tuple[int, int, int]:
    """Resident bytes, open descriptors, threads."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return pages * os.sysconf("SC_PAGE_SIZE"), descriptors, threading.active_count()


def frames(count: int) -> Iterator[TimedFrame]:
    """A car that drives to and fro before a wall whose colour changes."""
    for number in range(count):
        labels = np.full(HW, 3 + number // 500 % 2)
        place = number % 48
        labels[20:36, place : place + 16] = 8
        yield TimedFrame(number, Fraction(number, RATE), painted(labels))


def segmenter(segmentation: FakeSegmentation, **changes: object) -> Segmenter:
    networks = Networks(segmentation, DISFlow(), FakeDecision(), "fake")
    return vssn.load_segmenter(networks=networks, **changes)


def test_a_long_stream_with_records_and_report_takes_no_more_with_time(tmp_path: Path) -> None:
    camera = Camera.default(HW[1], HW[0])
    info = VideoInfo(HW[1], HW[0], RATE, None)
    page = ReportPage(tmp_path / "report")
    scene = SceneSink(SceneAnalyser(info, camera), [page, open_records(tmp_path / "r.jsonl"), *[]])
    settled = None
    for frame, _ in process(frames(FRAMES), segmenter(FakeSegmentation()), [scene]):
        if frame.index == FRAMES // 4:
            settled = state()
    ended = state()
    assert settled is not None
    assert ended[0] - settled[0] < MOST_GROWTH_BYTES
    assert ended[1] == settled[1]
    assert ended[2] <= settled[2]
    scene.close()
    with (tmp_path / "r.jsonl").open() as file:
        assert sum(1 for _ in file) == FRAMES


def test_a_paced_stream_keeps_its_pace_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += OTHER_S / 10  # whatever is done between two looks
        return now

    def slow() -> None:
        nonlocal now
        now += SEGMENT_S

    monkeypatch.setattr(StageClock.__init__, "__defaults__", (clock,))
    network = FakeSegmentation()
    network.before_each = slow
    paced = segmenter(network, fps=RATE)
    begun, settled = now, None
    for frame in frames(FRAMES):
        paced.step(frame.frame_bgr)
        if frame.index == FRAMES // 4:
            settled = state()
    ended = state()
    assert settled is not None
    assert ended[0] - settled[0] < MOST_GROWTH_BYTES
    assert ended[1:] == settled[1:]
    # The pace is kept, and what it leaves is spent on segmenting.
    assert (now - begun) / FRAMES < 1.05 / RATE
    assert 1 < network.calls < FRAMES


def test_fifty_segmenters_made_and_dropped_leave_nothing() -> None:
    frame = next(frames(1)).frame_bgr
    for number in range(50):
        made = segmenter(FakeSegmentation())
        made.step(frame)
        if number == 10:
            settled = state()
    del made
    ended = state()
    assert ended[0] - settled[0] < MOST_GROWTH_BYTES
    assert ended[1:] == settled[1:]


@pytest.mark.real
def test_networks_made_and_dropped_leave_nothing() -> None:
    frame = np.zeros((416, 608, 3), np.uint8)
    settled = None
    for _ in range(int(os.environ.get("VSSN_LONG_SEGMENTERS", "6"))):
        vssn.load_segmenter().step(frame)
        if settled is None:
            vssn.load_segmenter().step(frame)
            settled = state()
    ended = state()
    assert settled is not None
    # A network holds some 100 MB; none of them may stay.
    assert ended[0] - settled[0] < 60 << 20
    assert ended[1:] == settled[1:]
