"""Jobs on a real Ray cluster of two nodes on this machine, over fake networks."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes import SLOW, InThisProcess, assemble_fakes, fake_work, make_video
from pyarrow import parquet

import vssn
from vssn.cli.main import main
from vssn.fleet import videos
from vssn.fleet.cluster import connected, import_ray
from vssn.fleet.job import FleetRun, Job
from vssn.fleet.pool import _node_cpus
from vssn.fleet.sources import node_folder
from vssn.fleet.videos import inputs_of, open_manifest, run_job

pytest.importorskip("ray")

COUNT = 40
STORE_BYTES = 100 << 20
NODE = {"num_cpus": 1, "object_store_memory": STORE_BYTES}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def started(make: Any) -> Any:
    """The nodes; Ray gives each 30 s to start, which a busy machine may need more than once."""
    made = make()
    try:
        made.add_node(**NODE, include_dashboard=False)
        made.second = made.add_node(**NODE)
    except Exception:  # noqa: BLE001 - Ray raises nothing narrower
        made.shutdown()
        made = make()
        made.add_node(**NODE, include_dashboard=False)
        made.second = made.add_node(**NODE)
    return made


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head and a second node, of one CPU each; workers find the modules of the tests."""
    import_ray()
    import ray
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="vssn-", dir="/tmp")  # sockets need a short path
    here = Path(__file__).parent
    paths = [str(Path(vssn.__file__).parents[1]), str(here), str(here.parent)]
    given = {"PYTHONPATH": os.pathsep.join(paths), SLOW: "0.02", "RAY_TMPDIR": folder}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    made = started(Cluster)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made
    ray.shutdown()
    made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)
    for name, value in before.items():
        os.environ.pop(name)
        if value is not None:
            os.environ[name] = value


def run(
    folder: Path,
    clips: Sequence[str | Path],
    on_chunk: Callable[[int, int], None] = lambda over, known: None,
    *,
    resume: bool = False,
    **changes: Any,
) -> FleetRun:
    """A job on the cluster."""
    work = fake_work(folder, **changes)
    manifest = open_manifest(work, inputs_of([*clips]), resume)
    with connected() as ray:
        return run_job(work, manifest, ray, on_chunk)


def columns(folder: Path, *names: str) -> list[tuple[Any, ...]]:
    """Of the manifest, in the order of video and chunk."""
    rows = parquet.read_table(folder / "manifest.parquet").to_pylist()
    rows.sort(key=lambda row: (row["video"], row["chunk"]))
    return [tuple(row[name] for name in names) for row in rows]


def records(folder: Path) -> list[Any]:
    table = parquet.read_table(folder / "records").drop_columns(["stage_s"])
    rows = table.to_pylist()
    return sorted(rows, key=lambda row: (row["video"], row["frame"]))


