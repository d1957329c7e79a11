"""Videos play in a real browser; skipped where there is none."""

from __future__ import annotations

import functools
import http.server
import queue
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_clips import made_frame, make_clip

from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Seeks to 0.5 s and tells the server what it sees there. From a blob, since Python's server knows
# no ranges, without which browsers don't seek.
PAGE = """<video muted></video><script>
const v = document.querySelector("video");
const tell = text => fetch("/told?" + encodeURIComponent(text));
v.onerror = () => tell("error " + v.error.message);
v.onloadeddata = () => {{ v.requestVideoFrameCallback(see); v.currentTime = 0.5; }};
function see(_, shown) {{
  if (shown.mediaTime < 0.3) {{ v.requestVideoFrameCallback(see); return; }}
  const c = document.createElement("canvas"), x = c.getContext("2d");
  c.width = v.videoWidth; c.height = v.videoHeight;
  x.drawImage(v, 0, 0);
  tell([v.duration.toFixed(1), c.width, c.height, x.getImageData(50, 50, 1, 1).data[0]].join(" "));
}}
fetch("{name}").then(r => r.blob()).then(b => {{ v.src = URL.createObjectURL(b); }});
</script>"""


class Telling(http.server.SimpleHTTPRequestHandler):
    """Serves files, and keeps what pages tell."""

    told: queue.Queue[str] = queue.Queue()

    def do_GET(self) -> None:
        if self.path.startswith("/told?"):
            self.told.put(urllib.parse.unquote(self.path[6:]))
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of the test's folder."""
    handler = functools.partial(Telling, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", "162 122"), (".webm", "161 121")])
def test_a_video_plays_and_can_be_sought(
    tmp_path: Path, address: str, suffix: str, size: str
) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("NO BROWSER: install chromium to test that videos play in one")
    frames = [made_frame(number, 161, 121) for number in range(25)]
    source = make_clip(tmp_path / "s.mkv", frames, codec="ffv1", tone_s=1, sound_codec="pcm_s16le")
    with VideoSource(source) as read, VideoSink(tmp_path / f"v{suffix}", read.info, read) as sink:
        for frame in read.iter_timed():
            sink.write(frame.frame_bgr, frame.time)
    (tmp_path / "page.html").write_text(PAGE.format(name=sink.path.name))
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", profile]
    with subprocess.Popen(
        [*command, "--remote-debugging-port=0", f"{address}/page.html"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            told = Telling.told.get(timeout=50)
        finally:
            process.terminate()
    *shape, grey = told.split()
    assert " ".join(shape) == f"1.0 {size}"
    # The frame at 0.5 s is the twelfth or thirteenth.
    assert int(grey) == pytest.approx(130, abs=10)
