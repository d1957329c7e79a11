"""What is written, and what is left when the writing is interrupted."""

from __future__ import annotations

import math
import os
import signal
import struct
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from made_clips import (
    file_size_limit,
    frame_numbers,
    frame_times,
    made_frame,
    make_clip,
    sound_packets,
    write_video,
)

from vssn.errors import MediaError
from vssn.media.encoding import FORMATS
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

INFO = VideoInfo(64, 48, 25.0, None)
SUFFIXES = list(FORMATS)
EIGHT = [made_frame(number) for number in range(8)]


def copy(source: Path, target: Path, **selected: float) -> Path:
    """Through source and sink, as the commands do."""
    with (
        VideoSource(source, **selected) as frames,  # type: ignore[arg-type]
        VideoSink(target, frames.info, audio_from=frames) as sink,
    ):
        for frame in frames.iter_timed():
            sink.write(frame.frame_bgr, frame.time)
    return sink.path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_frames_come_back_in_order(tmp_path: Path, suffix: str) -> None:
    assert frame_numbers(write_video(tmp_path / f"v{suffix}")) == list(range(8))
    assert [path.name for path in tmp_path.iterdir()] == [f"v{suffix}"]


@pytest.mark.parametrize(
    ("suffix", "size_wh"),
    [(".avi", (161, 121)), (".mp4", (162, 122)), (".mkv", (162, 122)), (".webm", (161, 121))],
)
def test_odd_sizes_are_kept_or_grow_by_one(
    tmp_path: Path, suffix: str, size_wh: tuple[int, int]
) -> None:
    with VideoSource(write_video(tmp_path / f"v{suffix}", 3, (161, 121))) as source:
        assert (source.info.width_px, source.info.height_px) == size_wh


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fps", [30000 / 1001, 12.5, 240, 0.5])
def test_the_frame_rate_is_kept(tmp_path: Path, suffix: str, fps: float) -> None:
    path = write_video(tmp_path / f"v{suffix}", 8, fps=fps)
    assert frame_times(path) == pytest.approx([n / fps for n in range(8)], abs=6e-4)
    if suffix in (".avi", ".mp4"):  # Matroska's is guessed from the times
        with VideoSource(path) as source:
            assert source.info.fps == pytest.approx(fps, rel=1e-3)


@pytest.mark.parametrize("fps", [29.97, 30000 / 1001, 23.976, 25, 12.3456, 59.94, 7.5, 240, 0.5])
def test_an_avi_states_the_rate_exactly(tmp_path: Path, fps: float) -> None:
    content = write_video(tmp_path / "v.avi", 3, fps=fps).read_bytes()
    scale, rate = struct.unpack_from("<II", content, content.index(b"strh") + 8 + 20)
    assert rate / scale == pytest.approx(fps, abs=1e-5)


def test_an_mp4_plays_in_browsers(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.codec_context.colorspace, stream.codec_context.color_range) == (1, 1)
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")  # starts before it is loaded
    assert b"moof" not in content


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_colours_come_back(tmp_path: Path, suffix: str) -> None:
    colours = [(0, 0, 255), (0, 255, 0), (255, 0, 0), (222, 40, 60), (128, 128, 128)]
    frame = np.repeat(np.array(colours, np.uint8)[None], 48, 0).repeat(32, 1)
    with VideoSink(tmp_path / f"v{suffix}", VideoInfo(160, 48, 25, None)) as sink:
        sink.write(frame)
    with VideoSource(sink.path) as source:
        (read,) = source
    difference = np.abs(read.astype(int) - frame)
    assert difference[:, 16::32].max() <= 10