class Misfortune:
    """Kills a worker after some chunks, takes a node away after more, and stops the job at last."""

    def __init__(self, cluster: Any, folder: Path) -> None:
        self._cluster = cluster
        self._folder = folder
        self.killed = 0

    def __call__(self, over: int, known: int) -> None:
        if over >= 12 and not self.killed:
            self.killed = self._worker()
            os.kill(self.killed, signal.SIGKILL)
        if over >= 30 and self._cluster.second is not None:
            self._cluster.remove_node(self._cluster.second, allow_graceful=False)
            self._cluster.second = None
        if over >= 50:
            raise KeyboardInterrupt

    def _worker(self) -> int:
        """A process that holds networks."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                title = (process / "cmdline").read_bytes()
                parent = (process / "environ").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::_Worker") and SLOW.encode() in parent:
                return int(process.name)
        raise AssertionError("no worker found")


def test_forty_clips_survive_a_killed_worker_a_lost_node_and_a_stop(
    cluster: Any, tmp_path: Path
) -> None:
    clips = [make_video(tmp_path / f"in/drive{n:02d}.mp4", 14, n) for n in range(COUNT)]
    misfortune = Misfortune(cluster, tmp_path / "out")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "out", clips, misfortune)
    assert misfortune.killed
    assert cluster.second is None
    before = columns(tmp_path / "out", "video", "chunk", "status", "attempt", "finished")
    finished = [row for row in before if row[2] in ("done", "joined")]
    assert 50 <= len(finished) < 2 * COUNT
    done = run(tmp_path / "out", clips, resume=True)
    assert (done.joined, done.chunks, done.failures) == (COUNT, 2 * COUNT, ())
    # At most one chunk had ended without the stopped job hearing of it.
    assert 2 * COUNT - len(finished) - 1 <= done.worked <= 2 * COUNT - len(finished)
    after = columns(tmp_path / "out", "video", "chunk", "attempt", "finished")
    assert {(*row[:2], *row[3:]) for row in finished} <= set(after)
    assert run(tmp_path / "out", clips, resume=True).worked == 0
    work = fake_work(tmp_path / "here")
    job = Job(open_manifest(work, inputs_of([*clips]), False), work.place)
    job.run(InThisProcess(work))
    for names in (("video", "chunk", "hash", "frames", "segmented", "status"),):
        assert columns(tmp_path / "out", *names) == columns(tmp_path / "here", *names)
    assert records(tmp_path / "out") == records(tmp_path / "here")
    for clip in clips:
        ours, theirs = (tmp_path / place / clip.name for place in ("out", "here"))
        assert ours.read_bytes() == theirs.read_bytes()


def test_paths_from_the_current_folder_mean_the_same_to_workers(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "drive.mp4", 5)
    monkeypatch.chdir(tmp_path)  # which the cluster's processes were not started in
    done = run(Path("out"), [Path("drive.mp4")])
    assert (done.joined, done.failures) == (1, ())
    assert {"drive.mp4", "manifest.parquet", "records"} <= set(os.listdir(tmp_path / "out"))


def test_no_copy_of_a_source_is_left(cluster: Any, tmp_path: Path) -> None:
    clip = make_video(tmp_path / f"drive-{os.getpid()}.mp4", 5)
    done = run(tmp_path / "out", [f"file://{clip}"])
    assert (done.joined, done.failures) == (1, ())
    assert [*(node_folder() / "sources").rglob(clip.name)] == []


def dying(config: vssn.SegmenterConfig, weights: object) -> Any:
    """An assembly whose segmenter ends its process at the first frame."""
    assembly = assemble_fakes(config)
    assembly.segmenter.step = lambda frame_bgr: os._exit(1)  # type: ignore[method-assign]
    return assembly


def test_a_chunk_that_kills_its_workers_fails_alone(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vssn.fleet.job.MAX_DEATHS", 2)
    clip = make_video(tmp_path / "drive.mp4", 5)
    done = run(tmp_path / "out", [clip], make=dying)
    assert [failure.error for failure in done.failures] == ["the worker died"]
    assert columns(tmp_path / "out", "status", "attempt") == [("failed", 2)]


def test_a_worker_knows_how_many_cpus_its_node_has(cluster: Any) -> None:
    with connected() as ray:
        assert ray.get(ray.remote(num_cpus=1)(_node_cpus).remote()) == NODE["num_cpus"]


def refusing(config: vssn.SegmenterConfig, weights: object) -> Any:
    """Networks that can't be loaded."""
    raise vssn.CheckpointError("weights 'w.h5'", "other ones", "get some")


def test_what_is_wrong_with_the_weights_ends_the_job_in_one_line(
    cluster: Any, tmp_path: Path
) -> None:
    clip = make_video(tmp_path / "drive.mp4", 5)
    with pytest.raises(vssn.VssnError, match=r"weights 'w\.h5': expected other ones"):
        run(tmp_path / "out", [clip], make=refusing)


def test_the_command(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(videos, "pack_weights", lambda config: None)
    monkeypatch.setattr(videos, "plan_work", partial(videos.plan_work, make=assemble_fakes))
    clip, bad = make_video(tmp_path / "drive.mp4", 15), tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    summary = tmp_path / "summary.json"
    argv = [
        *("video", str(clip), str(bad), "--engine", "ray", "--save_dir", str(tmp_path / "out")),
        *("--chunk_s", "1", "--schedule", "fixed:4", "--quiet", "--summary", str(summary)),
    ]
    assert main(argv) == 3
    said = capsys.readouterr().out
    assert "1 of 2 inputs done, 2 chunks (2 in this run), 15 frames" in said
    assert f"failed: {bad}: video '{bad}'" in said
    assert '"worked": 2' in summary.read_text()
    assert (tmp_path / "out/report.html").read_text().startswith("<!DOCTYPE html>")
    make_video(bad, 5)
    assert main([*argv, "--resume"]) == 0
    assert "2 of 2 inputs done, 3 chunks (1 in this run)" in capsys.readouterr().out
