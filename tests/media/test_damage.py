"""Large videos with holes, giants without a frame, and what is missing between frames."""

from __future__ import annotations

import resource
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_clips import make_clip

from vssn.errors import MediaError
from vssn.media import packets, watched_file
from vssn.media.containers import open_file
from vssn.media.decoding import Decoder
from vssn.media.losses import Losses
from vssn.media.packets import watched
from vssn.media.video import VideoSource

LONGEST_S = 10.0  # for anybody who waits for a line
MOST_BYTES = 2 << 30
TERABYTE = 1 << 40
HUNDRED = [
    np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8) for number in range(100)
]
# Raw streams have no container; FFmpeg looks for a frame's beginning through all that there is.
RAW = (".h264", ".hevc", ".m4v", ".mpg", ".mjpeg", ".obu", ".ts", ".vc1", ".dv", ".av1", ".flv")


def clip(path: Path) -> Path:
    codec = "mpeg2video" if path.suffix == ".mpg" else "libx264"
    return make_clip(path, HUNDRED, codec=codec, options={"g": "10"})


def put_inside(path: Path, hole: int) -> None:
    """Zeros, of which the file system keeps none, in a file's middle."""
    content = path.read_bytes()
    half = len(content) // 2
    with path.open("wb") as file:
        file.write(content[:half])
        file.seek(half + hole)
        file.write(content[half:])


def overwrite(path: Path, byte: bytes) -> None:
    """A tenth of a file, from its middle on."""
    content = path.read_bytes()
    start, length = len(content) // 2, len(content) // 10
    path.write_bytes(content[:start] + byte * length + content[start + length :])


@pytest.mark.parametrize("suffix", RAW)
def test_a_giant_that_begins_with_noise_is_refused_soon(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    with path.open("wb") as file:
        file.write(np.random.default_rng(0).bytes(2 << 20))
        file.truncate(TERABYTE)
    begun = time.monotonic()
    with pytest.raises(MediaError, match=f"v{suffix}"):
        VideoSource(path)
    assert time.monotonic() - begun < LONGEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < MOST_BYTES


@pytest.mark.parametrize("suffix", [".h264", ".hevc", ".m4v", ".mjpeg", ".vc1", ".dv"])
def test_noise_is_read_for_so_long_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    for name in ("INDEX_BYTES", "HEAD_BYTES", "PACKET_BYTES"):
        monkeypatch.setattr(watched_file, name, 1 << 20)
    monkeypatch.setattr(packets, "USELESS_BYTES", 1 << 20)
    monkeypatch.setattr(packets, "USELESS_S", 0)
    path = tmp_path / f"v{suffix}"
    path.write_bytes(np.random.default_rng(0).bytes(32 << 20))
    read = []
    reading = watched_file.WatchedFile.read

    def counted(self: watched_file.WatchedFile, size: int) -> bytes:
        read.append(size)
        return reading(self, size)

    monkeypatch.setattr(watched_file.WatchedFile, "read", counted)
    with pytest.raises(MediaError, match=f"v{suffix}"):
        VideoSource(path)
    assert 0 < sum(read) < 16 << 20


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".ts", ".h264", ".mpg", ".flv"])
def test_frames_around_a_hole_are_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    path = clip(tmp_path / f"v{suffix}")
    put_inside(path, TERABYTE)
    begun = time.monotonic()
    with VideoSource(path) as source:
        times = [frame.time for frame in source.iter_timed()]
        assert source.lost_frames or source.truncated or len(times) == len(HUNDRED)
    assert time.monotonic() - begun < LONGEST_S
    assert len(times) >= 85
    assert times == sorted(set(times))
    assert caplog.text.count("is damaged") == 1


@pytest.mark.parametrize("byte", [b"\0", b"\xa5"])
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mpg", ".mp4"])
def test_what_is_missing_inside_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, byte: bytes
) -> None:
    path = clip(tmp_path / f"v{suffix}")
    overwrite(path, byte)
    with VideoSource(path) as source:
        frames = list(source.iter_timed())
        # A frame in part may be given too, and counted as lost.
        assert 0 <= source.lost_frames - (len(HUNDRED) - len(frames)) <= 2
        assert source.lost_frames >= 8
    assert frames[-1].time == Fraction(99, 25)
    assert caplog.text.count("is damaged") == 1


def test_zeros_in_a_stream_without_times_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = clip(tmp_path / "v.h264")
    overwrite(path, b"\0" * 4)
    with VideoSource(path) as source:
        assert 50 <= sum(1 for _ in source) < len(HUNDRED)
        assert source.lost_frames
    assert "is damaged" in caplog.text


def test_zeros_at_the_end_of_a_stream_are_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = clip(tmp_path / "v.h264")
    path.write_bytes(path.read_bytes() + bytes(1 << 20))
    with VideoSource(path) as source:
        assert sum(1 for _ in source) == len(HUNDRED)
        assert not source.lost_frames
    assert not caplog.text


def test_a_sample_larger_than_any_frame_is_not_taken_into_memory(tmp_path: Path) -> None:
    path = clip(tmp_path / "v.mp4")
    content = bytearray(path.read_bytes())
    sizes = content.index(b"stsz") + 16
    content[sizes + 200 : sizes + 204] = (0x7FFF0000).to_bytes(4, "big")
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(TERABYTE)
    with VideoSource(path) as source:
        assert 50 <= sum(1 for _ in source) <= len(HUNDRED)
        assert source.truncated or source.lost_frames
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < MOST_BYTES


def test_a_frame_out_of_order_is_no_new_clock() -> None:
    losses = Losses()
    for step, corrupt in ((None, False), (Fraction(1), False), (Fraction(9), False)):
        losses.frame(step, corrupt)
    assert losses.lost == 0  # a rate may vary
    losses.fail()
    losses.frame(Fraction(2), corrupt=True)
    assert (losses.lost, losses.damaged) == (1, 1)
    losses.frame(Fraction(4), corrupt=False)
    assert losses.lost == 4


def test_a_container_is_closed_with_its_file(tmp_path: Path) -> None:
    container = open_file(clip(tmp_path / "v.mp4"))
    source = watched(container)
    assert isinstance(source, watched_file.WatchedFile)
    Decoder(container, "v")
    packets.close(container)
    with pytest.raises(ValueError, match="closed"):
        source.read(1)
