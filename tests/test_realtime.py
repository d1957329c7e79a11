"""Live streams through the public calls, over fake networks."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from made_clips import make_clip

import vssn
from vssn.types import FrameResult, TimedFrame, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeSegmentation

    from vssn.runtime.load import Networks

Paint = Callable[[np.ndarray], UInt8Array]
FPS = 50
FRAMES = 25
pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def clip(tmp_path: Path, paint: Paint) -> Path:
    """Half a second of road."""
    path = tmp_path / "street.mp4"
    with vssn.VideoSink(path, vssn.VideoInfo(64, 48, FPS, None)) as sink:
        for _ in range(FRAMES):
            sink.write(paint(np.full((48, 64), 3)))
    return path


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    for _ in range(200):
        if set(threading.enumerate()) <= before:
            return
        time.sleep(0.01)
    pytest.fail(f"still running: {set(threading.enumerate()) - before}")


def test_a_file_is_played_at_its_own_rate(clip: Path, fake_networks: Networks) -> None:
    begun, threads = time.perf_counter(), cv2.getNumThreads()
    results = []
    for frame_bgr, result in vssn.live(clip, max_latency_ms=5000, networks=fake_networks):
        assert frame_bgr.shape == (48, 64, 3)
        assert result.labels.shape == (48, 64)
        assert cv2.getNumThreads() == 1
        results.append(result)
    assert time.perf_counter() - begun >= (FRAMES - 1) / FPS
    assert [result.time_s for result in results] == pytest.approx(
        [result.index / FPS for result in results]
    )
    assert len(results) + sum(result.live.dropped for result in results) == FRAMES
    assert results[0].path is vssn.FramePath.SEGMENT
    assert all(result.live.latency_ms > 0 for result in results)
    assert cv2.getNumThreads() == threads


def test_a_loop_that_is_too_slow_gets_the_newest_frames(
    clip: Path, fake_networks: Networks
) -> None:
    results = []
    for _, result in vssn.live(clip, networks=fake_networks):
        results.append(result)
        time.sleep(0.1)
    assert 3 <= len(results) <= 10
    assert results[-1].index == FRAMES - 1
    assert sum(result.live.dropped for result in results) + len(results) == FRAMES


def test_ending_the_loop_early_ends_everything(clip: Path, fake_networks: Networks) -> None:
    for _, result in vssn.live(clip, networks=fake_networks):
        if result.index >= 3:
            break


def test_a_source_that_is_open_stays_open(clip: Path, fake_networks: Networks) -> None:
    with vssn.VideoSource(clip) as source:
        assert next(vssn.live(source, networks=fake_networks))[1].index == 0
        assert next(source.iter_timed()).frame_bgr.shape == (48, 64, 3)


class _Stuck:
    """Takes nothing before it is told to."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.taken: list[int] = []
        self.complete: bool | None = None

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        assert self.go_on.wait(30)
        assert result.objects is not None
        self.taken.append(frame.index)

    def close(self, complete: bool = True) -> None:
        self.complete = complete


