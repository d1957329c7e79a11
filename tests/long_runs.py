"""Long streams, whose memory, descriptors and threads must stay as they are.

``make long FRAMES=1000000 HOURS=24`` runs them at their length; the tests run them short. The paced
one has a dash-cam's 10 frames per second by default, ``FPS=30`` takes three times as long. Networks
are fakes; flow, warping, the schedules, records and the report are real. The clock of paced and
live streams is simulated: nothing waits, and the code can't tell it from a real one.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from fake_networks import FakeDecision, FakeSegmentation, painted

import vssn
from vssn.api import process
from vssn.evaluation.live_simulation import Clock, SimulatedSegmentation, TimedFlow
from vssn.evaluation.live_statistics import LiveStatistics
from vssn.evaluation.page import ReportPage
from vssn.flow.dis import DISFlow
from vssn.runtime.load import Networks
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import SceneSink
from vssn.scene.camera import Camera
from vssn.scene.records import open_records
from vssn.streaming.arrivals import Arrivals, Arrived
from vssn.streaming.assemble import build_estimator
from vssn.streaming.live import LiveSegmenter
from vssn.streaming.schedule import TargetSchedule
from vssn.streaming.segmenter import Segmenter
from vssn.types import DEFAULT_PROPAGATION, TimedFrame, VideoInfo

HW = (48, 64)
RATE = 30
MOST_GROWTH_BYTES = 8 << 20
SEGMENT_S, FLOW_S = 0.07, 0.004
MAX_LATENCY_MS = 33.0
PARTS = ("recorded", "paced")
SHOWN = 20  # lines of a long run


@dataclass(frozen=True)
class State:
    """What a process holds.

    Attributes:
        bytes: resident.
        descriptors: that are open.
        threads: that live.
    """

    bytes: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls) -> State:
        """Of this process, after what is no longer used has gone."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        return cls(pages * os.sysconf("SC_PAGE_SIZE"), descriptors, threading.active_count())

    def check(self, settled: State, most_bytes: int = MOST_GROWTH_BYTES) -> None:
        """Compare with an earlier state.

        Raises:
            AssertionError: something grew.
        """
        assert self.bytes - settled.bytes < most_bytes, (settled, self)
        assert self.descriptors <= settled.descriptors, (settled, self)
        assert self.threads <= settled.threads, (settled, self)


def frames(count: int, rate: int = RATE) -> Iterator[TimedFrame]:
    """A car that drives to and fro before a wall whose colour changes."""
    for number in range(count):
        labels = np.full(HW, 3 + number // 500 % 2)
        place = number % 48
        labels[20:36, place : place + 16] = 8
        yield TimedFrame(number, Fraction(number, rate), painted(labels))


def segmenter(segmentation: FakeSegmentation, **changes: object) -> Segmenter:
    """The default segmenter over fakes and real flow."""
    networks = Networks(segmentation, DISFlow(), FakeDecision(), "fake")
    return vssn.load_segmenter(networks=networks, **changes)


def settled_states(items: Iterator[int], count: int, shown: bool) -> Iterator[State]:
    """The states of a run of ``count`` items: once a quarter is over, and at the end.

    Args:
        items: is run; each is one more.
        count: of them.
        shown: print the state now and then.
    """
    begun, settled = time.perf_counter(), False
    for number in items:
        if number >= count // 4 and not settled:
            settled = True
            yield State.now()
        if shown and number % max(1, count // SHOWN) == 0:
            held = State.now()
            print(
                f"{number:>9} frames  {time.perf_counter() - begun:8.0f} s  "
                f"{held.bytes / 2**20:7.1f} MiB  {held.descriptors} descriptors  "
                f"{held.threads} threads",
                flush=True,
            )
    yield State.now()


def recorded(count: int, folder: Path) -> Iterator[int]:
    """Segment a stream with records and a report; yield the frames' numbers.

    Raises:
        AssertionError: a record is missing.
    """
    camera = Camera.default(HW[1], HW[0])
    page = ReportPage(folder / "report")
    records = open_records(folder / "r.jsonl")
    info = VideoInfo(HW[1], HW[0], RATE, None)
    scene = SceneSink(SceneAnalyser(info, camera), [page, records])
    for frame, _ in process(frames(count), segmenter(FakeSegmentation()), [scene]):
        yield frame.index
    scene.close()
    with (folder / "r.jsonl").open() as file:
        assert sum(1 for _ in file) == count


class _Paced(Arrivals):
    """Frames that arrive at the stream's rate, made when they are due."""

    def __init__(self, count: int, clock: Clock, rate: int) -> None:
        self._frames, self._clock = frames(count, rate), clock
        self._next = next(self._frames, None)

    def take(self, wait: bool) -> list[Arrived]:
        """See the protocol."""
        if wait and self._next:
            self._clock.now_s = max(self._clock(), float(self._next.time_s))
        there = []
        while self._next and self._next.time_s <= self._clock():
            there.append(Arrived(self._next, float(self._next.time_s)))
            self._next = next(self._frames, None)
        return there


class _Segmentation(SimulatedSegmentation):
    """Remembers its last start alone."""

    def start(self, frame_bgr: np.ndarray) -> None:
        """See the protocol."""
        self.started.clear()
        super().start(frame_bgr)


def paced(count: int, rate: int = RATE) -> Iterator[int]:
    """Follow a live stream on a simulated clock; yield the frames' numbers.

    Args:
        count: of frames.
        rate: frames per second.

    Raises:
        AssertionError: a frame was late or left out.
    """
    clock = Clock()
    flow = TimedFlow(DISFlow(), clock, FLOW_S)
    networks = Networks(FakeSegmentation(), flow, FakeDecision(), "fake")
    schedule = TargetSchedule(build_estimator(networks, DEFAULT_PROPAGATION), 80)
    background = _Segmentation(FakeSegmentation(), clock, SEGMENT_S)
    live = LiveSegmenter(background, flow, schedule, MAX_LATENCY_MS, clock=clock)
    statistics = LiveStatistics(MAX_LATENCY_MS)
    for frame, result in live.follow(_Paced(count, clock, rate)):
        statistics.add(result)
        yield frame.index
    assert statistics.frames + statistics.dropped == count
    # The first frame waits for its segmentation, which holds up those behind it.
    assert statistics.dropped <= SEGMENT_S * rate + 1, statistics.dropped
    assert clock() < count / rate + 1


def main() -> int:
    """0 where nothing grew; the states are printed on the way."""
    parser = argparse.ArgumentParser(prog="long_runs")
    parser.add_argument("--frames", type=int, default=1_000_000, help="of the recorded stream")
    parser.add_argument("--hours", type=float, default=24.0, help="of the paced stream")
    parser.add_argument("--fps", type=int, default=10, help="of the paced stream")
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    args = parser.parse_args()
    count = int(args.hours * 3600 * args.fps)
    with tempfile.TemporaryDirectory(prefix="vssn-long-") as folder:
        runs = {
            "recorded": (
                f"{args.frames} frames with records and report",
                args.frames,
                recorded(args.frames, Path(folder)),
            ),
            "paced": (
                f"{args.hours:g} h live at {args.fps} frames per second, simulated clock",
                count,
                paced(count, args.fps),
            ),
        }
        for name, length, items in (runs[part] for part in args.parts):
            print(name, flush=True)
            settled, ended = settled_states(items, length, shown=True)
            ended.check(settled)
            print(f"nothing grew: {(ended.bytes - settled.bytes) / 2**20:+.1f} MiB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
