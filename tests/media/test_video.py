"""What is read of videos, whole and damaged."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from made_clips import (
    cut,
    damage,
    frame_numbers,
    frame_times,
    made_frame,
    make_clip,
    video_packets,
    write_video,
)

from vssn.errors import MediaError
from vssn.media.containers import video_stream
from vssn.media.decoding import Decoder
from vssn.media.picture import FrameConverter
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.types import UInt8Array, VideoInfo

EIGHT = [made_frame(number) for number in range(8)]
TWENTY = [made_frame(number) for number in range(20)]
CORNERS = np.zeros((48, 64, 3), np.uint8)  # red, green, blue, white from the upper left
CORNERS[:24, :32, 2] = CORNERS[:24, 32:, 1] = CORNERS[24:, :32, 0] = 255
CORNERS[24:, 32:] = 255


@pytest.mark.parametrize("size_wh", [(64, 48), (641, 273), (33, 1), (1, 1)])
def test_frames_come_back_in_order_at_any_size(tmp_path: Path, size_wh: tuple[int, int]) -> None:
    path = write_video(tmp_path / "v.avi", 8, size_wh)
    assert frame_numbers(path) == list(range(8))
    with VideoSource(path) as source:
        assert (source.info.width_px, source.info.height_px) == size_wh
        assert source.info.total_frames == 8


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("v.mp4", "libx264", "yuv420p"),
        ("v.mp4", "mpeg4", "yuv420p"),
        ("v.mp4", "libsvtav1", "yuv420p"),
        ("v.avi", "mjpeg", "yuvj420p"),
        ("v.mkv", "ffv1", "bgr0"),
        ("v.webm", "libvpx-vp9", "yuv420p"),
        ("v.ts", "mpeg2video", "yuv420p"),
        ("v.mov", "prores", "yuv422p10le"),
    ],
)
def test_common_kinds_are_read(tmp_path: Path, name: str, codec: str, pixels: str) -> None:
    path = make_clip(tmp_path / name, EIGHT, codec=codec, pixels=pixels)
    assert frame_numbers(path) == list(range(8))
    with VideoSource(path) as source:
        assert source.info.fps == pytest.approx(25, abs=0.01)
        assert source.info.total_frames in (None, 8)


def test_a_gif_is_read(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.gif", EIGHT, codec="gif", pixels="rgb8")
    with VideoSource(path) as source:
        assert sum(1 for _ in source) == 8
        assert not source.truncated


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("missing.avi", None),
        ("empty.avi", b""),
        ("text.txt", b"no video\n" * 1000),
        ("text.avi", b"no video\n" * 1000),
        ("text.mp4", b"no video\n" * 1000),
        ("random.mp4", bytes(np.random.default_rng(0).integers(0, 256, 50_000, np.uint8))),
        ("a" * 300 + ".mp4", None),
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


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="directory"):
        VideoSource(tmp_path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "v.mp4")
    with pytest.raises(MediaError, match="not a regular file"):
        VideoSource(tmp_path / "v.mp4")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.avi")
    path.chmod(0)
    with pytest.raises(MediaError, match="no permission"):
        VideoSource(path)


PLAYLISTS = {
    "concat.avi": "ffconcat version 1.0\nfile secret.mp4\n",
    "list.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "dash.mpd": '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period><BaseURL>secret.mp4</BaseURL>'
    "</Period></MPD>",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str) -> None:
    make_clip(tmp_path / "secret.mp4", EIGHT)
    (tmp_path / name).write_text(PLAYLISTS[name])
    with pytest.raises(MediaError):
        VideoSource(tmp_path / name)


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", b"concat:a|b.mp4", b"http:x.mp4"])
def test_any_name_is_read(tmp_path: Path, name: bytes) -> None:
    made = make_clip(tmp_path / "v.mp4", EIGHT)
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
    shutil.copy(made, path)
    assert frame_numbers(path) == list(range(8))


def test_a_nonsense_frame_rate_becomes_25(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "v.avi")
    monkeypatch.setattr("vssn.media.decoding.MIN_FPS", 10_000)
    with VideoSource(path) as source:
        assert source.info.fps == 25.0
        assert sum(1 for _ in source) == 8
    assert "taking 25" in caplog.text


@pytest.mark.parametrize("count", [0, 4_000_000_000])
def test_a_lying_frame_count_is_none(tmp_path: Path, count: int) -> None:
    path = write_video(tmp_path / "v.avi")
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"strh", 32), (b"dmlh", 0), (b"avih", 16)):
        at = content.index(chunk) + 8 + offset
        content[at : at + 4] = count.to_bytes(4, "little")
    path.write_bytes(content)
    with VideoSource(path) as source:
        assert source.info.total_frames in (None, 8)
        assert sum(1 for _ in source) == 8
        assert not source.truncated


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("v.avi", "mjpeg", "yuvj420p"),
        ("v.mp4", "mjpeg", "yuvj420p"),
        ("v.mkv", "libx264", "yuv420p"),
        ("v.ts", "mpeg2video", "yuv420p"),
        ("v.gif", "gif", "rgb8"),
        ("v.flv", "flv1", "yuv420p"),
        ("v.webm", "libvpx-vp9", "yuv420p"),
    ],
)
def test_a_file_cut_short_gives_what_it_holds_and_says_so(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    name: str,
    codec: str,
    pixels: str,
) -> None:
    options = {"bf": "0", "preset": "ultrafast"} if codec == "libx264" else {}
    path = make_clip(tmp_path / name, NOISY, codec=codec, pixels=pixels, options=options)
    if name == "v.mp4":  # with its index first, as a download that stops has it
        path = with_index_first(path)
    assert len(numbers_and_end(path)[0]) == 20
    assert not numbers_and_end(path)[1]
    caplog.clear()
    frames, truncated = numbers_and_end(cut(path, 0.6))
    assert truncated
    assert 3 < len(frames) < 17
    assert "cut short" in caplog.text
    assert capfd.readouterr().err == ""


NOISY = [
    np.clip(frame + np.random.default_rng(n).integers(-5, 5, frame.shape), 0, 255).astype(np.uint8)
    for n, frame in enumerate(TWENTY)
]


def with_index_first(path: Path) -> Path:
    made = path.with_name("first.mp4")
    with (
        av.open(str(path)) as source,
        av.open(str(made), "w", options={"movflags": "faststart"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return made


def numbers_and_end(path: Path) -> tuple[list[UInt8Array], bool]:
    with VideoSource(path) as source:
        return list(source), source.truncated


def test_a_cut_file_names_how_many_frames_were_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = cut(write_video(tmp_path / "v.avi", 20), 0.6)
    read = frame_numbers(path)
    assert read[:-1] == list(range(len(read) - 1))
    assert f"{len(read)} of 20 frames" in caplog.text


@pytest.mark.parametrize("number", [0, 7, 19])
@pytest.mark.parametrize("name", ["v.avi", "v.mp4"])
def test_a_damaged_packet_costs_its_frame_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, number: int
) -> None:
    path = make_clip(tmp_path / name, TWENTY, codec="mjpeg", pixels="yuvj420p")
    damage(path, number)
    others = [n for n in range(20) if n != number]
    with VideoSource(path) as source:
        frames = list(source.iter_timed())
        assert source.lost_frames == 1
        assert not source.truncated
    assert [round((float(f.frame_bgr.mean()) - 5) / 10) for f in frames] == others
    assert [f.time for f in frames] == [Fraction(n, 25) for n in others]
    assert [f.index for f in frames] == list(range(19))
    assert caplog.text.count("1 frame could not be decoded") == 1


def test_a_damaged_h264_packet_does_not_end_the_video(tmp_path: Path) -> None:
    options = {"g": "5", "bf": "0"}
    path = damage(make_clip(tmp_path / "v.mp4", TWENTY, options=options), 7)
    assert len(video_packets(path)) == 20
    with VideoSource(path) as source:
        frames = list(source.iter_timed())
    assert len(frames) >= 17
    assert frames[-1].time == Fraction(19, 25)


def test_a_whole_file_is_read_without_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame_numbers(write_video(tmp_path / "v.avi"))
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_sound_longer_than_the_pictures_is_no_damage(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = make_clip(tmp_path / name, EIGHT, tone_s=4)
    with VideoSource(path) as source:
        assert sum(1 for _ in source) == 8
        assert not source.truncated
        assert source.sound == path
    assert caplog.text == ""


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv"])
def test_a_rate_that_varies_keeps_every_time(tmp_path: Path, name: str) -> None:
    times = [Fraction(n, 25) for n in (0, 1, 2, 5, 6, 20, 21, 50)]
    path = make_clip(tmp_path / name, EIGHT, times=times)
    assert frame_times(path) == pytest.approx([float(t) for t in times], abs=1e-3)


def test_exact_times_are_fractions(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", EIGHT, rate=Fraction(30000, 1001))
    with VideoSource(path) as source:
        assert [f.time for f in source.iter_timed()] == [
            Fraction(n * 1001, 30000) for n in range(8)
        ]


def corner_colours(frame_bgr: UInt8Array) -> list[str]:
    height, width = frame_bgr.shape[:2]
    points = [(y, x) for y in (height // 4, -height // 4) for x in (width // 4, -width // 4)]
    names = {(0, 0, 1): "r", (0, 1, 0): "g", (1, 0, 0): "b", (1, 1, 1): "w"}
    return [names[tuple(frame_bgr[point] // 128)] for point in points]


@pytest.mark.parametrize(
    ("rotation", "corners"),
    [
        ((0, False, False), "rgbw"),
        ((90, False, False), "gwrb"),
        ((180, False, False), "wbgr"),
        ((270, False, False), "brwg"),
        ((0, True, False), "grwb"),
        ((0, False, True), "bwrg"),
        ((180, True, False), "bwrg"),
        ((90, True, False), None),
        ((270, False, True), None),
    ],
)
def test_rotation_and_mirror_flags_are_applied(
    tmp_path: Path, rotation: tuple[float, bool, bool], corners: str | None
) -> None:
    path = make_clip(tmp_path / "v.mp4", [CORNERS] * 2, rotation=rotation, matrix=1)
    with VideoSource(path) as source:
        frame = next(iter(source))
        assert frame.shape == (source.info.height_px, source.info.width_px, 3)
    assert frame.shape[:2] == ((64, 48) if rotation[0] in (90, 270) else (48, 64))
    found = "".join(corner_colours(frame))
    assert found == (corners or turned_by_ffmpeg(path))


def turned_by_ffmpeg(path: Path) -> str:
    """What FFmpeg's own filters make of a display matrix, read with its documented functions."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        matrix = np.frombuffer(bytes(frame.side_data[0]), np.int32).reshape(3, 3)
    picture = frame.to_ndarray(format="bgr24")
    # Each stored pixel (x, y) is shown at (x, y) times the matrix.
    height, width = picture.shape[:2]
    ys, xs = np.mgrid[:height, :width]
    unit = 1 << 16
    shown_x = (xs * matrix[0, 0] + ys * matrix[1, 0]) // unit
    shown_y = (xs * matrix[0, 1] + ys * matrix[1, 1]) // unit
    shown_x, shown_y = shown_x - shown_x.min(), shown_y - shown_y.min()
    canvas = np.zeros((shown_y.max() + 1, shown_x.max() + 1, 3), np.uint8)
    canvas[shown_y, shown_x] = picture
    return "".join(corner_colours(canvas))


