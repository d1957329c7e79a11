"""A file that was cut short is told, in every container that states lengths; a whole one is not."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame

from vssn.errors import MediaError
from vssn.media.video import VideoSource

FRAMES = 30
# Name, codec, pixels, and options of the muxer.
KINDS = [
    ("a.mp4", "libx264", "yuv420p", {}),
    ("fragments.mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    ("a.mov", "mpeg4", "yuv420p", {}),
    ("a.mkv", "libx264", "yuv420p", {}),
    ("recorded.mkv", "libx264", "yuv420p", {"live": "1"}),
    ("a.webm", "libvpx", "yuv420p", {}),
    ("recorded.webm", "libvpx", "yuv420p", {"live": "1"}),
    ("a.avi", "mjpeg", "yuvj420p", {}),
    ("a.ts", "libx264", "yuv420p", {}),
    ("a.m2ts", "libx264", "yuv420p", {"mpegts_m2ts_mode": "1"}),
    ("a.mpg", "mpeg2video", "yuv420p", {}),
    ("a.flv", "flv1", "yuv420p", {}),
    ("a.wmv", "wmv2", "yuv420p", {}),
    ("a.ogg", "libvpx", "yuv420p", {}),
    ("a.gif", "gif", "rgb8", {}),
    ("a.mxf", "mpeg2video", "yuv420p", {}),
    ("a.y4m", "wrapped_avframe", "yuv420p", {}),
    ("grey.y4m", "wrapped_avframe", "gray", {}),
    ("a.mjpeg", "mjpeg", "yuvj420p", {}),
]


def made(path: Path, codec: str, pixels: str, options: dict[str, str]) -> Path:
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    with av.open(str(path), "w", container_options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for number in range(FRAMES):
            frame = VideoFrame.from_ndarray(np.roll(noise, number, 1), "bgr24")
            frame = frame.reformat(format=pixels)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read(path: Path) -> tuple[int, bool]:
    with VideoSource(path) as source:
        return len(list(source)), source.truncated


@pytest.mark.parametrize(("name", "codec", "pixels", "options"), KINDS, ids=[k[0] for k in KINDS])
def test_a_cut_is_told(
    tmp_path: Path,
    name: str,
    codec: str,
    pixels: str,
    options: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = made(tmp_path / name, codec, pixels, options)
    assert read(whole) == (FRAMES, False)
    assert "cut short" not in caplog.text
    data = whole.read_bytes()
    counts = []
    for share in (0.45, 0.7, 0.9):
        # Beside the places where pieces begin.
        whole.write_bytes(data[: int(share * len(data)) // 188 * 188 - 5])
        caplog.clear()
        try:
            count, truncated = read(whole)
        except MediaError:  # the index at the end is missing
            continue
        assert truncated or count == FRAMES, (share, count)
        assert ("cut short" in caplog.text) == truncated
        counts.append(count)
    assert not counts or min(counts) < FRAMES
