"""What results are called, and whose they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import fake_work, make_video
from test_job import pictures, run

import vssn
from vssn.errors import MediaError
from vssn.fleet.names import result_names
from vssn.fleet.places import Place
from vssn.fleet.videos import inputs_of


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["a/x.mp4", "b/x.avi"], ["a-x.mp4", "b-x.mp4"]),
        (["x.mp4", "x.avi", "x-2.mp4"], ["x.mp4", "x-2.mp4", "x-2-2.mp4"]),
        (["x-2.mp4", "x.mp4", "x.avi"], ["x-2.mp4", "x.mp4", "x-3.mp4"]),
        (["a/x.mp4", "b/x.mp4", "c/a-x.mp4"], ["a-x.mp4", "b-x.mp4", "a-x-2.mp4"]),
        (["X.mp4", "x.mp4"], ["X.mp4", "x-2.mp4"]),
        (["s3://b/x.mp4?signature=1", "s3://c/x.mp4"], ["b-x.mp4", "c-x.mp4"]),
    ],
)
def test_no_two_results_have_one_name(sources: list[str], names: list[str]) -> None:
    assert result_names(sources) == names


def test_a_source_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = inputs_of(["b.mp4", "a.mp4", "./a.mp4", str(tmp_path / "b.mp4")])
    assert [(each.name, each.source) for each in found] == [
        ("b.mp4", str(tmp_path / "b.mp4")),
        ("a.mp4", str(tmp_path / "a.mp4")),
    ]


def test_no_source_is_refused() -> None:
    with pytest.raises(vssn.BadInputError, match="no source"):
        inputs_of([])


def test_a_result_stays_its_sources(tmp_path: Path) -> None:
    """A later call with another source of the same name must not pass for done."""
    one = make_video(tmp_path / "a/drive.mp4", 15)
    other = make_video(tmp_path / "b/drive.mp4", 12, first=9)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")  # so that what is left of the chunks stays
    work = fake_work(tmp_path / "out")
    run(work, [one, broken])
    before = (tmp_path / "out/drive.mp4").read_bytes()
    with pytest.raises(MediaError, match="an earlier run made of") as refused:
        run(work, [other], resume=True)
    assert str(one) in str(refused.value)
    assert (tmp_path / "out/drive.mp4").read_bytes() == before
    (tmp_path / "out/manifest.parquet").unlink()
    done, _ = run(work, [other], resume=True)
    assert done.worked == 2
    assert len(pictures(tmp_path / "out/drive.mp4")) == 12


def test_two_jobs_in_one_folder_are_refused(tmp_path: Path) -> None:
    refused = pytest.raises(MediaError, match="another run")
    with Place(tmp_path).locked(), refused, Place(tmp_path).locked():
        pass