def test_the_shape_of_pixels_is_kept(tmp_path: Path) -> None:
    aspect = Fraction(64, 45)
    path = make_clip(tmp_path / "v.mp4", EIGHT, sample_aspect_ratio=aspect)
    with VideoSource(path) as source:
        assert source.info.pixel_aspect == aspect
    turned = make_clip(
        tmp_path / "t.mp4", EIGHT, sample_aspect_ratio=aspect, rotation=(90, False, False)
    )
    with VideoSource(turned) as source:
        assert source.info.pixel_aspect == 1 / aspect


@pytest.mark.parametrize("matrix", [1, 5])
@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv420p10le"])
def test_colours_come_back(tmp_path: Path, matrix: int, full_range: bool, pixels: str) -> None:
    path = make_clip(
        tmp_path / "v.mp4",
        [CORNERS] * 2,
        pixels=pixels,
        matrix=matrix,
        full_range=full_range,
        options={"crf": "5"},
    )
    with VideoSource(path) as source:
        frame = next(iter(source))
    difference = np.abs(frame.astype(int) - CORNERS)
    assert difference[8:16, 8:24].max() <= 6
    assert difference[32:40, 40:56].max() <= 6


@pytest.mark.parametrize(("width", "matrix"), [(64, 5), (1280, 1)])
def test_an_unstated_matrix_is_guessed_by_the_size(tmp_path: Path, width: int, matrix: int) -> None:
    red = np.zeros((48, width, 3), np.uint8)
    red[..., 2] = 255
    path = make_clip(
        tmp_path / "v.mp4", [red] * 2, matrix=matrix, stated=False, options={"crf": "5"}
    )
    with VideoSource(path) as source:
        assert np.abs(next(iter(source)).astype(int) - red).max() <= 6


