"""Everything that a source may be, besides a video file."""

from __future__ import annotations

import contextlib
import http.server
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_clips import made_frame, make_clip

from vssn.data.clips import iter_clip
from vssn.errors import MediaError
from vssn.media.containers import printable_url
from vssn.media.video import VideoSource

COUNT = 12


def number_of(frame: np.ndarray) -> int:
    return round((float(frame.mean()) - 5) / 10)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Twelve numbered images without leading zeros, with what else folders hold."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(1, COUNT + 1):
        cv2.imwrite(str(folder / f"{number}.png"), made_frame(number))
    (folder / "._1.png").write_bytes(b"what a Mac leaves")
    (folder / "notes.txt").write_text("no image")
    return folder


def test_a_folder_is_read_in_natural_order(images: Path) -> None:
    with VideoSource(images) as source:
        assert [number_of(frame) for frame in source] == list(range(1, COUNT + 1))
        assert (source.info.width_px, source.info.height_px, source.info.fps) == (64, 48, 25)
        assert source.info.total_frames == COUNT
    assert [number_of(frame) for frame in iter_clip(images)] == list(range(1, COUNT + 1))


def test_a_glob_is_read_in_natural_order(images: Path) -> None:
    with VideoSource(images / "1*.png") as source:
        assert [number_of(frame) for frame in source] == [1, 10, 11, 12]