def test_an_avi_keeps_the_colour_of_every_column(tmp_path: Path) -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[:, 1::2] = (222, 40, 60)
    with VideoSink(tmp_path / "v.avi", VideoInfo(32, 32, 25.0, None)) as sink:
        sink.write(frame)
    with VideoSource(tmp_path / "v.avi") as source:
        (read,) = source
    # With halved colour resolution neighbouring columns would share one tint.
    assert np.abs(read.astype(int) - frame).max() < 40


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_display_shape_is_kept(tmp_path: Path, suffix: str) -> None:
    info = VideoInfo(64, 48, 25.0, None, pixel_aspect=Fraction(64, 45))
    with VideoSink(tmp_path / f"v{suffix}", info) as sink:
        sink.write(made_frame(0))
    with VideoSource(sink.path) as source:
        shape = source.info.width_px * source.info.pixel_aspect / source.info.height_px
    assert float(shape) == pytest.approx(64 / 48 * 64 / 45, rel=0.01)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_rate_that_varies_keeps_every_time(tmp_path: Path, suffix: str) -> None:
    times = [Fraction(n, 25) for n in (0, 1, 2, 5, 6, 20, 21, 50)]
    source = make_clip(tmp_path / "s.mp4", EIGHT, times=times)
    assert frame_times(copy(source, tmp_path / f"v{suffix}")) == pytest.approx(
        [float(t) for t in times], abs=1e-3
    )


def test_an_avi_says_that_times_are_rounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    times = [Fraction(n) for n in (0, Fraction(1, 997), Fraction(1, 3), 1)]
    copy(make_clip(tmp_path / "s.mp4", EIGHT[:4], times=times), tmp_path / "v.avi")
    assert "times are rounded" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("sound", ["aac", "libmp3lame"])
