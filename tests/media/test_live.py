"""Cameras in a network: read, lost, found again, given up."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from made_clips import made_frame, make_clip
from rtsp_server import camera

from vssn.errors import MediaError
from vssn.media.video import VideoSource

COUNT = 40


@pytest.fixture
def stream(tmp_path: Path) -> bytes:
    """A transport stream of 40 frames."""
    frames = [made_frame(number % 20) for number in range(COUNT)]
    return make_clip(tmp_path / "v.ts", frames, codec="mpeg2video").read_bytes()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vssn.media.live.BACK_OFF_S", (0.05, 0.1, 0.2))
    monkeypatch.setattr("vssn.media.containers.OPEN_TIMEOUT_S", 5.0)
    monkeypatch.setattr("vssn.media.containers.READ_TIMEOUT_S", 0.5)


def test_a_network_camera_is_read(stream: bytes) -> None:
    with camera(stream) as server, VideoSource(server.url, max_frames=20) as source:
        assert (source.info.width_px, source.info.height_px) == (64, 48)
        times = [frame.time for frame in source.iter_timed()]
    assert len(times) == 20
    assert times[0] == 0
    assert [round(float(b - a), 3) for a, b in pairwise(times)] == [0.04] * 19


@pytest.mark.parametrize("harm", ["closed", "silent"])
def test_a_camera_that_was_away_goes_on_where_the_clock_is(
    stream: bytes, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    with camera(stream) as server:
        server.refused = {2}
        server.silent = {1} if harm == "silent" else set()
        with VideoSource(server.url, max_frames=55) as source:
            times = [frame.time for frame in source.iter_timed()]
        assert not source.truncated
    assert len(times) == 55
    assert times == sorted(set(times))
    assert server.seen >= 3
    assert caplog.text.count("trying again in 0.05 s") >= 1
    assert caplog.text.count("trying again in 0.1 s") >= 1


def test_a_camera_that_does_not_come_back_ends_the_stream(
    stream: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with camera(stream) as server:
        server.refused = set(range(2, 9))
        with VideoSource(server.url) as source:
            begun = time.monotonic()
            assert sum(1 for _ in source) > COUNT // 2
            assert source.truncated
        assert time.monotonic() - begun < 10
    assert server.seen == 4
    assert "did not come back" in caplog.text


def test_a_camera_that_refuses_is_told_in_one_line(stream: bytes) -> None:
    with camera(stream) as server:
        server.refused = {1}
        with pytest.raises(MediaError, match=r"rtsp://127\.0\.0\.1:\d+/camera.*5XX") as caught:
            VideoSource(server.url)
    assert "\n" not in str(caught.value)


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(MediaError, match=r"no host of the name 'no-such-host\.invalid'"):
        VideoSource("http://no-such-host.invalid/v.mp4")


def test_a_protocol_that_nobody_reads_is_refused_by_name() -> None:
    with pytest.raises(MediaError, match=r"'gopher://host/v.mp4'.*rtsp://"):
        VideoSource("gopher://user:secret@host/v.mp4")
