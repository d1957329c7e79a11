"""Files behind URLs: a real S3 server of moto's, and HTTP; secrets that are never shown."""

from __future__ import annotations

import functools
import http.server
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import fake_work, make_video
from fsspec.core import url_to_fs
from pyarrow import parquet
from test_job import run

from vssn.errors import MediaError
from vssn.fleet import places
from vssn.fleet.places import Place, matches, shown, without_secrets
from vssn.fleet.sources import SourceCache

SECRET = "very-secret-value"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Moto's S3 server, on this machine."""
    moto = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    threaded = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    threaded.start()
    host, port = threaded.get_host_and_port()
    yield f"http://{host}:{port}"
    threaded.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's URL; endpoint and credentials stand in the environment alone."""
    import boto3
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "an-access-key-id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket{len(boto3.client('s3').list_buckets()['Buckets'])}"
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


@pytest.fixture
def gs_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket's URL at an emulator of Google's storage."""
    emulator = pytest.importorskip("gcp_storage_emulator.server")
    gcsfs = pytest.importorskip("gcsfs")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True, default_bucket="bucket")
    server.start()
    port = server._api._httpd.server_address[1]
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "project")
    gcsfs.GCSFileSystem.clear_instance_cache()
    yield "gs://bucket"
    server.stop()


@pytest.mark.parametrize("system", ["bucket", "gs_bucket"])
def test_a_job_reads_from_a_bucket_and_writes_there(
    request: pytest.FixtureRequest, tmp_path: Path, system: str
) -> None:
    bucket: str = request.getfixturevalue(system)
    place = Place(f"{bucket}/drives")
    for number in range(2):
        clip = make_video(tmp_path / f"drive{number}.mp4", 15, 5 * number)
        place.write(clip.name, clip.read_bytes())
    work = fake_work(f"{bucket}/out")
    done, _ = run(work, [f"{bucket}/drives/*.mp4"])
    assert (done.place, done.joined, done.chunks) == (f"{bucket}/out", 2, 4)
    out = Place(f"{bucket}/out")
    assert {"drive0.mp4", "drive1.mp4", "manifest.parquet", "records"} <= out.names()
    here = fake_work(tmp_path / "here")
    run(here, [tmp_path / "drive0.mp4", tmp_path / "drive1.mp4"])
    with out.local("manifest.parquet") as path:
        there = parquet.read_table(path).column("hash").to_pylist()
    assert there == parquet.read_table(tmp_path / "here/manifest.parquet")["hash"].to_pylist()
    assert out.read("drive0.mp4") == (tmp_path / "here/drive0.mp4").read_bytes()
    again, runner = run(work, [f"{bucket}/drives/*.mp4"], resume=True)
    assert (again.worked, runner.done) == (0, [])
    files, path = url_to_fs(f"{bucket}/out/records")
    table = parquet.read_table(path, filesystem=files)
    assert len(table) == 30
    assert set(table["video"].to_pylist()) == {"drive0", "drive1"}


def test_what_s3_refuses_is_said_in_one_line_without_secrets(bucket: str, tmp_path: Path) -> None:
    clip = make_video(tmp_path / "drive.mp4", 5)
    work = fake_work(tmp_path / "out")
    done, _ = run(work, [f"{bucket}/none.mp4", clip])
    (failure,) = done.failures
    assert f"{bucket}/none.mp4" in failure.error
    assert done.joined == 1
    with pytest.raises(MediaError, match="s3://no-such-bucket/out") as refused:
        Place("s3://no-such-bucket/out").check_writable()
    for text in (failure.error, str(refused.value)):
        assert "\n" not in text
        assert SECRET not in text
        assert "an-access-key-id" not in text


def test_what_a_killed_worker_left_is_removed_by_the_next(bucket: str, tmp_path: Path) -> None:
    Place(bucket).write("a.mp4", b"a")
    Place(bucket).write("b.mp4", b"b")
    killed, other = SourceCache(tmp_path), SourceCache(tmp_path)
    left = Path(killed.fetch(f"{bucket}/a.mp4"))
    used = Path(other.fetch(f"{bucket}/b.mp4"))
    with pytest.raises(MediaError):
        other.fetch(f"{bucket}/none.mp4")
    assert not list(tmp_path.rglob("*.part"))
    other.fetch(f"{bucket}/b.mp4")
    assert killed._held is not None
    os.close(killed._held[0])  # as the end of its process does
    SourceCache(tmp_path).fetch(f"{bucket}/b.mp4")
    assert not left.exists()
    assert used.exists()


def test_a_copy_stays_as_long_as_somebody_needs_it(bucket: str, tmp_path: Path) -> None:
    Place(bucket).write("a.mp4", b"a")
    Place(bucket).write("b.mp4", b"b")
    one, other = SourceCache(tmp_path), SourceCache(tmp_path)
    first = Path(one.fetch(f"{bucket}/a.mp4"))
    assert Path(other.fetch(f"{bucket}/a.mp4")) == first
    one.fetch(f"{bucket}/b.mp4")
    assert first.read_bytes() == b"a"
    other.release()
    assert not first.exists()


class _Ranges(http.server.SimpleHTTPRequestHandler):
    """Answers for parts of files as well, and ends in the middle of one that is called cut."""

    def do_GET(self) -> None:
        content = Path(self.directory, self.path.strip("/")).read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        start, end = (int(asked[1]), int(asked[2] or 10**9) + 1) if asked else (0, None)
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content[start:end])))
        if asked:
            last = start + len(content[start:end]) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.end_headers()
        part = content[start:end]
        self.wfile.write(part[: len(part) // 2] if "cut" in self.path else part)


def test_a_copy_that_breaks_off_is_no_short_video(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    clip = make_video(tmp_path / "web/drive.mp4", 15)
    (tmp_path / "web/cut.mp4").write_bytes(clip.read_bytes())
    with _served(_Ranges, clip.parent) as url:
        done, _ = run(fake_work(tmp_path / "out"), [f"{url}/cut.mp4", f"{url}/drive.mp4"])
    assert (done.joined, done.frames, done.truncated) == (1, 15, ())
    (failure,) = done.failures
    assert failure.source == f"{url}/cut.mp4"
    assert "\n" not in failure.error


@contextmanager
def _served(handler: type[http.server.SimpleHTTPRequestHandler], folder: Path) -> Iterator[str]:
    """A folder behind HTTP on this machine."""
    made = functools.partial(handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), made)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_source_behind_http(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    clip = make_video(tmp_path / "web/drive.mp4", 15)
    with _served(http.server.SimpleHTTPRequestHandler, clip.parent) as url:
        done, _ = run(
            fake_work(tmp_path / "out"),
            [f"{url}/drive.mp4?signature={SECRET}", f"{url}/none.mp4?signature={SECRET}"],
        )
    assert done.joined == 1
    (failure,) = done.failures
    assert SECRET not in failure.error
    assert SECRET not in failure.source
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_place_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as missing:
        missing.setitem(sys.modules, "fsspec", None)
        with pytest.raises(MediaError, match=r"pip install vssn\[ray\]"):
            Place("s3://bucket")
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    known = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(known, "gs", raising=False)  # where a test before used it
    with pytest.raises(MediaError, match=r"'gs://bucket/out': .*pip install gcsfs$"):
        Place("gs://bucket/out")
    with pytest.raises(MediaError, match="s3:// or https://"):
        Place("rtsp://camera")


def test_what_is_not_there_is_told_apart_from_what_fails(tmp_path: Path) -> None:
    place = Place(tmp_path / "folder")
    assert (place.size("a"), place.names()) == (None, set())
    place.write("b/a", b"abc")
    assert (place.size("b/a"), place.names()) == (3, {"b"})
    place.remove("b")
    place.remove("b")
    assert place.names() == set()
    with pytest.raises(MediaError, match="No such file"):
        place.read("b/a")


def test_a_pattern_that_names_nothing(bucket: str) -> None:
    with pytest.raises(MediaError, match=r"pattern 's3://.*/\*\.mp4'"):
        matches(f"{bucket}/*.mp4")


def test_secrets_are_cut_out_of_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-value")
    text = without_secrets("token-value at https://user:pw@host/a.mp4?X-Signature=abc refused")
    assert text == "*** at https://host/a.mp4 refused"
    assert shown("s3://bucket/a b.mp4") == "s3://bucket/a b.mp4"


@pytest.mark.parametrize(
    "url",
    [
        *("memory://a::file:///etc/passwd", "s3://bucket::file:///etc/passwd", "zip://a::file://b"),
        *(
            "http://host/a::file:///etc/passwd",
            "simplecache::memory://a",
            "ssh://host/a",
            "dir://a",
        ),
    ],
)
def test_a_file_system_is_not_read_through_another(url: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        Place(url).download("", tmp_path / "copy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "giant", "loop"])
def test_what_is_no_file_is_not_read_or_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "a"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "giant":
        path.write_bytes(bytes(100))
        monkeypatch.setattr(places, "MAX_READ_BYTES", 99)
        monkeypatch.setattr(places, "MAX_DOWNLOAD_BYTES", 99)
    else:
        path.symlink_to({"device": "/dev/zero", "loop": "a"}[kind])
    for place, name in ((Place(tmp_path), "a"), (Place(f"file://{tmp_path}"), "a")):
        with pytest.raises(MediaError):
            place.read(name)
        with pytest.raises(MediaError):
            place.download(name, tmp_path / "copy")
        with pytest.raises(MediaError), place.local(name):
            pass
    assert not (tmp_path / "copy").exists()


def test_a_remote_file_that_is_too_large_is_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place("memory://large")
    place.write("a", bytes(100))
    monkeypatch.setattr(places, "MAX_READ_BYTES", 99)
    monkeypatch.setattr(places, "MAX_DOWNLOAD_BYTES", 99)
    with pytest.raises(MediaError, match="more than 99"):
        place.read("a")
    with pytest.raises(MediaError, match="more than 99"):
        place.download("a", tmp_path / "copy")
