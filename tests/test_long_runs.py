"""Long streams: memory, descriptors and threads stay as they are.

Each run here takes some hundred frames; ``make long`` takes a million, and a day.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_networks import FakeSegmentation
from long_runs import RATE, SEGMENT_S, State, frames, paced, recorded, segmenter, settled_states

import vssn
from vssn.streaming.stage_clock import StageClock

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FRAMES = 600
OTHER_S = 0.001


def test_a_long_stream_with_records_and_report_takes_no_more_with_time(tmp_path: Path) -> None:
    settled, ended = settled_states(recorded(FRAMES, tmp_path), FRAMES, shown=False)
    ended.check(settled)


def test_a_live_stream_is_on_time_and_takes_no_more_with_time() -> None:
    settled, ended = settled_states(paced(FRAMES), FRAMES, shown=False)
    ended.check(settled)


def test_what_grows_is_seen() -> None:
    kept: list[bytes] = []

    def growing() -> object:
        for number in range(8):
            kept.append(b"x" * (4 << 20))
            yield number

    settled, ended = settled_states(growing(), 8, shown=False)  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        ended.check(settled)


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
            settled = State.now()
    ended = State.now()
    assert settled is not None
    ended.check(settled)
    # The pace is kept, and what it leaves is spent on segmenting.
    assert (now - begun) / FRAMES < 1.05 / RATE
    assert 1 < network.calls < FRAMES


def test_fifty_segmenters_made_and_dropped_leave_nothing() -> None:
    frame = next(frames(1)).frame_bgr
    for number in range(50):
        made = segmenter(FakeSegmentation())
        made.step(frame)
        if number == 10:
            settled = State.now()
    del made
    ended = State.now()
    ended.check(settled)


@pytest.mark.real
def test_networks_made_and_dropped_leave_nothing() -> None:
    frame = np.zeros((416, 608, 3), np.uint8)
    settled = None
    for _ in range(int(os.environ.get("VSSN_LONG_SEGMENTERS", "6"))):
        vssn.load_segmenter().step(frame)
        if settled is None:
            vssn.load_segmenter().step(frame)
            settled = State.now()
    ended = State.now()
    assert settled is not None
    # A network holds some 100 MB; none of them may stay.
    ended.check(settled, 60 << 20)