def test_a_list_is_read_in_its_own_order(images: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("frames/7.png\n\nframes/3.png\r\n")
    with VideoSource(tmp_path / "list.txt", image_fps=10) as source:
        frames = list(source.iter_timed())
    assert [(number_of(f.frame_bgr), f.time) for f in frames] == [(7, 0), (3, Fraction(1, 10))]


def test_an_image_that_can_not_be_read_is_left_out(
    images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (images / "1.png").write_bytes(b"x")
    (images / "5.png").write_bytes(b"x")
    with VideoSource(images) as source:
        frames = list(source.iter_timed())
        assert source.lost_frames == 2
    assert [number_of(f.frame_bgr) for f in frames] == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert [f.time * 25 for f in frames] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11]
    assert "5.png" in caplog.text


def test_an_image_of_another_size_is_refused(images: Path) -> None:
    cv2.imwrite(str(images / "4.png"), made_frame(4, 80))
    with VideoSource(images) as source, pytest.raises(MediaError, match=r"4\.png' of 80x48 px"):
        list(source)


@pytest.mark.parametrize("content", ["", "\n", "no image\n", "frames/1.png\nframes/1.mp4\n"])
def test_what_is_no_list_of_images_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(MediaError, match=r"list\.txt"):
        VideoSource(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("selected", "numbers"),
    [
        ({"start": 0.2}, range(5, COUNT)),
        ({"end": 0.2}, range(5)),
        ({"start": 0.1, "end": 0.3}, range(3, 8)),
        ({"stride": 5}, [0, 5, 10]),
        ({"max_frames": 4}, range(4)),
        ({"start": 0.08, "stride": 3, "max_frames": 2}, [2, 5]),
    ],
)
@pytest.mark.parametrize("kind", ["folder", "mp4", "mkv", "avi"])
def test_parts_of_a_source(
    tmp_path: Path, images: Path, kind: str, selected: dict[str, float], numbers: range
) -> None:
    source = images
    if kind != "folder":
        frames = [made_frame(number + 1) for number in range(COUNT)]
        source = make_clip(tmp_path / f"v.{kind}", frames, options={"g": "4", "crf": "5"})
    with VideoSource(source, **selected) as video:  # type: ignore[arg-type]
        read = list(video.iter_timed())
        assert not video.truncated
    assert [number_of(f.frame_bgr) - 1 for f in read] == list(numbers)
    assert [float(f.time * 25) for f in read] == pytest.approx(list(numbers), abs=0.02)
    assert [f.index for f in read] == list(range(len(read)))
    assert video.info.fps == 25 / selected.get("stride", 1)
    if kind != "mkv":
        assert video.info.total_frames == len(read)


@pytest.mark.parametrize(
    ("selected", "named"),
    [
        ({"start": -1}, "start=-1"),
        ({"start": float("nan")}, "start=nan"),
        ({"start": 2, "end": 1}, "end=1"),
        ({"stride": 0}, "stride=0"),
        ({"max_frames": 0}, "max_frames=0"),
        ({"image_fps": 0}, "image_fps=0"),
    ],
)
def test_impossible_parts_are_refused(images: Path, selected: dict[str, float], named: str) -> None:
    with pytest.raises(MediaError, match=named):
        VideoSource(images, **selected)  # type: ignore[arg-type]


def test_a_missing_camera_is_refused_in_one_line() -> None:
    for camera in (63, "63", "/dev/video63"):
        with pytest.raises(MediaError, match="camera 63") as caught:
            VideoSource(camera)
        assert "\n" not in str(caught.value)


@contextlib.contextmanager
def served(answer: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server on this machine; yields its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_file_behind_a_url_is_read(tmp_path: Path) -> None:
    content = make_clip(tmp_path / "v.mp4", [made_frame(n) for n in range(8)]).read_bytes()

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    with served(answer) as url, VideoSource(f"{url}/v.mp4") as source:
        assert sum(1 for _ in source) == 8
        assert not source.truncated
        assert source.sound is None


def test_a_stream_that_breaks_off_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    frames = [made_frame(n) for n in range(20)]
    content = make_clip(tmp_path / "v.ts", frames, codec="mpeg2video").read_bytes()
    monkeypatch.setattr("vssn.media.live.BACK_OFF_S", (0.01, 0.02))
    answers = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        answers.append(1)
        # The second attempt fails, the third gives the stream again, and then it is over.
        if len(answers) not in (1, 3):
            handler.send_error(503)
            return
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content)

    with served(answer) as url, VideoSource(f"{url}/live.ts") as source:
        read = list(source.iter_timed())
        assert source.truncated
    assert len(read) == 40
    times = [frame.time for frame in read]
    assert times == sorted(set(times))
    assert caplog.text.count("trying again") == 4
    assert "did not come back" in caplog.text


@pytest.mark.parametrize("ranges", [False, True])
@pytest.mark.parametrize("comes_back", [False, True])
def test_a_download_that_breaks_off_goes_on_where_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    comes_back: bool,
    ranges: bool,
) -> None:
    noise = np.random.default_rng(0).integers(0, 9, (240, 320, 3), np.uint8)
    frames = [made_frame(n, 320, 240) + np.roll(noise, n) for n in range(20)]
    path = make_clip(tmp_path / "v.mkv", frames, options={"g": "5", "bf": "0"})
    content = path.read_bytes()
    monkeypatch.setattr("vssn.media.live.BACK_OFF_S", (0.01, 0.01, 0.01))
    begun = []

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if ranges else None
        start = int(asked[1]) if asked else 0
        begun.append(start)
        handler.send_response(206 if asked else 200)
        handler.send_header("Content-Length", str(len(content) - start))
        if asked:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.end_headers()
        whole = comes_back and len(begun) > 3
        handler.wfile.write(content[start : None if whole else len(content) * 6 // 10])

    with served(answer) as url, VideoSource(f"{url}/v.mkv") as source:
        read = [(frame.time, round(frame.frame_bgr.mean() / 10)) for frame in source.iter_timed()]
        assert source.truncated != comes_back
    count = 20 if comes_back else len(read)
    assert 5 < count <= 20
    assert [time for time, _ in read] == [Fraction(n, 25) for n in range(count)]
    assert len({grey for _, grey in read}) == count
    assert ("did not come back" in caplog.text) != comes_back


def test_a_url_that_hangs_is_given_up_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vssn.media.containers.OPEN_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        for scheme in ("http", "rtsp"):
            url = f"{scheme}://user:secret@127.0.0.1:{silent.getsockname()[1]}/x"
            with pytest.raises(MediaError, match=r"no answer within 0\.5 s") as caught:
                VideoSource(url)
            assert "secret" not in str(caught.value)
            assert f"{scheme}://127.0.0.1" in str(caught.value)
        assert time.monotonic() - begun < 5


def test_a_url_where_nobody_listens_is_refused_as_it_was_given() -> None:
    with pytest.raises(MediaError, match=r"rtsp://127\.0\.0\.1:1/x"):
        VideoSource("rtsp://127.0.0.1:1/x")


def test_a_playlist_behind_a_url_opens_no_local_file(tmp_path: Path) -> None:
    secret = make_clip(tmp_path / "secret.ts", [made_frame(1)] * 20, codec="mpeg2video")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"

    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(playlist.encode())

    with served(answer) as url, pytest.raises(MediaError):
        VideoSource(f"{url}/v.m3u8")


def test_passwords_are_not_shown() -> None:
    assert printable_url("rtsp://a:b@host:554/x@y") == "rtsp://host:554/x@y"
    assert printable_url("v.mp4") == "v.mp4"


def test_one_image_is_a_source_of_one_frame(images: Path) -> None:
    with VideoSource(images / "7.png") as source:
        assert source.info.total_frames == 1
        assert [number_of(frame) for frame in source] == [7]


def test_several_images_are_a_source_in_their_own_order(images: Path) -> None:
    paths = [images / "10.png", images / "2.png"]
    with VideoSource(paths) as source:
        assert source.name == str(images)
        assert [number_of(frame) for frame in source] == [10, 2]
    with pytest.raises(MediaError, match="at least one image"):
        VideoSource([])


def test_an_animated_image_is_a_video(tmp_path: Path) -> None:
    frames = [made_frame(number) for number in range(8)]
    path = make_clip(tmp_path / "v.apng", frames, codec="apng", pixels="rgb24")
    with VideoSource(path.rename(tmp_path / "v.png")) as source:
        assert sum(1 for _ in source) == 8


@pytest.mark.parametrize("kind", ["folder", "mp4"])
def test_a_start_beyond_the_end_is_said(images: Path, tmp_path: Path, kind: str) -> None:
    path = images
    if kind == "mp4":
        path = make_clip(tmp_path / "v.mp4", [made_frame(number) for number in range(12)])
    with VideoSource(path, start=5) as source, pytest.raises(MediaError, match=r"start=5\.0"):
        list(source)
    with VideoSource(path, start=0.2, end=5) as source:
        assert len(list(source)) == 7
