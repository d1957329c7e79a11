"""What others put where a job has its own files: one line, or the chunk is done again."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import fake_work, make_video
from no_file import put_no_file
from test_dataset_job import CONFIG, fake_assembly
from test_dataset_job import data_dir as data_dir
from test_dataset_job import run as run_dataset
from test_job import pictures, run

from vssn.errors import MediaError
from vssn.fleet.chunks import ChunkResult, Input, InputPlan
from vssn.fleet.dataset_work import EVALUATION, DatasetWork
from vssn.fleet.datasets import read_entries
from vssn.fleet.manifest import Manifest
from vssn.fleet.manifest_file import resume_manifest, write_manifest
from vssn.fleet.places import Place
from vssn.fleet.videos import inputs_of, open_manifest

arrow = pytest.importorskip("pyarrow")
pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
KINDS = ("pipe", "device", "null", "loop", "folder", "socket", "dangling")
MINUTE = Fraction(60)
LONGEST_S = 60  # a hang is longer, whatever else the machine does


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of three chunks."""
    return make_video(tmp_path_factory.mktemp("clips") / "drive.mp4")


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["manifest.parquet", "report.html", "drive.mp4", "chunks", "records"]
)
def test_no_job_begins_where_its_results_can_not_be(
    tmp_path: Path, clip: Path, name: str, kind: str, resume: bool
) -> None:
    if kind == "folder" and name in ("chunks", "records"):
        return
    put_no_file(tmp_path / name, kind)
    with pytest.raises(MediaError) as caught:
        open_manifest(fake_work(tmp_path), inputs_of([clip]), resume)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.path.lexists(tmp_path / name)


def test_a_manifest_of_holes_is_not_read(tmp_path: Path, clip: Path) -> None:
    put_no_file(tmp_path / "manifest.parquet", "sparse")
    with pytest.raises(MediaError, match=r"manifest .*damaged: 1099511627776 bytes"):
        open_manifest(fake_work(tmp_path), inputs_of([clip]), resume=True)


def interrupted(out: Path, clip: Path, stop_after: int = 3) -> Path:
    """The folder of the chunks that are done, of a job whose manifest is lost."""
    with pytest.raises(KeyboardInterrupt):
        run(fake_work(out), [clip], stop_after=stop_after)
    (out / "manifest.parquet").unlink()
    return next((out / "chunks").rglob("000001.json")).parent


@pytest.mark.parametrize("kind", [*KINDS, "sparse"])
@pytest.mark.parametrize("name", ["000001.json", "000001.mp4", "000001.parquet", "joined.json"])
def test_a_chunk_whose_file_is_none_fails_in_one_line(
    tmp_path: Path, clip: Path, name: str, kind: str
) -> None:
    folder = interrupted(tmp_path / "out", clip)
    (folder / name).unlink(missing_ok=True)
    put_no_file(folder / name, kind)
    begun = time.monotonic()
    done, _ = run(fake_work(tmp_path / "out"), [clip], resume=True)
    assert time.monotonic() - begun < LONGEST_S
    assert done.failures
    assert {failure.chunk for failure in done.failures} <= {0, 1, 2}
    for failure in done.failures:
        assert name in failure.error
        assert "expected" in failure.error
        assert "\n" not in failure.error


