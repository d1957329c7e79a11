"""A video read in chunks: the same frames at the same times as in one go."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_clips import make_clip

from vssn.errors import MediaError
from vssn.media.video import VideoSource
from vssn.types import TimedFrame, UInt8Array

CHUNK = Fraction(7, 10)
COUNT = 60
STARTS = [18, 35, 53]  # of the chunks, at 25 frames per second
REORDERED: dict[str, Any] = {"options": {"g": "12", "bf": "2"}}


def picture(number: int) -> UInt8Array:
    """One that no neighbour looks like."""
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, : number + 1] = 3 * number + 20
    frame[number % 48] = 255
    return frame


def read(path: Path, **selected: Any) -> list[TimedFrame]:
    with VideoSource(path, **selected) as source:
        source.may_be_empty = True
        return list(source.iter_timed())


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("v.mp4", REORDERED),
        ("ntsc.mp4", {"rate": Fraction(30_000, 1001), **REORDERED}),
        ("open.mp4", {"options": {"g": "12", "bf": "2", "x264-params": "open-gop=1"}}),
        ("v.mkv", REORDERED),
        ("v.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("reordered.avi", {"codec": "mpeg4", **REORDERED}),
        ("v.ts", REORDERED),
        ("v.mpg", {"codec": "mpeg2video", **REORDERED}),
        ("v.flv", {"options": {"g": "12"}}),
        ("v.webm", {"codec": "libvpx"}),
        ("v.h264", REORDERED),
        ("v.asf", {"codec": "wmv2"}),
    ],
)
def test_chunks_hold_the_frames_of_the_whole(
    tmp_path: Path, name: str, made: dict[str, Any]
) -> None:
    path = make_clip(tmp_path / name, [picture(n) for n in range(COUNT)], **made)
    whole = read(path)
    chunks = [read(path, start=k * CHUNK, end=(k + 1) * CHUNK) for k in range(4)]
    parts = [frame for chunk in chunks for frame in chunk]
    assert [frame.time for frame in parts] == [frame.time for frame in whole]
    assert all(
        np.array_equal(part.frame_bgr, frame.frame_bgr)
        for part, frame in zip(parts, whole, strict=True)
    )


@pytest.mark.parametrize("stride", [1, 4])
def test_a_chunks_first_frame_says_so(tmp_path: Path, stride: int) -> None:
    path = make_clip(tmp_path / "v.mp4", [picture(n) for n in range(COUNT)])
    frames = read(path, chunk_s=0.7, stride=stride)
    chunks = [read(path, start=k * CHUNK, end=(k + 1) * CHUNK, stride=stride) for k in range(4)]
    assert [frame.time for frame in frames] == [f.time for chunk in chunks for f in chunk]
    starts = [frame.time for frame in frames if frame.starts_chunk]
    assert starts == [chunk[0].time for chunk in chunks[1:]]
    assert [frame.index for frame in frames] == list(range(len(frames)))


def test_chunks_are_counted_from_the_start_that_was_asked_for(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", [picture(n) for n in range(COUNT)])
    frames = read(path, chunk_s=0.7, start=0.4)
    assert [float(frame.time) for frame in frames if frame.starts_chunk] == [1.12, 1.8]
    assert not any(frame.starts_chunk for frame in read(path))


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi"])
def test_the_stated_length_is_told(tmp_path: Path, name: str) -> None:
    codec = "mjpeg" if name == "v.avi" else "libx264"
    pixels = "yuvj420p" if name == "v.avi" else "yuv420p"
    path = make_clip(tmp_path / name, [picture(0)] * 50, codec=codec, pixels=pixels)
    with VideoSource(path) as source:
        assert source.duration == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize("chunk_s", [0, -1, float("nan"), float("inf")])
def test_no_length_of_a_chunk(tmp_path: Path, chunk_s: float) -> None:
    with pytest.raises(MediaError, match=r"chunk_s=.*: expected 0\.1 to"):
        VideoSource(tmp_path / "v.mp4", chunk_s=chunk_s)
