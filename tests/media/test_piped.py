"""Videos on the standard input, and frames without any header."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from made_clips import made_frame, make_clip
from unmeasured import unmeasured

from vssn.errors import MediaError
from vssn.media.piped import PipeReader, SpooledReader, open_standard_input
from vssn.media.readers import FileReader
from vssn.media.video import VideoSource

TWENTY = [made_frame(number) for number in range(20)]

PIPED = """
import sys
from vssn.media.video import VideoSource
with VideoSource("-") as source:
    print(source.info.width_px, sum(1 for _ in source), source.truncated)
"""


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mkv", "libx264"), ("ts", "mpeg2video"), ("y4m", "wrapped_avframe")]
)
def test_a_video_is_read_from_a_pipe(
    tmp_path: Path, repo_root: Path, suffix: str, codec: str
) -> None:
    frames = [made_frame(n) for n in range(20)]
    content = make_clip(tmp_path / f"v.{suffix}", frames, codec=codec).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", PIPED], input=content, capture_output=True, cwd=repo_root, check=True
    )
    assert done.stdout.split() == [b"64", b"20", b"False"]


def test_a_pipe_without_a_video_is_refused(repo_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PIPED], input=b"x" * 5000, capture_output=True, cwd=repo_root
    )
    assert b"no video on the standard input" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("count", [20, 1000])
def test_ctrl_c_ends_the_wait_for_a_pipe_that_stalls(
    repo_root: Path, tmp_path: Path, count: int
) -> None:
    command = [sys.executable, "-m", "vssn", "video", "-", "--output", str(tmp_path / "v.mp4")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=repo_root, env=unmeasured()
    ) as waiting:
        assert waiting.stdin
        assert waiting.stderr
        waiting.stdin.write(b"G" * count)
        waiting.stdin.flush()
        try:
            until_s = time.monotonic() + 60
            while unread(waiting.stdin):
                assert time.monotonic() < until_s
                time.sleep(0.05)
            time.sleep(0.5)  # it waits for more
            waiting.send_signal(signal.SIGINT)
            assert waiting.wait(20) == 130
            assert waiting.stderr.read().splitlines() == [b"interrupted"]
        finally:
            waiting.kill()


def unread(pipe: IO[bytes]) -> int:
    """How many bytes nobody took out of a pipe so far."""
    count = array.array("i", [0])
    fcntl.ioctl(pipe.fileno(), termios.FIONREAD, count)
    return count[0]


@contextmanager
def piped(content: bytes) -> Iterator[int]:
    """The reading end of a pipe that gets ``content``."""
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe, suppress(BrokenPipeError):
            pipe.write(content)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield reading
    finally:
        os.close(reading)
        thread.join()


def test_an_mp4_whose_index_comes_last_is_read_from_a_pipe(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "v.mp4", TWENTY, tone_s=1.0).read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")
    with piped(content) as descriptor:
        reader = open_standard_input(descriptor)
        assert isinstance(reader, SpooledReader)
        assert reader.info.total_frames == 20
        assert sum(1 for _ in reader.frames(0)) == 20
        reader.finish()
        assert not reader.truncated
        assert reader.sound is not None  # it lies in a file now
        assert reader.sound.stat().st_size == len(content)
        reader.close()
        assert not reader.sound.exists()


def test_an_mp4_whose_index_comes_first_is_read_as_it_comes(tmp_path: Path) -> None:
    options = {"movflags": "+faststart"}
    path = make_clip(tmp_path / "v.mp4", TWENTY, container_options=options)
    with piped(path.read_bytes()) as descriptor:
        reader = open_standard_input(descriptor)
        assert isinstance(reader, PipeReader)
        assert sum(1 for _ in reader.frames(0)) == 20
        reader.finish()
        assert not reader.truncated
        reader.close()


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
def test_a_pipe_that_ends_early_is_said_to(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [
        np.random.default_rng(n).integers(0, 255, (48, 64, 3)).astype(np.uint8) for n in range(60)
    ]
    options = {"movflags": "+faststart"} if suffix == ".mp4" else {}
    codec = "mpeg2video" if suffix == ".ts" else "libx264"
    path = make_clip(tmp_path / f"v{suffix}", frames, codec=codec, container_options=options)
    content = path.read_bytes()
    with piped(content[: len(content) * 6 // 10]) as descriptor:
        reader = open_standard_input(descriptor)
        count = sum(1 for _ in reader.frames(0))
        reader.finish()
        reader.close()
    assert 5 < count < 60
    assert reader.truncated
    assert "ended early" in caplog.text


def test_a_file_as_standard_input_is_read_as_a_file(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", TWENTY, tone_s=1.0)
    with path.open("rb") as file:
        reader = open_standard_input(file.fileno())
        assert isinstance(reader, FileReader)
        assert reader.sound is not None
        assert sum(1 for _ in reader.frames(0)) == 20
        reader.close()


def test_jpegs_one_after_the_other_are_read(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "v.mjpeg", TWENTY, codec="mjpeg", pixels="yuvj420p").read_bytes()
    with piped(content) as descriptor:
        reader = open_standard_input(descriptor)
        assert sum(1 for _ in reader.frames(0)) == 20
        reader.close()


def test_no_room_for_an_index_that_comes_last_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __init__(self) -> None:
            self.closed = False

        def write(self, data: bytes) -> None:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            self.closed = True

    full = Full()
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    content = make_clip(tmp_path / "v.mp4", TWENTY).read_bytes()
    with piped(content) as descriptor, pytest.raises(MediaError, match="No space left on device"):
        open_standard_input(descriptor)
    assert full.closed


def test_a_closed_standard_input_is_refused() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(MediaError, match="closed"):
        open_standard_input(reading)


def raw_file(path: Path, count: int, extra: bytes = b"") -> Path:
    path.write_bytes(b"".join(frame.tobytes() for frame in TWENTY[:count]) + extra)
    return path


def test_raw_frames_are_read_by_their_size(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "v.raw", 20)
    with VideoSource(path, raw_size=(64, 48), image_fps=12.5, start=0.4) as source:
        assert source.info.fps == 12.5
        read = list(source.iter_timed())
        assert not source.truncated
    assert [float(each.time) for each in read[:2]] == [0.4, 0.48]
    assert all(
        np.array_equal(each.frame_bgr, frame) for each, frame in zip(read, TWENTY[5:], strict=True)
    )


def test_raw_frames_may_have_other_pixels(tmp_path: Path) -> None:
    path = tmp_path / "v.yuv"
    path.write_bytes(bytes([128]) * (64 * 48 * 3 // 2) * 3)
    with VideoSource(path, raw_size=(64, 48), raw_pixels="yuv420p") as source:
        frames = list(source)
    assert len(frames) == 3
    assert np.ptp(frames[0]) <= 1


@pytest.mark.parametrize("extra", [b"x", b"x" * 5000])
def test_raw_frames_that_end_within_a_frame_are_said_to(
    tmp_path: Path, extra: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with VideoSource(raw_file(tmp_path / "v.raw", 5, extra), raw_size=(64, 48)) as source:
        assert sum(1 for _ in source) == 5
        assert source.truncated
    assert "after 5 whole ones" in caplog.text


def test_impossible_raw_frames_are_refused(tmp_path: Path) -> None:
    path = raw_file(tmp_path / "v.raw", 1)
    with pytest.raises(MediaError, match="at least one of 640x480 px in bgr24"):
        VideoSource(path, raw_size=(640, 480))
    with pytest.raises(MediaError, match="raw_pixels='no such'"):
        VideoSource(path, raw_size=(64, 48), raw_pixels="no such")
    with pytest.raises(MediaError, match="raw_size for 'rtsp://"):
        VideoSource("rtsp://127.0.0.1/x", raw_size=(64, 48))
    with pytest.raises(MediaError, match="no such file"):
        VideoSource(tmp_path / "none.raw", raw_size=(64, 48))
    with pytest.raises(MediaError, match="state raw_size"), piped(path.read_bytes()) as descriptor:
        open_standard_input(descriptor)


RAW = """
import sys
from vssn.media.video import VideoSource
with VideoSource("-", raw_size=(64, 48)) as source:
    print(sum(1 for _ in source), source.truncated)
"""


def test_raw_frames_are_read_from_a_pipe(tmp_path: Path, repo_root: Path) -> None:
    content = raw_file(tmp_path / "v.raw", 20).read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", RAW], input=content, capture_output=True, cwd=repo_root, check=True
    )
    assert done.stdout.split() == [b"20", b"False"]
