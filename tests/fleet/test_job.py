"""Jobs in one process: joined results, resumption, failures, files that go missing."""

from __future__ import annotations

import errno
import hashlib
import os
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import CHUNK_S, InThisProcess, fake_work, make_video, single
from made_clips import make_clip, sound_packets
from pyarrow import parquet

import vssn
from vssn.errors import MediaError
from vssn.fleet.job import FleetRun, Job
from vssn.fleet.places import Place, told
from vssn.fleet.report import report_page
from vssn.fleet.video_work import VideoWork
from vssn.fleet.videos import inputs_of, open_manifest

Row = dict[str, Any]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three videos of 2.5 s."""
    folder = tmp_path_factory.mktemp("clips")
    return [make_video(folder / f"drive{n}.mp4", first=7 * n) for n in range(3)]


def run(
    work: VideoWork,
    sources: list[Path | str],
    *,
    resume: bool = False,
    stop_after: int | None = None,
) -> tuple[FleetRun, InThisProcess]:
    """Do a job in this process."""
    manifest = open_manifest(work, inputs_of(sources), resume)
    runner = InThisProcess(work, stop_after)
    job = Job(manifest, work.place)
    job.run(runner)
    return job.result(1.0), runner


def manifest_rows(folder: Path) -> list[Row]:
    rows: list[Row] = parquet.read_table(folder / "manifest.parquet").to_pylist()
    return rows


def without_times(rows: list[Row]) -> list[Row]:
    return [{k: v for k, v in row.items() if k not in ("stage_s", "chunk")} for row in rows]


def records(path: Path) -> list[Row]:
    return without_times(parquet.ParquetFile(path).read().to_pylist())


def pictures(path: Path) -> list[tuple[Fraction, np.ndarray]]:
    with vssn.VideoSource(path) as source:
        return [(frame.time, frame.frame_bgr) for frame in source.iter_timed()]


def test_joined_results_equal_those_of_one_process(tmp_path: Path, clips: list[Path]) -> None:
    done, _ = run(fake_work(tmp_path / "out"), [*clips])
    assert (done.joined, done.chunks, done.worked, done.frames) == (3, 9, 9, 75)
    rows = manifest_rows(tmp_path / "out")
    assert [row["status"] for row in rows] == ["joined"] * 9
    for clip in clips:
        labels = single(clip, tmp_path / f"single-{clip.name}", tmp_path / "single.parquet")
        chunks = [row for row in rows if row["video"] == clip.stem]
        hashes = []
        for first, after in ((0, 10), (10, 20), (20, 25)):
            digest = hashlib.sha256()
            for content in labels[first:after]:
                digest.update(b"48,64;" + content)
            hashes.append(digest.hexdigest())
        assert [row["hash"] for row in chunks] == hashes
        made = tmp_path / f"out/records/video={clip.stem}/part-0.parquet"
        assert records(made) == records(tmp_path / "single.parquet")
        joined, whole = (
            pictures(tmp_path / "out" / clip.name),
            pictures(tmp_path / f"single-{clip.name}"),
        )
        assert [time for time, _ in joined] == [time for time, _ in whole]
        assert len(joined) == 25
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*(clip.name for clip in clips), "manifest.parquet", "records"]
    )
    assert not (tmp_path / "out/chunks").exists()


def test_frames_of_an_avi_are_those_of_one_process_to_the_bit(
    tmp_path: Path, clips: list[Path]
) -> None:
    work = fake_work(tmp_path / "out")
    given = replace(inputs_of([clips[0]])[0], name="drive0.avi")
    job = Job(open_manifest(work, [given], False), work.place)
    job.run(InThisProcess(work))
    single(clips[0], tmp_path / "single.avi", tmp_path / "single.parquet")
    joined, whole = pictures(tmp_path / "out/drive0.avi"), pictures(tmp_path / "single.avi")
    assert [time for time, _ in joined] == [time for time, _ in whole]
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(joined, whole, strict=True))


@pytest.mark.parametrize("selected", [{"stride": 3}, {"start": 0.35, "end": 1.9}])
def test_a_part_of_a_source_too(
    tmp_path: Path, clips: list[Path], selected: dict[str, Any]
) -> None:
    run(fake_work(tmp_path / "out", selected=selected), [clips[0]])
    single(clips[0], tmp_path / "single.mp4", tmp_path / "single.parquet", **selected)
    made = tmp_path / "out/records/video=drive0/part-0.parquet"
    assert records(made) == records(tmp_path / "single.parquet")
    joined, whole = pictures(tmp_path / "out/drive0.mp4"), pictures(tmp_path / "single.mp4")
    assert [time for time, _ in joined] == [time for time, _ in whole]


def test_the_sound_comes_along(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), n, np.uint8) for n in range(60)]
    clip = make_clip(tmp_path / "loud.mp4", frames, tone_s=2.4)
    run(fake_work(tmp_path / "out"), [clip])
    assert sound_packets(tmp_path / "out/loud.mp4") == sound_packets(clip)


def test_a_second_call_does_only_what_is_missing(tmp_path: Path, clips: list[Path]) -> None:
    work = fake_work(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(work, [*clips], stop_after=6)
    before = {(row["video"], row["chunk"]): row for row in manifest_rows(tmp_path / "out")}
    finished = {key for key, row in before.items() if row["status"] in ("done", "joined")}
    assert 0 < len(finished) < 9
    done, runner = run(work, [*clips], resume=True)
    asked = {(f"drive{number}", chunk) for number, chunk in runner.chunks()}
    assert asked & finished == set()
    assert (done.joined, done.worked) == (3, 9 - len(finished))
    assert [row["attempt"] for row in manifest_rows(tmp_path / "out")] == [1] * 9
    again, runner = run(work, [*clips], resume=True)
    assert (again.worked, runner.done) == (0, [])


def test_nothing_is_done_twice_where_the_manifest_was_lost(
    tmp_path: Path, clips: list[Path]
) -> None:
    work = fake_work(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(work, [*clips], stop_after=3)
    (tmp_path / "out/manifest.parquet").unlink()
    done, _ = run(work, [*clips], resume=True)
    assert (done.joined, done.worked) == (3, 9 - 2)


def test_a_result_that_was_removed_is_made_again(tmp_path: Path, clips: list[Path]) -> None:
    work = fake_work(tmp_path / "out")
    run(work, [*clips])
    (tmp_path / "out/drive1.mp4").unlink()
    done, runner = run(work, [*clips], resume=True)
    assert done.joined == 3
    assert {number for number, _ in runner.chunks()} == {1}
    assert len(pictures(tmp_path / "out/drive1.mp4")) == 25


def test_more_sources_may_join_a_job(tmp_path: Path, clips: list[Path]) -> None:
    work = fake_work(tmp_path / "out")
    run(work, [clips[0]])
    done, _ = run(work, [clips[2], *clips[:2]], resume=True)
    assert (done.joined, done.worked) == (3, 6)


def test_a_call_with_fewer_sources_forgets_nothing(tmp_path: Path, clips: list[Path]) -> None:
    work = fake_work(tmp_path / "out")
    run(work, [*clips])
    fewer, _ = run(work, [clips[1]], resume=True)
    assert (fewer.inputs, fewer.joined, fewer.chunks, fewer.worked) == (1, 1, 3, 0)
    assert len(manifest_rows(tmp_path / "out")) == 9
    all_again, runner = run(work, [*clips], resume=True)
    assert (all_again.joined, all_again.worked, runner.done) == (3, 0, [])


def test_a_call_with_fewer_sources_keeps_the_chunks_of_others(
    tmp_path: Path, clips: list[Path]
) -> None:
    work = fake_work(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(work, [*clips], stop_after=3)  # a plan and two chunks of the first
    fewer, _ = run(work, [clips[1]], resume=True)
    assert (fewer.joined, fewer.worked) == (1, 3)
    rest, runner = run(work, [*clips], resume=True)
    assert (rest.joined, rest.worked) == (3, 9 - 3 - 2)
    assert (0, 0) not in runner.chunks()
    assert not (tmp_path / "out/chunks").exists()


def test_other_settings_are_another_job(tmp_path: Path, clips: list[Path]) -> None:
    run(fake_work(tmp_path / "out"), [clips[0]])
    with pytest.raises(MediaError, match="of a job with other settings"):
        run(fake_work(tmp_path / "out", job="other"), [clips[0]], resume=True)
    done, _ = run(fake_work(tmp_path / "out", job="other"), [clips[0]])
    assert done.worked == 3


def test_a_damaged_manifest_is_refused_in_one_line(tmp_path: Path, clips: list[Path]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/manifest.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(MediaError, match=r"manifest .*damaged"):
        run(fake_work(tmp_path / "out"), [clips[0]], resume=True)


def test_a_bad_input_fails_alone_after_two_attempts(tmp_path: Path, clips: list[Path]) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    work = fake_work(tmp_path / "out")
    done, _ = run(work, [bad, *clips])
    assert (done.inputs, done.joined) == (4, 3)
    assert [failure.source for failure in done.failures] == [str(bad)]
    assert "\n" not in done.failures[0].error
    (row,) = (row for row in manifest_rows(tmp_path / "out") if row["status"] == "failed")
    assert (row["video"], row["chunk"], row["attempt"]) == ("bad", None, 2)
    assert row["error"] == done.failures[0].error
    make_video(bad)
    again, _ = run(work, [bad, *clips], resume=True)
    assert (again.joined, again.worked, again.failures) == (4, 3, ())


def test_a_chunk_that_changed_is_done_again(tmp_path: Path, clips: list[Path]) -> None:
    work = fake_work(tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(work, [clips[0]], stop_after=3)
    (chunk,) = (tmp_path / "out/chunks").rglob("000001.mp4")
    chunk.write_bytes(chunk.read_bytes() + b"more")
    done, _ = run(work, [clips[0]], resume=True)
    assert (done.joined, done.failures) == (1, ())
    assert len(pictures(tmp_path / "out/drive0.mp4")) == 25


def test_a_source_that_is_cut_short_is_named(tmp_path: Path, clips: list[Path]) -> None:
    whole = make_clip(
        tmp_path / "whole.mkv", [np.full((48, 64, 3), n, np.uint8) for n in range(100)]
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    done, _ = run(fake_work(tmp_path / "out"), [cut, clips[0]])
    assert done.truncated == (str(cut),)
    assert done.joined == 2
    assert 0 < len(pictures(tmp_path / "out/cut.mp4")) < 100


class _FullDisk:
    """Refuses to write chunks for some times, as a disk without space does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        self._write = Place.write
        monkeypatch.setattr(Place, "write", lambda *given: self.write(*given))

    def write(self, place: Place, name: str, content: bytes) -> None:
        if name.startswith("chunks/") and self.left:
            self.left -= 1
            error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            with told("output", place.name_of(name)):
                raise error
        self._write(place, name, content)


