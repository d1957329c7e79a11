"""Files behind URLs: a real S3 server of moto's, and HTTP; secrets that are never shown."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import fake_work, make_video
from pyarrow import parquet
from test_job import run

from vssn.errors import MediaError
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


def test_a_job_reads_from_s3_and_writes_there(bucket: str, tmp_path: Path) -> None:
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
    table = parquet.read_table(f"{bucket[5:]}/out/records", filesystem=_filesystem())
    assert len(table) == 30
    assert set(table["video"].to_pylist()) == {"drive0", "drive1"}


def _filesystem() -> object:
    import s3fs

    return s3fs.S3FileSystem()


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


def test_a_source_behind_http(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    clip = make_video(tmp_path / "web/drive.mp4", 15)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(clip.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        done, _ = run(
            fake_work(tmp_path / "out"),
            [f"{url}/drive.mp4?signature={SECRET}", f"{url}/none.mp4?signature={SECRET}"],
        )
    finally:
        server.shutdown()
    assert done.joined == 1
    (failure,) = done.failures
    assert SECRET not in failure.error
    assert SECRET not in failure.source
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()


def test_a_place_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MediaError, match=r"pip install vssn\[ray\]"):
        Place("s3://bucket")
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
