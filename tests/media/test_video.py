"""Videos: what is read, what is written, and what happens when either fails."""

from __future__ import annotations

import math
import resource
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from vssn.media.avi import AviWriter

from vssn.errors import MediaError
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo


def made_frame(number: int, width: int = 64, height: int = 48) -> UInt8Array:
    """A frame whose grey value names it."""
    return np.full((height, width, 3), 10 * number + 5, np.uint8)


def write_video(
    path: Path, count: int = 8, size_wh: tuple[int, int] = (64, 48), fps: float = 25.0
) -> Path:
    with VideoSink(path, VideoInfo(*size_wh, fps, None)) as sink:
        for number in range(count):
            sink.write(made_frame(number, *size_wh))
    return path


def frame_numbers(path: Path) -> list[int]:
    with VideoSource(path) as source:
        return [round((float(frame.mean()) - 5) / 10) for frame in source]


def patch(path: Path, chunk: bytes, offset: int, data: bytes) -> None:
    """Overwrite bytes of a chunk's content."""
    content = bytearray(path.read_bytes())
    at = content.index(chunk) + 8 + offset
    content[at : at + len(data)] = data
    path.write_bytes(content)


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    """Make writes past ``limit`` bytes fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size_wh", [(64, 48), (641, 273), (33, 1), (1, 1)])
def test_frames_come_back_in_order_at_any_size(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "v.avi", 8, size_wh)
    assert frame_numbers(path) == list(range(8))
    with VideoSource(path) as source:
        assert (source.info.width_px, source.info.height_px) == size_wh
        assert source.info.total_frames == 8


@pytest.mark.parametrize("fps", [29.97, 30000 / 1001, 23.976, 25, 12.3456, 59.94, 7.5, 240, 0.5])
def test_frame_rate_is_kept(tmp_path: Path, fps: float) -> None:
    with VideoSource(write_video(tmp_path / "v.avi", 3, fps=fps)) as source:
        assert source.info.fps == pytest.approx(fps, abs=1e-3)
    content = (tmp_path / "v.avi").read_bytes()
    scale, rate = struct.unpack_from("<II", content, content.index(b"strh") + 8 + 20)
    assert rate / scale == pytest.approx(fps, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "codec"), [("v.mp4", "mp4v"), ("v.avi", "MJPG"), ("v.mkv", "mp4v")]
)
def test_other_writers_files_are_read(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 29.97, (64, 48))
    for number in range(8):
        writer.write(made_frame(number))
    writer.release()
    with VideoSource(path) as source:
        assert source.info == VideoInfo(64, 48, pytest.approx(29.97, abs=0.01), 8)
    assert frame_numbers(path) == list(range(8))


def test_colours_keep_their_order_and_edges(tmp_path: Path) -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:, 1::2] = (222, 40, 60)
    with VideoSink(tmp_path / "v.avi", VideoInfo(32, 32, 25.0, None)) as sink:
        sink.write(frame)
    with VideoSource(tmp_path / "v.avi") as source:
        (read,) = source
    # With halved colour resolution neighbouring columns would share one tint.
    assert np.abs(read.astype(int) - frame).max() < 40


def indexed_frames(content: bytes) -> list[bytes]:
    """Frames as the super index and each segment's index name them."""
    frames = []
    at = content.index(b"indx") + 8
    (segments,) = struct.unpack_from("<I", content, at + 4)
    for segment in range(segments):
        offset, size, count = struct.unpack_from("<QII", content, at + 24 + 16 * segment)
        assert content[offset : offset + 4] == b"ix00"
        assert struct.unpack_from("<I", content, offset + 4)[0] + 8 == size
        entries, base = struct.unpack_from("<I4xQ", content, offset + 12)
        assert entries == count
        for entry in range(entries):
            start, length = struct.unpack_from("<II", content, offset + 32 + 8 * entry)
            frames.append(content[base + start : base + start + length])
    return frames