def test_a_chunk_that_met_a_full_disk_is_done_elsewhere(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _FullDisk(monkeypatch, 3)  # more than a chunk that is at fault itself may be tried
    done, runner = run(fake_work(tmp_path / "out"), [clips[0]])
    assert (done.joined, done.worked, done.failures) == (1, 3, ())
    assert len(runner.chunks()) == 3 + 3


def test_a_job_ends_where_every_disk_is_full(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _FullDisk(monkeypatch, 10**9)
    work = fake_work(tmp_path / "out")
    with pytest.raises(vssn.VssnError, match=r"No space left.*8 times in a row") as ended:
        run(work, [*clips])
    assert "resume" in str(ended.value)
    assert {row["status"] for row in manifest_rows(tmp_path / "out")} == {"waiting"}
    disk.left = 0
    done, _ = run(work, [*clips], resume=True)
    assert (done.joined, done.worked) == (3, 9)


def test_the_report_names_what_was_slow_and_what_failed(tmp_path: Path, clips: list[Path]) -> None:
    bad = tmp_path / "<b>ad.mp4"
    bad.write_bytes(b"no video")
    work = fake_work(tmp_path / "out")
    manifest = open_manifest(work, inputs_of([bad, *clips]), False)
    job = Job(manifest, work.place)
    job.run(InThisProcess(work))
    manifest.rows["seconds"] = 1.0
    manifest.rows["seconds"][4] = 50.0
    now = float(manifest.rows["finished"].max()) + 1
    page = report_page(job.result(60.0), manifest, now)
    assert "3 of 4" in page
    assert "&lt;b&gt;ad.mp4" in page
    assert "<b>ad" not in page
    assert "Stragglers" in page
    straggler = page[page.index("Stragglers") : page.index("Slowest videos")]
    assert straggler.count("<tr>") == 2  # its head and one chunk
    assert "polyline" in page


def test_endless_sources_are_refused() -> None:
    for source in ("-", "0", "rtsp://user:secret@camera/stream"):
        with pytest.raises(vssn.BadInputError) as refused:
            inputs_of([source])
        assert "secret" not in str(refused.value)


def test_a_length_that_nothing_states_makes_one_chunk(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), n, np.uint8) for n in range(50)]
    clip = make_clip(tmp_path / "raw.h264", frames)
    done, _ = run(fake_work(tmp_path / "out"), [clip])
    assert (done.chunks, done.frames) == (1, 50)
    single(clip, tmp_path / "single.mp4", tmp_path / "single.parquet")
    made = tmp_path / "out/records/video=raw/part-0.parquet"
    assert records(made) == records(tmp_path / "single.parquet")
    assert CHUNK_S < 2  # so that one process begins anew within it, and so does the chunk


def test_the_example_of_the_page_runs(
    tmp_path: Path,
    clips: list[Path],
    repo_root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("pandas")
    run(fake_work(tmp_path / "annotated"), [*clips])
    text = (repo_root / "docs/fleet.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docs/fleet.md", "exec"), {})
    said = capsys.readouterr().out
    assert "0.00 hours driven, pedestrians within 10 m in 0 frames" in said
    assert "drive2    0.32" in said
