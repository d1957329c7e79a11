"""The manifest as a Parquet file: a row for each chunk."""

from __future__ import annotations

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from vssn.errors import MediaError
from vssn.fleet.chunks import Input, InputPlan
from vssn.fleet.manifest import DONE, JOINED, NO_END, ROW, STATUSES, Manifest
from vssn.fleet.places import Place, shown
from vssn.fleet.record_files import import_arrow

NAME = "manifest.parquet"
GROUP = 8192  # rows that are written at once
MAX_BYTES = 1 << 28
MAX_ROWS = 2_000_000
MAY_LACK = ("end_s", "finished")  # columns that hold nothing in some rows
NUMBERS = ("attempt", "seconds", "frames", "segmented", "lost_frames", "truncated")


def write_manifest(manifest: Manifest, place: Place) -> None:
    """Write the file, whole or not at all.

    Raises:
        MediaError: it can't be written.
    """
    _, parquet = import_arrow()
    starts = range(0, max(1, len(manifest)), GROUP)
    with place.written(NAME) as path, ExitStack() as stack:
        writer: Any = None
        for start in starts:
            table = _table(manifest, start, start == starts[-1])
            writer = writer or stack.enter_context(parquet.ParquetWriter(path, table.schema))
            writer.write_table(table)


def _unplanned(manifest: Manifest) -> tuple[Any, list[str]]:
    """A row for each input that could not be opened, and the errors."""
    rows = np.zeros(len(manifest.unplanned), ROW)
    failed = sorted(manifest.unplanned.items())
    rows["input"] = [number for number, _ in failed]
    rows["attempt"] = [attempts for _, (_, attempts) in failed]
    rows["chunk"], rows["status"], rows["end_s"] = -1, STATUSES.index("failed"), NO_END
    return rows, [error for _, (error, _) in failed]


def _table(manifest: Manifest, start: int, last: bool) -> Any:
    """A group of rows; all at once would need memory that grows with the job."""
    arrow, _ = import_arrow()
    rows = manifest.rows[start : start + GROUP]
    errors = [manifest.errors.get(row) for row in range(start, start + len(rows))]
    if last:
        more, said = _unplanned(manifest)
        rows, errors = np.concatenate([rows, more]), [*errors, *said]
    present, keys = np.unique(rows["input"], return_inverse=True)
    inputs = [manifest.inputs[number] for number in present.tolist()]

    def named(numbers: Any, names: list[str]) -> Any:
        keys = arrow.array(numbers.astype("i4"))
        return arrow.DictionaryArray.from_arrays(keys, arrow.array(names, arrow.string()))

    def text(name: str) -> Any:
        return arrow.array(rows[name].astype(str).tolist(), arrow.string())

    columns = {
        "video": named(keys, [given.stem for given in inputs]),
        "input": named(keys, [shown(given.source) for given in inputs]),
        "chunk": arrow.array(rows["chunk"].astype("i4"), mask=rows["chunk"] < 0),
        "start_s": arrow.array(rows["start_s"], mask=rows["chunk"] < 0),
        "end_s": arrow.array(rows["end_s"], mask=rows["end_s"] == NO_END),
        "status": named(rows["status"], list(STATUSES)),
        **{name: arrow.array(np.ascontiguousarray(rows[name])) for name in NUMBERS},
        "error": arrow.array(errors, arrow.string()),
        "output": named(keys, [given.name for given in inputs]),
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
    size = place.size(NAME)
    if size is None:
        return False
    arrow, _ = import_arrow()
    try:
        if size > MAX_BYTES:
            raise ValueError(f"{size} bytes")
        with place.local(NAME) as path:
            job, table = _read(path)
        if job == manifest.job:
            _take(manifest, table)
    except (OSError, ValueError, MemoryError, arrow.ArrowException) as error:
        problem = " ".join(str(error).split())[:200] or type(error).__name__
        raise MediaError(
            f"manifest '{place.name_of(NAME)}' (damaged: {problem})",
            "one that an earlier run wrote",
            "begin anew in another folder",
        ) from error
    if job != manifest.job:
        raise MediaError(
            f"manifest '{place.name_of(NAME)}' of a job with other settings",
            "the settings, weights and version that it was begun with",
            "repeat them, or begin anew in another folder",
        )
    return True


def _read(path: Path) -> tuple[str, Any]:
    """The job, and the rows of chunks.

    Raises:
        ValueError: columns are missing or of other types, or hold what can't be; in words.
    """
    arrow, parquet = import_arrow()
    written = _table(Manifest([], "", Fraction(1)), 0, False).schema
    columns = [name for name in written.names if name != "error"]  # which no resumed chunk has
    with parquet.ParquetFile(path) as file:
        if file.metadata.num_rows > MAX_ROWS:
            raise ValueError(f"{file.metadata.num_rows} rows")
        schema = file.schema_arrow
        for name in columns:
            if schema.names.count(name) != 1:
                raise ValueError(f"no column '{name}'")
            if schema.field(name).type != written.field(name).type:
                raise ValueError(f"column '{name}' of {schema.field(name).type}")
        job = (schema.metadata or {}).get(b"job", b"").decode()
        table = file.read(columns=columns)
    table = table.filter(arrow.compute.is_valid(table["chunk"]))  # not of unplanned inputs
    for name in columns:
        if name not in MAY_LACK and table[name].null_count:
            raise ValueError(f"column '{name}' with empty fields")
    for name in ("start_s", "end_s", "seconds"):
        if not np.isfinite(table[name].fill_null(0).to_numpy()).all():
            raise ValueError(f"column '{name}' with numbers that are not finite")
    for name in ("frames", "segmented", "lost_frames", "seconds"):
        if len(table) and arrow.compute.min(table[name]).as_py() < 0:
            raise ValueError(f"column '{name}' with numbers below 0")
    for name in ("hash", "node"):
        if not all(arrow.compute.string_is_ascii(table[name]).to_pylist()):
            raise ValueError(f"column '{name}' with other letters than were written")
    return job, table


def _take(manifest: Manifest, table: Any) -> None:
    arrow, _ = import_arrow()
    known = {(each.stem, shown(each.source)): n for n, each in enumerate(manifest.inputs)}
    asked = {each.name: shown(each.source) for each in manifest.inputs}
    names = (table[name].to_pylist() for name in ("video", "input", "output"))
    numbers = np.zeros(len(table), int)
    for row, (video, source, output) in enumerate(zip(*names, strict=True)):
        if (video, source) not in known:  # not asked for now; what is done of it stays noted
            if output in asked:
                raise MediaError(
                    f"'{asked[output]}', whose result '{output}' an earlier run made of '{source}'",
                    "results of one source each",
                    "name that source, or begin anew in another folder",
                )
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
        if (rows["chunk"] != np.arange(len(rows))).any():
            raise ValueError(f"chunks of '{manifest.inputs[number].name}' that don't count from 0")
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