def test_a_long_video_goes_on_in_further_segments(tmp_path: Path) -> None:
    jpegs = [cv2.imencode(".jpg", made_frame(n))[1].tobytes() for n in range(20)]
    path = tmp_path / "v.avi"
    with FileIO(path, "wb") as file:
        writer = AviWriter(file, (64, 48), 25.0, segment_bytes=6000)
        for jpeg in jpegs:
            writer.write(jpeg)
        writer.close()
    content = path.read_bytes()
    assert content.count(b"AVIX") >= 2
    assert indexed_frames(content) == jpegs
    assert frame_numbers(path) == list(range(20))
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_POS_FRAMES, 17)
    _, frame = capture.read()
    assert round((float(frame.mean()) - 5) / 10) == 17


def test_every_chunk_ends_where_its_size_says(tmp_path: Path) -> None:
    content = write_video(tmp_path / "v.avi").read_bytes()
    assert struct.unpack_from("<I", content, 4)[0] + 8 == len(content)
    movi = content.index(b"movi")
    at = movi - 4
    end = at + 4 + struct.unpack_from("<I", content, at)[0]
    assert content[end : end + 4] == b"idx1"
    for number in range(8):
        tag, _, offset, size = struct.unpack_from("<4sIII", content, end + 8 + 16 * number)
        at = movi + offset
        assert (content[at : at + 4], struct.unpack_from("<I", content, at + 4)[0]) == (tag, size)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.avi", None),
        ("empty.avi", b""),
        ("text.txt", b"no video\n" * 1000),
        ("text.avi", b"no video\n" * 1000),
        ("random.mp4", bytes(np.random.default_rng(0).integers(0, 256, 50_000, np.uint8))),
    ],
)
def test_what_is_no_video_is_refused_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MediaError, match=name) as caught:
        VideoSource(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="a directory"):
        VideoSource(tmp_path)


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    with FileIO(path, "wb") as file:
        AviWriter(file, (64, 48), 25.0).close()
    with pytest.raises(MediaError):
        VideoSource(path)


@pytest.mark.parametrize("stated", [0.0, -1.0, math.nan, math.inf, 5000.0])
def test_a_nonsense_frame_rate_becomes_25(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stated: float,
) -> None:
    real = cv2.VideoCapture

    class Capture:
        def __init__(self, *arguments: object) -> None:
            self._capture = real(*arguments)

        def __getattr__(self, name: str) -> object:
            return getattr(self._capture, name)

        def get(self, key: int) -> float:
            return stated if key == cv2.CAP_PROP_FPS else self._capture.get(key)

    path = write_video(tmp_path / "v.avi")
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    with VideoSource(path) as source:
        assert source.info.fps == 25.0
        assert sum(1 for _ in source) == 8
    assert "taking 25" in caplog.text


@pytest.mark.parametrize("count", [0, 4_000_000_000])
def test_a_lying_frame_count_is_none(tmp_path: Path, count: int) -> None:
    path = write_video(tmp_path / "v.avi")
    patch(path, b"strh", 32, struct.pack("<I", count))
    patch(path, b"dmlh", 0, struct.pack("<I", count))
    patch(path, b"avih", 16, struct.pack("<I", count))
    with VideoSource(path) as source:
        assert source.info.total_frames in (None, 8)
        assert sum(1 for _ in source) == 8


def test_a_truncated_file_gives_what_it_holds(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    path = write_video(tmp_path / "v.avi", 20)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"movi") + (len(content) - 4500) // 2])
    read = frame_numbers(path)
    assert 3 < len(read) < 17
    assert read[:-1] == list(range(len(read) - 1))
    assert f"{len(read)} of 20 frames" in caplog.text
    assert capfd.readouterr().err == ""


def test_a_whole_file_is_read_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame_numbers(write_video(tmp_path / "v.avi"))
    assert caplog.text == ""


def test_a_changing_size_is_scaled_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    with FileIO(path, "wb") as file:
        writer = AviWriter(file, (64, 48), 25.0)
        for width in (64, 64, 80):
            writer.write(cv2.imencode(".jpg", made_frame(1, width))[1].tobytes())
        writer.close()
    with VideoSource(path) as source:
        assert [frame.shape for frame in source] == [(48, 64, 3)] * 3


def test_a_changing_size_that_opencv_passes_on_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VideoSource(write_video(tmp_path / "v.avi")) as source:
        monkeypatch.setattr(source, "_read", lambda: made_frame(1, 80))
        frames = iter(source)
        next(frames)
        with pytest.raises(MediaError, match="frame 2 of 80x48"):
            next(frames)