def test_a_stuck_output_holds_no_frame_up(
    clip: Path, fake_networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vssn.realtime.MOST_WAITING", 4)
    stuck = _Stuck()

    def release(result: FrameResult) -> None:
        if result.index == FRAMES - 1:
            stuck.go_on.set()

    figures = vssn.annotate_live(
        clip, max_latency_ms=5000, networks=fake_networks, sinks=[stuck], on_result=release
    ).summary()
    assert figures["frames"] + figures["dropped_frames"] == FRAMES
    # One was being written, and four waited.
    assert len(stuck.taken) == 5
    assert figures["not_written_frames"] == figures["frames"] - 5
    assert stuck.taken == sorted(stuck.taken)
    assert stuck.complete is True


def test_a_video_keeps_its_times_where_frames_are_left_out(
    clip: Path, fake_networks: Networks, tmp_path: Path
) -> None:
    output = tmp_path / "out.mkv"

    def slow(result: FrameResult) -> None:
        time.sleep(0.09 if result.index < 10 else 0)

    run = vssn.annotate_live(clip, output, networks=fake_networks, on_result=slow)
    assert run.statistics.dropped > 0
    assert run.written_frames == run.statistics.frames
    with vssn.VideoSource(output) as source:
        times = [frame.time_s for frame in source.iter_timed()]
    assert len(times) == run.written_frames
    assert times[-1] == pytest.approx((FRAMES - 1) / FPS, abs=0.02)


def test_ctrl_c_ends_the_stream_and_keeps_the_figures(
    clip: Path, fake_networks: Networks, tmp_path: Path
) -> None:
    def interrupt(result: FrameResult) -> None:
        if result.index == 5:
            raise KeyboardInterrupt

    run = vssn.annotate_live(
        clip,
        tmp_path / "out.mkv",
        max_latency_ms=5000,
        networks=fake_networks,
        on_result=interrupt,
    )
    assert run.interrupted
    assert run.statistics.frames == run.written_frames == 6
    with vssn.VideoSource(tmp_path / "out.mkv") as source:
        assert sum(1 for _ in source) == 6


def test_ctrl_c_before_the_first_frame_is_no_run(
    clip: Path, fake_networks: Networks, fake_segmentation: FakeSegmentation
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    fake_segmentation.before_each = interrupt
    with pytest.raises(KeyboardInterrupt):
        vssn.annotate_live(clip, networks=fake_networks)


def test_an_error_of_the_network_ends_the_stream(
    clip: Path, fake_networks: Networks, fake_segmentation: FakeSegmentation
) -> None:
    def fail() -> None:
        if fake_segmentation.calls == 3:
            raise RuntimeError("out of memory")

    fake_segmentation.before_each = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        vssn.annotate_live(clip, networks=fake_networks, schedule="always")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"regions": "2x2"}, "regions='2x2' with a live stream"),
        ({"fps": 20}, "fps=20 with a live stream"),
        ({"budget_ms": 20}, "budget_ms=20 with a live stream"),
        ({"max_latency_ms": 0}, "max_latency_ms=0"),
        ({"target": 1000}, "target=1000"),
        ({"colour": 1}, "argument 'colour'"),
    ],
)
def test_what_a_live_stream_has_not_is_refused(
    clip: Path, fake_networks: Networks, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(vssn.BadInputError) as caught:
        next(vssn.live(clip, networks=fake_networks, **changes))
    assert words in str(caught.value)


@contextlib.contextmanager
def restarting(content: bytes, breaks: list[str]) -> Iterator[str]:
    """A server of a stream that breaks off after its content, and is away once in between."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            breaks.append("asked")
            if len(breaks) not in (1, 3):
                self.send_error(503)
                return
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_stream_whose_server_is_restarted_goes_on(
    tmp_path: Path, fake_networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = np.full((48, 64, 3), 70, np.uint8)
    clip = make_clip(tmp_path / "v.ts", [frame] * 20, codec="mpeg2video")
    monkeypatch.setattr("vssn.media.live.BACK_OFF_S", (0.05, 0.1))
    breaks: list[str] = []
    with restarting(clip.read_bytes(), breaks) as url:
        run = vssn.annotate_live(url, max_latency_ms=5000, networks=fake_networks)
    assert len(breaks) > 3
    assert run.truncated
    assert not run.interrupted
    # All frames of a part come at once; what is newest is taken in each.
    assert 2 <= run.statistics.frames <= 40
    assert run.statistics.latency_ms()["max"] < 5000


def test_a_live_stream_is_segmented_at_one_scale(
    clip: Path, fake_networks: Networks, caplog: pytest.LogCaptureFixture
) -> None:
    config = vssn.SegmenterConfig(scales=2)
    results = list(vssn.live(clip, config, max_latency_ms=5000, networks=fake_networks))
    assert results
    assert "one scale" in caplog.text