def test_a_matrix_that_nobody_knows_is_guessed() -> None:
    frame = av.VideoFrame.from_ndarray(CORNERS, "bgr24").reformat(
        format="yuv444p", dst_colorspace=5, dst_color_range=1
    )
    frame.colorspace = 3  # reserved
    converted = FrameConverter().to_bgr(frame, (64, 48))
    assert np.abs(converted.astype(int) - CORNERS).max() <= 3


def test_hdr_and_interlaced_videos_are_flagged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame_numbers(make_clip(tmp_path / "hdr.mp4", EIGHT, pixels="yuv420p10le", color_trc=16))
    assert caplog.text.count("HDR (PQ)") == 1
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1"}
    frame_numbers(make_clip(tmp_path / "tv.mp4", EIGHT, options=options))
    assert caplog.text.count("is interlaced") == 1


def test_a_changing_size_is_scaled_to_the_first(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "v.ts"
    first = make_clip(tmp_path / "1.ts", TWENTY, codec="mpeg2video").read_bytes()
    second = [made_frame(number, 80) for number in range(20)]
    path.write_bytes(first + make_clip(tmp_path / "2.ts", second, codec="mpeg2video").read_bytes())
    with VideoSource(path) as source:
        frames = list(source)
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert len(frames) >= 39  # the decoder may drop one where the stream begins anew
    assert caplog.text.count("changes its size") == 1


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
    assert all(frame.flags.c_contiguous and frame.flags.writeable for frame in frames)


def test_large_frames_are_decoded_by_several_threads(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "v.mp4", [made_frame(n, 1920, 1080) for n in range(8)])
    assert frame_numbers(path) == list(range(8))
    with av.open(str(path)) as container:
        Decoder(container, "v")
        assert container.streams.video[0].thread_type.name == "AUTO"


@pytest.mark.parametrize("place", ["start", "end"])
def test_times_beyond_any_video_are_refused(tmp_path: Path, place: str) -> None:
    path = write_video(tmp_path / "a.mp4", 2)
    with pytest.raises(MediaError, match=place):
        VideoSource(path, **{place: 1e18})


@pytest.mark.parametrize("default", [0, 1])
def test_of_two_videos_the_default_one_is_taken(
    tmp_path: Path, default: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("ffv1", rate=25) for _ in range(2)]
        for stream, width in zip(streams, (64, 32), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, 48, "bgr0"
        streams[default].disposition = av.stream.Disposition.default
        for number in range(8):
            for stream, width in zip(streams, (64, 32), strict=True):
                frame = av.VideoFrame.from_ndarray(made_frame(number, width), "bgr24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame.reformat(format="bgr0")))
    with VideoSource(path) as source:
        assert source.info.width_px == (64, 32)[default]
        assert sum(1 for _ in source) == 8
    assert f"holds 2 videos; number {default + 1} is taken" in caplog.text


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    def stream(disposition: av.stream.Disposition) -> SimpleNamespace:
        return SimpleNamespace(disposition=disposition, codec_context=object())

    cover, film = (stream(av.stream.Disposition[name]) for name in ("attached_pic", "default"))
    container: Any = SimpleNamespace(streams=SimpleNamespace(video=[cover, film]))
    assert video_stream(container, "v.mp4") is film
    container.streams.video = [cover]
    with pytest.raises(MediaError, match="it holds no video"):
        video_stream(container, "v.mp4")


@pytest.mark.parametrize(
    "name",
    [
        *("concat:a.avi|a.avi", "concatf:list.txt", "subfile:,,start,0,end,0,,:a.avi", "fd:0"),
        *("crypto:a.avi", "crypto+file:a.avi", "file:a.avi", "cache:a.avi", "async:a.avi"),
        *("data:video/avi,x", "pipe:0", "lavfi:testsrc", "hls+file:a.m3u8", "unix:a.avi", "md5:a"),
        *("concat://a.avi", "subfile://a.avi", "crypto://a.avi", "file:///a.avi", "FILE:///a.avi"),
        *("hls+http://127.0.0.1/a", "sftp://127.0.0.1/a", "gopher://127.0.0.1/a"),
    ],
)
def test_a_name_opens_nothing_but_the_file_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with VideoSink(tmp_path / "a.avi", VideoInfo(16, 16, 25, None)) as sink:
        sink.write(np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "list.txt").write_text("file a.avi\n")
    with pytest.raises(MediaError):
        VideoSource(name)


@pytest.mark.parametrize("suffix", [".gif", ".h264", ".mjpeg", ".nut", ".mp4", ".mkv", ".ts"])
def test_a_giant_of_holes_is_refused_at_once(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MediaError, match="nothing but zeros"):
        VideoSource(path)
