"""The manifest as a Parquet file: a row for each chunk."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from vssn.errors import MediaError
from vssn.fleet.chunks import Input, InputPlan
from vssn.fleet.manifest import DONE, JOINED, NO_END, ROW, STATUSES, Manifest
from vssn.fleet.places import Place, shown
from vssn.fleet.record_files import import_arrow

NAME = "manifest.parquet"
NUMBERS = ("attempt", "seconds", "frames", "segmented", "lost_frames", "truncated")


def write_manifest(manifest: Manifest, place: Place) -> None:
    """Write the file, whole or not at all.

    Raises:
        MediaError: it can't be written.
    """
    _, parquet = import_arrow()
    with place.written(NAME) as path:
        parquet.write_table(_table(manifest), path)


def _with_unplanned(manifest: Manifest) -> tuple[Any, list[str | None]]:
    """The rows, with one for each input that could not be opened, and the errors."""
    more = np.zeros(len(manifest.unplanned), ROW)
    failed = sorted(manifest.unplanned.items())
    more["input"] = [number for number, _ in failed]
    more["attempt"] = [attempts for _, (_, attempts) in failed]
    more["chunk"], more["status"], more["end_s"] = -1, STATUSES.index("failed"), NO_END
    errors: list[str | None] = [manifest.errors.get(row) for row in range(len(manifest))]
    return np.concatenate([manifest.rows, more]), [*errors, *(error for _, (error, _) in failed)]


def _table(manifest: Manifest) -> Any:
    arrow, _ = import_arrow()
    rows, errors = _with_unplanned(manifest)

    def named(numbers: Any, names: list[str]) -> Any:
        keys = arrow.array(numbers.astype("i4"))
        return arrow.DictionaryArray.from_arrays(keys, arrow.array(names, arrow.string()))

    def text(name: str) -> Any:
        return arrow.array(rows[name].astype(str).tolist(), arrow.string())

    inputs = manifest.inputs
    columns = {
        "video": named(rows["input"], [given.stem for given in inputs]),
        "input": named(rows["input"], [shown(given.source) for given in inputs]),
        "chunk": arrow.array(rows["chunk"].astype("i4"), mask=rows["chunk"] < 0),
        "start_s": arrow.array(rows["start_s"], mask=rows["chunk"] < 0),
        "end_s": arrow.array(rows["end_s"], mask=rows["end_s"] == NO_END),
        "status": named(rows["status"], list(STATUSES)),
        **{name: arrow.array(np.ascontiguousarray(rows[name])) for name in NUMBERS},
        "error": arrow.array(errors, arrow.string()),
        "output": named(rows["input"], [given.name for given in inputs]),
        "hash": text("hash"),
        "finished": arrow.array(
            (rows["finished"] * 1000).astype("i8"), mask=rows["finished"] == 0
        ).cast(arrow.timestamp("ms", tz="UTC")),
        "node": text("node"),
    }
    about = {"job": manifest.job, "chunk_s": str(manifest.chunk_s)}
    return arrow.table(columns).replace_schema_metadata(about)


def resume_manifest(manifest: Manifest, place: Place) -> bool:
    """Take over what an earlier run of the same job did.

    Args:
        manifest: empty; gets the plans and the chunks that are done. Failed ones wait again.
        place: where the file is.

    Returns:
        Whether there was one.

    Raises:
        MediaError: it is damaged, or of a job with other settings.
    """
    if place.size(NAME) is None:
        return False
    arrow, parquet = import_arrow()
    try:
        with place.local(NAME) as path:
            table = parquet.read_table(path)
        job = (table.schema.metadata or {}).get(b"job", b"").decode()
    except (OSError, arrow.ArrowException) as error:
        raise MediaError(
            f"manifest '{place.name_of(NAME)}' (damaged: {type(error).__name__})",
            "one that an earlier run wrote",
            "begin anew in another folder",
        ) from error
    if job != manifest.job:
        raise MediaError(
            f"manifest '{place.name_of(NAME)}' of a job with other settings",
            "the settings, weights and version that it was begun with",
            "repeat them, or begin anew in another folder",
        )
    _take(manifest, table.filter(arrow.compute.is_valid(table["chunk"])))
    return True


def _take(manifest: Manifest, table: Any) -> None:
    arrow, _ = import_arrow()
    known = {(each.stem, shown(each.source)): n for n, each in enumerate(manifest.inputs)}
    names = (table[name].to_pylist() for name in ("video", "input", "output"))
    numbers = np.zeros(len(table), int)
    for row, (video, source, output) in enumerate(zip(*names, strict=True)):
        if (video, source) not in known:  # not asked for now; what is done of it stays noted
            known[video, source] = len(manifest.inputs)
            manifest.inputs.append(Input(output, source))
        numbers[row] = known[video, source]
    old = np.zeros(len(table), ROW)
    for name in NUMBERS:
        old[name] = table[name].to_numpy()
    for name in ("hash", "node"):
        old[name] = table[name].to_numpy()
    old["start_s"] = table["start_s"].to_numpy()
    old["end_s"] = table["end_s"].fill_null(NO_END).to_numpy()
    old["finished"] = table["finished"].cast(arrow.int64()).fill_null(0).to_numpy() / 1000
    old["chunk"] = table["chunk"].to_numpy()
    statuses = table["status"].to_pylist()
    old["status"] = [STATUSES.index(each) if each in ("done", "joined") else 0 for each in statuses]
    order = np.lexsort([old["chunk"], numbers])
    found, first = np.unique(numbers[order], return_index=True)
    for number, rows in zip(found.tolist(), np.split(old[order], first[1:]), strict=True):
        end = float(rows["end_s"][-1])
        plan = InputPlan(len(rows), _exact(rows["start_s"][0]), None if end < 0 else _exact(end))
        taken = manifest.add_plan(number, plan)
        # The spans come from the plan; what the work gave is taken over.
        finished = np.isin(rows["status"], (DONE, JOINED))
        target = manifest.rows[taken.start : taken.stop]
        target["attempt"] = rows["attempt"]
        for name in (*NUMBERS, "hash", "node", "finished", "status"):
            target[name][finished] = rows[name][finished]


def _exact(seconds: float) -> Fraction:
    return Fraction(float(seconds)).limit_denominator(1_000_000)
