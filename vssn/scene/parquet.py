"""Records as Parquet, through pyarrow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vssn.errors import BadInputError, argument
from vssn.labels import CLASS_NAMES
from vssn.scene.records import Record, RecordWriter

# Rows are written in groups: one by one, a file of many small groups would result.
GROUP_FRAMES = 500


def _schema(arrow: Any) -> Any:
    """The records' columns; stage times, whose names differ by network, as a map."""
    whole, real, text = arrow.int64(), arrow.float64(), arrow.string()
    found = arrow.struct(
        [
            ("class", text),
            ("box_ltrb_px", arrow.list_(whole)),
            ("polygons_px", arrow.list_(arrow.list_(arrow.list_(whole)))),
            ("pixels", whole),
            ("distance_m", real),
            ("calibrated", arrow.bool_()),
            ("track", whole),
        ]
    )
    return arrow.schema(
        [
            ("schema_version", whole),
            ("source", text),
            ("frame", whole),
            ("time_s", real),
            ("width_px", whole),
            ("height_px", whole),
            ("path", text),
            ("region_paths", arrow.list_(text)),
            ("predicted_confidence", real),
            ("key_distance", whole),
            ("stage_s", arrow.map_(text, real)),
            ("horizon_px", real),
            ("latency_ms", real),
            ("corrected", arrow.bool_()),
            ("key_age_ms", real),
            ("dropped_before", whole),
            ("class_pixels", arrow.struct([(name, whole) for name in CLASS_NAMES])),
            ("objects", arrow.list_(found)),
        ]
    )


class Parquet(RecordWriter):
    """A row for each frame, its objects nested in it."""

    def __init__(self, path: Path, source: str = "") -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise BadInputError(
                argument("records", str(path)),
                "pyarrow, which Parquet needs",
                "pip install vssn[parquet], or choose .jsonl",
            ) from error
        super().__init__(path, source)
        self._arrow: Any = pyarrow
        self._schema = _schema(pyarrow)
        self._rows: list[Record] = []
        self._writer: Any = parquet.ParquetWriter(self._file, self._schema)

    def _add(self, record: Record) -> None:
        self._rows.append({**record, "stage_s": list(record["stage_s"].items())})
        if len(self._rows) == GROUP_FRAMES:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            table = self._arrow.Table.from_pylist(self._rows, schema=self._schema)
            self._writer.write_table(table)
            self._rows = []

    def _end(self) -> None:
        self._flush()
        self._writer.close()