MORE = "more"
CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no more": lambda told: told.pop(MORE),
    "empty more": lambda told: told.update(more={}),
    "more of text": lambda told: told.update(more="text"),
    "first": lambda told: told[MORE].update(first=0.5),
    "first of text": lambda told: told[MORE].update(first="1/0"),
    "info": lambda told: told[MORE].update(info={"width_px": "64"}),
    "info's width": lambda told: told[MORE]["info"].update(width_px="64"),
    "sound": lambda told: told[MORE].update(sound="no"),
    "frames": lambda told: told.update(frames=-1),
    "many frames": lambda told: told.update(frames=1 << 40),
    "node": lambda told: told.update(node="n\u00f6de"),
    "hash": lambda told: told.update(hash="0"),
    "another's file": lambda told: told["files"].update({"../../../outside": "0" * 64}),
    "a digest": lambda told: told["files"].update({"000001.mp4": "text"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_chunk_whose_record_can_not_be_is_done_again(
    tmp_path: Path, clip: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outside").write_text("another's")
    folder = interrupted(tmp_path / "out", clip)
    told = json.loads((folder / "000001.json").read_text())
    CHANGES[change](told)
    (folder / "000001.json").write_text(json.dumps(told))
    done, _ = run(fake_work(tmp_path / "out"), [clip], resume=True)
    assert (done.joined, done.worked, done.failures) == (1, 2, ())
    assert len(pictures(tmp_path / "out/drive.mp4")) == 25
    assert "000001.json" in caplog.text
    assert "done again" in caplog.text
    assert (tmp_path / "outside").read_text() == "another's"


@pytest.mark.parametrize("counts", [None, 3, {"0": [[1]]}, {"x": [[0] * 11] * 11}])
def test_counts_that_can_not_be_are_made_again(
    tmp_path: Path, data_dir: Path, counts: object, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "out"
    expected, _ = run_dataset(str(out), str(data_dir))
    (out / EVALUATION).unlink()
    (out / "manifest.parquet").unlink()
    # A job that is over keeps no chunks: the first of another is put there.
    result = ChunkResult(4, 2, "0" * 64, more={} if counts is None else {"counts": counts})
    entries = read_entries(f"{data_dir}/list.txt")
    chunk_s = Fraction(4)
    work = DatasetWork(
        Place(out), "job", CONFIG, None, chunk_s, str(data_dir), entries, fake_assembly
    )
    base = work._base(Input(EVALUATION, f"{data_dir}/list.txt"), 0)
    work.place.write(f"{base}.json", result.to_json())
    done, _ = run_dataset(str(out), str(data_dir), resume=True)
    assert done.joined == 1
    assert done.evaluation is not None
    assert expected.evaluation is not None
    assert np.array_equal(done.evaluation.total.counts, expected.evaluation.total.counts)
    assert "done again" in caplog.text


def written(place: Place) -> Any:
    """The table of a manifest with a chunk that is done, and an input without a plan."""
    manifest = Manifest([Input("a.mp4", "a.mp4"), Input("b.mp4", "b.mp4")], "job", MINUTE)
    manifest.add_plan(0, InputPlan(2))
    manifest.unplanned[1] = "no video", 2
    manifest.finish(0, ChunkResult(7, 2, "a" * 64, node="node:7"))
    write_manifest(manifest, place)
    return arrow.parquet.read_table(Path(str(place)) / "manifest.parquet")


def replaced(table: Any, name: str, values: Any) -> Any:
    return table.set_column(table.schema.get_field_index(name), name, values)


def typed(name: str, *values: Any) -> Callable[[Any], Any]:
    """Other values in a column of the same type."""
    return lambda table: replaced(table, name, arrow.array(values, table.schema.field(name).type))


TABLES: dict[str, tuple[Callable[[Any], Any], str]] = {
    **{
        f"no {name}": (lambda table, name=name: table.drop_columns([name]), f"no column '{name}'")
        for name in ("video", "input", "chunk", "start_s", "status", "frames", "hash", "finished")
    },
    **{
        f"{name} of text": (
            lambda table, name=name: replaced(table, name, arrow.array(["x"] * len(table))),
            f"column '{name}' of string",
        )
        for name in ("chunk", "start_s", "end_s", "attempt", "seconds", "truncated", "finished")
    },
    "twice": (
        lambda table: table.append_column("frames", table["frames"]),
        "no column 'frames'",
    ),
    "hash of numbers": (
        lambda table: replaced(table, "hash", arrow.array([1] * len(table))),
        "column 'hash' of int64",
    ),
    "empty frames": (typed("frames", 7, None, 0), "column 'frames' with empty fields"),
    "fewer than none": (typed("frames", -7, 0, 0), "column 'frames' with numbers below 0"),
    "endless": (typed("start_s", float("inf"), 60.0, None), "not finite"),
    "no number": (typed("end_s", float("nan"), None, None), "not finite"),
    "same chunk": (typed("chunk", 0, 0, None), "don't count from 0"),
    "gap": (typed("chunk", 0, 2, None), "don't count from 0"),
    "letters": (typed("node", "n\u00f6de", "", ""), "other letters"),
}


@pytest.mark.parametrize("change", TABLES)
def test_a_manifest_of_other_columns_is_refused_in_one_line(tmp_path: Path, change: str) -> None:
    make, why = TABLES[change]
    table = make(written(Place(tmp_path)))
    arrow.parquet.write_table(table, tmp_path / "manifest.parquet")
    inputs = [Input("a.mp4", "a.mp4"), Input("b.mp4", "b.mp4")]
    with pytest.raises(MediaError, match=r"manifest .*damaged") as caught:
        resume_manifest(Manifest(inputs, "job", MINUTE), Place(tmp_path))
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