def test_sound_is_copied_bit_for_bit(tmp_path: Path, suffix: str, sound: str) -> None:
    source = make_clip(tmp_path / "s.mp4", EIGHT, tone_s=2, sound_codec=sound)
    made = copy(source, tmp_path / f"v{suffix}")
    assert sound_packets(made) == sound_packets(source) != []


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".webm", "opus"), (".mp4", "aac"), (".avi", "pcm_s16le")]
)
def test_sound_that_the_container_can_not_hold_is_encoded_again(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    original = "flac" if suffix == ".avi" else "pcm_s16le"
    source = make_clip(tmp_path / "s.mkv", EIGHT, tone_s=1, sound_codec=original)
    with av.open(str(copy(source, tmp_path / f"v{suffix}"))) as container:
        stream = container.streams.audio[0]
        assert stream.codec_context.name.removeprefix("lib") == codec
        samples = np.concatenate(
            [f.to_ndarray().reshape(-1).astype(float) for f in container.decode(stream)]
        )
    assert len(samples) / stream.codec_context.sample_rate == pytest.approx(1, abs=0.1)
    spectrum = np.abs(np.fft.rfft(samples))
    peak_hz = spectrum.argmax() * stream.codec_context.sample_rate / len(samples)
    assert peak_hz == pytest.approx(440, abs=5)


def test_names_that_are_no_text_are_written(tmp_path: Path) -> None:
    source = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    make_clip(tmp_path / "s.mp4", EIGHT, tone_s=1).rename(source)
    for suffix in SUFFIXES:
        target = tmp_path / "out" / (os.fsdecode(b"\xe9") + suffix)
        assert copy(source, target) == target
        with VideoSource(target) as written:
            assert sum(1 for _ in written) == 8


def test_sound_without_its_description_is_encoded_again_for_an_avi(tmp_path: Path) -> None:
    # In a transport stream AAC has a header in each packet, which an .avi does not take.
    source = make_clip(tmp_path / "s.ts", EIGHT * 5, codec="mpeg2video", tone_s=1)
    with av.open(str(copy(source, tmp_path / "v.avi"))) as container:
        assert container.streams.audio[0].codec_context.name == "pcm_s16le"
        assert container.streams.video[0].frames == 40


def test_sound_that_can_not_be_kept_does_not_cost_the_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_clip(tmp_path / "s.mp4", EIGHT, tone_s=1)

    def fail(*_: object) -> None:
        raise av.error.InvalidDataError(1, "damaged")

    monkeypatch.setattr("vssn.media.sound._copied", fail)
    monkeypatch.setattr("vssn.media.sound._encoded", fail)
    made = copy(source, tmp_path / "v.mp4")
    assert (len(frame_numbers(made)), sound_packets(made)) == (8, [])
    assert "the output has no sound" in caplog.text


def test_sound_is_cut_with_the_pictures(tmp_path: Path) -> None:
    source = make_clip(
        tmp_path / "s.mp4",
        [made_frame(n % 20) for n in range(75)],
        tone_s=3,
        options={"g": "5", "crf": "5"},
    )
    made = copy(source, tmp_path / "v.mp4", start=1, end=2)
    assert frame_numbers(made) == pytest.approx([n % 20 for n in range(25, 50)], abs=1)
    assert frame_times(made) == [n / 25 for n in range(25)]
    # An AAC packet lasts 1/47 s.
    assert len(sound_packets(made)) == pytest.approx(47, abs=2)


def test_the_first_frame_keeps_its_place_beside_the_sound(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "s.mp4", EIGHT, tone_s=1)
    with VideoSource(source) as frames, VideoSink(tmp_path / "v.mp4", frames.info, frames) as sink:
        for frame in list(frames.iter_timed())[3:]:
            sink.write(frame.frame_bgr, frame.time)
    with av.open(str(sink.path)) as container:
        first = next(container.decode(video=0))
        assert first.time - float(container.start_time or 0) / 1e6 == pytest.approx(0.12, abs=0.03)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_interrupted_video_is_kept_playable(
    tmp_path: Path, stop: type[BaseException], suffix: str
) -> None:
    path = tmp_path / "out" / f"v{suffix}"
    sink = VideoSink(path, INFO)

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
    assert list(path.parent.iterdir()) == [path]


def test_an_interrupted_video_replaces_no_older_one(tmp_path: Path) -> None:
    older = write_video(tmp_path / "v.avi").read_bytes()

    def interrupted() -> Path:
        sink = VideoSink(tmp_path / "v.avi", INFO)
        sink.write(made_frame(3))
        sink.close(complete=False)
        return sink.path

    assert [interrupted().name, interrupted().name] == ["v.partial.avi", "v.partial-2.avi"]
    assert frame_numbers(tmp_path / "v.partial.avi") == [3]
    assert (tmp_path / "v.avi").read_bytes() == older
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("stop", [KeyboardInterrupt, None])
def test_without_frames_nothing_is_left(tmp_path: Path, stop: type[BaseException] | None) -> None:
    try:
        with VideoSink(tmp_path / "v.avi", INFO):
            if stop is not None:
                raise stop
    except KeyboardInterrupt:
        pass
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "v.avi", INFO)
    sink.write(made_frame(0))
    sink.close()
    sink.close()
    assert frame_numbers(tmp_path / "v.avi") == [0]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_a_playable_video(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    sink = VideoSink(tmp_path / f"v{suffix}", INFO)

    def write_too_much() -> None:
        with file_size_limit(120_000), sink:
            for _ in range(1000):
                sink.write(rng.integers(0, 256, (48, 64, 3), np.uint8))

    with pytest.raises(MediaError, match="File too large after"):
        write_too_much()
    (left,) = tmp_path.iterdir()
    with VideoSource(left) as source:
        assert sum(1 for _ in source) == sink.frames > 5


def test_when_finishing_fails_the_frames_stay_and_the_error_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vssn.media.sink.remux", fail)
    with pytest.raises(MediaError, match=r"No space left.*8 frames are in .*v\.partial-\w+\.mp4"):
        write_video(tmp_path / "v.avi")
    (left,) = tmp_path.iterdir()
    assert frame_numbers(left) == list(range(8))


def test_a_disk_that_fills_at_the_very_end_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> list[object]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vssn.media.encoding.JpegEncoder.flush", fail)
    with pytest.raises(MediaError, match=r"No space left on device at its end; .*v\.avi") as caught:
        write_video(tmp_path / "v.avi", 30)
    (left,) = tmp_path.iterdir()
    read = frame_numbers(left)
    assert 15 < len(read) <= 30
    assert f"the first {len(read)} frames" in str(caught.value)


def test_a_second_interruption_keeps_the_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("vssn.media.sink.remux", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "v.avi")
    (left,) = tmp_path.iterdir()
    assert frame_numbers(left) == list(range(8))
    assert left.name in caplog.text


def test_a_name_that_became_a_folder_meanwhile_costs_nothing(tmp_path: Path) -> None:
    sink = VideoSink(tmp_path / "v.mp4", INFO)
    sink.write(made_frame(4))
    (tmp_path / "v.mp4").mkdir()
    with pytest.raises(MediaError, match="partial"):
        sink.close()
    (left,) = tmp_path.glob("*partial*")
    assert frame_numbers(left) == [4]


def test_a_result_with_fewer_frames_does_not_take_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vssn.media import remux

    monkeypatch.setattr("vssn.media.sink.remux", lambda *a: remux.remux(*a) - 1)
    with pytest.raises(MediaError, match="8 frames"):
        write_video(tmp_path / "v.avi")
    assert not (tmp_path / "v.avi").exists()


def test_links_at_temporary_names_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    tokens = iter(["taken", "free"])
    (tmp_path / "v.partial-taken.mp4").symlink_to(victim)
    (tmp_path / "v.finishing-free.avi").symlink_to(victim)
    monkeypatch.setattr("vssn.media.parts.secrets.token_hex", lambda _: next(tokens))
    with pytest.raises(MediaError, match="File exists"):
        write_video(tmp_path / "v.avi")
    assert victim.read_text() == "precious"
    assert frame_numbers(tmp_path / "v.partial-free.mp4") == list(range(8))


def test_replacing_a_video_of_another_source_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = (make_clip(tmp_path / name, EIGHT) for name in ("a.mp4", "b.mp4"))
    copy(a, tmp_path / "v.avi")
    copy(a, tmp_path / "v.avi")
    assert "replaced" not in caplog.text
    copy(b, tmp_path / "v.avi")
    assert "made from 'a.mp4', is replaced" in caplog.text


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
        VideoSink(tmp_path / "v.avi", INFO) as sink,
    ):
        sink.write(frame)


