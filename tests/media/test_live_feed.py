"""Frames as they arrive: at their own rate or as they come, the newest kept, and a quick end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import made_frame, make_clip

from vssn.media.live import UrlReader
from vssn.media.live_feed import MOST_WAITING, LiveFeed
from vssn.types import TimedFrame

FRAME = np.zeros((2, 2, 3), np.uint8)
pytestmark = pytest.mark.timeout(20)


def timed(count: int, period_s: float = 0.02) -> Iterator[TimedFrame]:
    for number in range(count):
        yield TimedFrame(number, Fraction(period_s).limit_denominator(1000) * number, FRAME)


def test_paced_frames_arrive_when_they_are_due() -> None:
    feed = LiveFeed(timed(6), pace=True)
    feed.start()
    arrived, at_s = [], []
    while taken := feed.take(wait=True):
        arrived += taken
        at_s += [time.perf_counter()] * len(taken)
    feed.close()
    assert [each.frame.index for each in arrived] == list(range(6))
    assert np.diff([each.at_s for each in arrived]) == pytest.approx([0.02] * 5)
    assert all(each.at_s <= now for each, now in zip(arrived, at_s, strict=True))
    assert feed.take(wait=True) == []


def test_others_arrive_as_they_come_and_the_oldest_are_left_out() -> None:
    count = 5 * MOST_WAITING
    all_read = threading.Event()

    def watched() -> Iterator[TimedFrame]:
        yield from timed(count, 100.0)
        all_read.set()

    feed = LiveFeed(watched())
    feed.start()
    assert all_read.wait(10)  # nobody holds the reader up
    feed.close()
    taken = feed.take(wait=True)
    assert [each.frame.index for each in taken] == list(range(count - MOST_WAITING, count))
    assert feed.take(wait=True) == []


def test_an_error_follows_the_frames_before_it() -> None:
    def broken() -> Iterator[TimedFrame]:
        yield from timed(2)
        raise OSError("unplugged")

    feed = LiveFeed(broken())
    feed.start()
    feed.close()
    assert len(feed.take(wait=True)) == 2
    with pytest.raises(OSError, match="unplugged"):
        feed.take(wait=True)


def test_nothing_waits_where_nothing_is_to_be_waited_for() -> None:
    gate = threading.Event()

    def slow() -> Iterator[TimedFrame]:
        yield from timed(1)
        gate.wait()

    feed = LiveFeed(slow())
    feed.start()
    assert len(feed.take(wait=True)) == 1
    assert feed.take(wait=False) == []
    gate.set()
    assert feed.take(wait=True) == []
    feed.close()


def test_closing_ends_a_wait_for_what_is_due() -> None:
    feed = LiveFeed(timed(2, 900.0), pace=True)
    feed.start()
    assert len(feed.take(wait=True)) == 1
    begun = time.monotonic()
    feed.close()
    assert time.monotonic() - begun < 2
    assert not any(each.name == "live-feed" for each in threading.enumerate())


def test_closing_before_the_start_is_no_error() -> None:
    LiveFeed(timed(1)).close()


def test_a_stream_of_known_length_that_ends_early_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make_clip(tmp_path / "v.mkv", [made_frame(n % 20) for n in range(100)])
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    monkeypatch.setattr("vssn.media.live.BACK_OFF_S", (0.01,))
    monkeypatch.setattr("vssn.media.live.END_TOLERANCE_S", 0.5)
    parts = [whole, cut]
    reader = UrlReader("rtsp://camera/street", lambda url: av.open(str(parts.pop())))
    times = [at for at, _ in reader.frames(Fraction(0))]
    assert parts == []
    assert 100 < len(times) < 200
    assert times == sorted(set(times))
    assert not reader.truncated
    reader.close()


@pytest.mark.parametrize(
    ("url", "live"), [("rtsp://camera/street", True), ("https://host/street.mkv", False)]
)
def test_what_is_downloaded_comes_as_fast_as_it_is_read(
    tmp_path: Path, url: str, live: bool
) -> None:
    clip = make_clip(tmp_path / "v.mkv", [made_frame(n) for n in range(8)])
    reader = UrlReader(url, lambda _: av.open(str(clip)))
    assert reader.live is live
    reader.close()