def test_closing_ends_an_iteration_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with VideoSource(write_video(tmp_path / "v.avi")) as source:
        frames = iter(source)
        next(frames)
    assert list(frames) == []
    assert caplog.text == ""


def test_frames_own_their_memory(tmp_path: Path) -> None:
    with VideoSource(write_video(tmp_path / "v.avi")) as source:
        frames = list(source)
    assert len({frame.ctypes.data for frame in frames}) == 8


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_video_is_kept_playable(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "out" / "v.avi"
    sink = VideoSink(path, VideoInfo(64, 48, 25.0, None))

    def write_three_and_stop() -> None:
        with sink:
            for number in range(3):
                sink.write(made_frame(number))
            assert not path.exists()
            raise stop

    with pytest.raises(stop):
        write_three_and_stop()
    assert sink.frames == 3
    assert frame_numbers(path) == [0, 1, 2]
    assert [file.name for file in path.parent.iterdir()] == ["v.avi"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, None])
def test_without_frames_nothing_is_left(tmp_path: Path, stop: type[BaseException] | None) -> None:
    try:
        with VideoSink(tmp_path / "v.avi", VideoInfo(64, 48, 25.0, None)):
            if stop is not None:
                raise stop
    except KeyboardInterrupt:
        pass
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "v.avi", VideoInfo(64, 48, 25.0, None))
    sink.write(made_frame(0))
    sink.close()
    sink.close()
    assert frame_numbers(tmp_path / "v.avi") == [0]


@pytest.mark.parametrize("segment_bytes", [1 << 30, 6000])
def test_a_full_disk_leaves_a_playable_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, segment_bytes: int
) -> None:
    monkeypatch.setattr(
        "vssn.media.video.AviWriter", partial(AviWriter, segment_bytes=segment_bytes)
    )
    path = tmp_path / "v.avi"
    rng = np.random.default_rng(0)
    sink = VideoSink(path, VideoInfo(64, 48, 25.0, None))

    def write_too_much() -> None:
        with file_size_limit(60_000), sink:
            for _ in range(1000):
                sink.write(rng.integers(0, 256, (48, 64, 3), np.uint8))

    with pytest.raises(MediaError, match="File too large after"):
        write_too_much()
    with VideoSource(path) as source:
        assert source.info.total_frames == sink.frames > 5
        assert sum(1 for _ in source) == sink.frames


@pytest.mark.parametrize(
    ("info", "match"),
    [
        (VideoInfo(0, 48, 25.0, None), "0x48"),
        (VideoInfo(70_000, 48, 25.0, None), "70000x48"),
        (VideoInfo(64, 48, math.nan, None), "nan"),
        (VideoInfo(64, 48, 0.0, None), "0 frames per second"),
    ],
)
def test_impossible_videos_are_refused(tmp_path: Path, info: VideoInfo, match: str) -> None:
    with pytest.raises(MediaError, match=match):
        VideoSink(tmp_path / "v.avi", info)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frame", [np.zeros((48, 63, 3), np.uint8), np.zeros((48, 64), np.uint8), np.zeros((48, 64, 3))]
)
def test_a_frame_that_does_not_match_is_refused(tmp_path: Path, frame: UInt8Array) -> None:
    with (
        pytest.raises(MediaError, match="a frame of shape"),
        VideoSink(tmp_path / "v.avi", VideoInfo(64, 48, 25.0, None)) as sink,
    ):
        sink.write(frame)


def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "v.avi").mkdir()
    info = VideoInfo(64, 48, 25.0, None)
    with pytest.raises(MediaError):
        VideoSink(tmp_path / "file" / "v.avi", info)
    with pytest.raises(MediaError, match="a directory"):
        VideoSink(tmp_path / "v.avi", info)


def test_a_damaged_result_does_not_take_the_final_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_everything(writer: AviWriter) -> None:
        writer._file.truncate(100)

    monkeypatch.setattr(AviWriter, "close", lose_everything)
    with pytest.raises(MediaError):
        write_video(tmp_path / "v.avi")
    assert list(tmp_path.iterdir()) == []