def test_a_place_that_can_not_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "v.avi").mkdir()
    with pytest.raises(MediaError):
        VideoSink(tmp_path / "file" / "v.avi", INFO)
    with pytest.raises(MediaError, match="a directory"):
        VideoSink(tmp_path / "v.avi", INFO)
    with pytest.raises(MediaError, match="name too long"):
        VideoSink(tmp_path / ("a" * 300 + ".avi"), INFO)
    with pytest.raises(MediaError, match=r"suffix '.doc'\): expected one of .avi"):
        VideoSink(tmp_path / "v.doc", INFO)


ENDLESS = """
import itertools, sys
from pathlib import Path
import numpy as np
from vssn.media.sink import VideoSink
from vssn.types import VideoInfo

with VideoSink(Path(sys.argv[1]), VideoInfo(96, 64, 25.0, None)) as sink:
    for number in itertools.count():
        sink.write(np.random.default_rng(number).integers(0, 256, (64, 96, 3), np.uint8))
        print(number + 1, flush=True)
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("frames", [40, 77])
def test_a_kill_loses_less_than_a_second(
    tmp_path: Path, repo_root: Path, suffix: str, frames: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"v{suffix}"
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE, cwd=repo_root, text=True
    ) as process:
        assert process.stdout is not None
        written = 0
        while written < frames:
            written = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
    (left,) = tmp_path.iterdir()
    assert left.name.startswith("v.partial-")
    with VideoSource(left) as source:
        assert sum(1 for _ in source) > frames - 25
    # A later run that is complete removes it, with what a kill while finishing left.
    os.utime(left, (time.time() - 60,) * 2)
    left.with_name(left.stem.replace("partial", "finishing") + suffix).write_bytes(b"half")
    assert frame_numbers(write_video(path)) == list(range(8))
    assert list(tmp_path.iterdir()) == [path]
    assert left.name in caplog.text


def test_the_part_of_a_run_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "v.avi", INFO) as first:
        first.write(made_frame(7))
        (part,) = tmp_path.iterdir()
        os.utime(part, (time.time() - 60,) * 2)
        write_video(tmp_path / "v.avi")
        assert part.exists()
    assert frame_numbers(tmp_path / "v.avi") == [7]
