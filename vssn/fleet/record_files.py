"""Chunks' records joined to a file for each video: a Parquet data set partitioned by video."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from vssn.errors import BadInputError, MediaError, argument
from vssn.fleet.places import Place

FOLDER = "records"


def records_name(stem: str) -> str:
    """The name of a video's records, in the way of partitioned data sets."""
    return f"{FOLDER}/video={stem}/part-0.parquet"


def import_arrow() -> tuple[Any, Any]:
    """``pyarrow`` and ``pyarrow.parquet``.

    Raises:
        BadInputError: they are not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BadInputError(
            argument("engine", "ray"), "pyarrow, which its files need", "pip install vssn[ray]"
        ) from error
    return pyarrow, parquet


def join_records(chunks: Sequence[Path], place: Place, name: str, frames: Sequence[int]) -> None:
    """Write the records of a video's chunks behind each other.

    Frames are numbered through; the column ``chunk`` tells where a chunk begins, as tracks are
    numbered within it.

    Args:
        chunks: their files.
        place: where the joined file goes.
        name: its name there.
        frames: how many each chunk has.

    Raises:
        MediaError: a chunk's file is damaged, or the file can't be written.
    """
    arrow, parquet = import_arrow()
    before = [0, *accumulate(frames)]
    with place.written(name) as target:
        writer: Any = None
        for number, path in enumerate(chunks):
            try:
                table = parquet.read_table(path)
                column = table.schema.get_field_index("frame")
                if column < 0 or not arrow.types.is_integer(table.schema.field(column).type):
                    raise ValueError("without numbers of frames")
            except (OSError, ValueError, arrow.ArrowException) as problem:
                raise MediaError(
                    f"records '{path.name}' of a chunk ({problem})",
                    "what was written there",
                    "begin anew in another folder",
                ) from problem
            counted = arrow.compute.add(table["frame"], before[number])
            table = table.set_column(column, table.schema.field(column), counted)
            chunk = arrow.array([number] * len(table), arrow.int64())
            table = table.append_column("chunk", chunk)
            writer = writer or parquet.ParquetWriter(target, table.schema)
            writer.write_table(table)
        writer.close()
