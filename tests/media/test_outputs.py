"""Outputs that are no videos: animated previews and images; and how a kind is chosen."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from made_clips import file_size_limit, frame_numbers, made_frame, make_clip
from PIL import Image

from vssn.errors import MediaError
from vssn.media.images import read_image_bgr, write_image
from vssn.media.outputs import ImageSequence, open_sink
from vssn.media.previews import PreviewSink
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import VideoInfo

INFO = VideoInfo(64, 48, 25.0, None)
FRAMES = [made_frame(number) for number in range(8)]
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v.mp4", VideoSink),
        ("v.AVI", VideoSink),
        ("v.gif", PreviewSink),
        ("v.webp", PreviewSink),
        ("%06d.png", ImageSequence),
        ("frame_%d.jpg", ImageSequence),
    ],
)
def test_the_name_chooses_the_kind(tmp_path: Path, name: str, kind: type) -> None:
    sink = open_sink(tmp_path / "out" / name, INFO)
    assert isinstance(sink, kind)
    sink.close()
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["v.doc", "v", "%s.png", "%d%d.png", "%.png", "%06d.mp3"])
def test_another_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="output"):
        open_sink(tmp_path / name, INFO)


def test_images_are_numbered_and_come_back(tmp_path: Path) -> None:
    sink = open_sink(tmp_path / "f" / "a_%04d.png", INFO)
    for number in range(3):
        sink.write(made_frame(number), Fraction(number, 25))
    sink.close()
    assert (sink.frames, sink.path) == (3, tmp_path / "f")
    names = sorted(path.name for path in (tmp_path / "f").iterdir())
    assert names == ["a_0000.png", "a_0001.png", "a_0002.png"]
    assert np.array_equal(read_image_bgr(tmp_path / "f" / "a_0002.png"), made_frame(2))
    assert frame_numbers(tmp_path / "f") == [0, 1, 2]


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_preview_is_small_slow_and_in_time(tmp_path: Path, suffix: str) -> None:
    info = VideoInfo(1280, 720, 25.0, None)
    with PreviewSink(tmp_path / f"p{suffix}", info) as sink:
        for number in range(25):
            sink.write(made_frame(number, 1280, 720), Fraction(number, 25))
    assert sink.frames == 10
    assert list(tmp_path.iterdir()) == [sink.path]
    with Image.open(sink.path) as image:
        assert (image.size, image.n_frames) == ((480, 270), 10)  # type: ignore[attr-defined]
        lengths_ms, greys = [], []
        for number in range(10):
            image.seek(number)
            image.load()
            lengths_ms.append(image.info["duration"])
            greys.append(float(np.asarray(image.convert("L")).mean()))
    assert sum(lengths_ms[:9]) == pytest.approx(900, abs=60)
    assert greys == pytest.approx([10 * n + 5 for n in (0, 3, 5, 8, 10, 13, 15, 18, 20, 23)], abs=5)


def test_a_preview_shows_colours(tmp_path: Path) -> None:
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :32] = (0, 0, 255)
    frame[:, 32:] = (222, 40, 60)
    for suffix in (".gif", ".webp"):
        with PreviewSink(tmp_path / f"p{suffix}", INFO) as sink:
            sink.write(frame)
        with Image.open(sink.path) as image:
            shown = np.asarray(image.convert("RGB"))[..., ::-1].astype(int)
        assert np.abs(shown - frame)[:, 8:24].max() < 12
        assert np.abs(shown - frame)[:, 40:56].max() < 12


def test_an_interrupted_preview_replaces_no_older_one(tmp_path: Path) -> None:
    with PreviewSink(tmp_path / "p.gif", INFO) as sink:
        sink.write(made_frame(1))
    older = sink.path.read_bytes()
    sink = PreviewSink(tmp_path / "p.gif", INFO)
    sink.write(made_frame(2))
    sink.close(complete=False)
    assert sink.path == tmp_path / "p.partial.gif"
    assert (tmp_path / "p.gif").read_bytes() == older
    with PreviewSink(tmp_path / "p.gif", INFO):
        pass
    assert len(list(tmp_path.iterdir())) == 2


def test_a_preview_that_can_not_be_written_says_so(tmp_path: Path) -> None:
    def write_too_much() -> None:
        with file_size_limit(3000), PreviewSink(tmp_path / "p.gif", INFO) as sink:
            for number in range(100):
                sink.write(NOISE, number)

    with pytest.raises(MediaError, match="File too large"):
        write_too_much()
    with pytest.raises(MediaError, match="a frame of shape"):
        PreviewSink(tmp_path / "q.gif", INFO).write(made_frame(1, 65))


def test_a_source_becomes_a_preview(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "v.mp4", [made_frame(n) for n in range(20)])
    with VideoSource(clip, start=0.4) as source:
        sink = open_sink(tmp_path / "p.webp", source.info, source)
        for frame in source.iter_timed():
            sink.write(frame.frame_bgr, frame.time)
        sink.close()
    with Image.open(sink.path) as image:
        assert image.n_frames == sink.frames == 4  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".gif"])
def test_an_output_never_takes_its_sources_place(tmp_path: Path, suffix: str) -> None:
    codec = {".gif": "gif", ".avi": "mjpeg"}.get(suffix, "libx264")
    pixels = {".gif": "rgb8", ".avi": "yuvj420p"}.get(suffix, "yuv420p")
    path = make_clip(tmp_path / f"v{suffix}", FRAMES, codec=codec, pixels=pixels)
    (tmp_path / "folder").mkdir()
    before = path.read_bytes()
    other_way = tmp_path / "folder" / ".." / path.name
    with VideoSource(path) as source, pytest.raises(MediaError, match="where the source"):
        open_sink(other_way, source.info, source)
    assert path.read_bytes() == before


def test_images_are_not_written_among_those_that_are_read(tmp_path: Path) -> None:
    for number in range(3):
        write_image(tmp_path / f"{number}.png", FRAMES[number])
    with VideoSource(tmp_path) as source, pytest.raises(MediaError, match="where the source"):
        open_sink(tmp_path / "%d.png", source.info, source)
    with VideoSource(tmp_path) as source:
        open_sink(tmp_path / "out" / "%d.png", source.info, source).close()


def test_a_directory_of_the_outputs_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").mkdir()
    with pytest.raises(MediaError, match=r"v\.mp4', a directory"):
        open_sink(tmp_path / "v.mp4", INFO)
