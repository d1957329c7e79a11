"""Results as data: one record for each frame, as JSON lines, CSV, Parquet or COCO.

``record_schema.json`` beside this file is the JSON schema of a record. Its ``schema_version``
grows when a field changes its meaning or goes; new fields may come without.
"""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from vssn.errors import BadInputError, MediaError, argument
from vssn.files import atomic_path, check_writable
from vssn.labels import CLASS_NAMES, LABELS
from vssn.scene.objects import polygons
from vssn.types import FrameResult, SceneObject, TimedFrame

SCHEMA_VERSION = 1
SUFFIXES = (".jsonl", ".csv", ".parquet", ".json")

Record = dict[str, Any]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)


def _object_record(found: SceneObject) -> Record:
    box = found.box
    return {
        "class": LABELS[found.label].name,
        "box_ltrb_px": [box.left, box.top, box.right, box.bottom],
        "polygons_px": polygons(found),
        "pixels": found.pixel_count,
        # A centimetre: more than a picture tells.
        "distance_m": _rounded(found.distance_m, 2),
        "calibrated": found.calibrated,
        "track": found.track,
    }


def frame_record(result: FrameResult, source: str = "") -> Record:
    """A frame's record, of values that JSON holds.

    Args:
        result: of a :class:`vssn.scene.analysis.SceneAnalyser`; its objects count as none where
            nobody looked for them.
        source: what the frame is from.

    Returns:
        See ``record_schema.json``.
    """
    height, width = result.labels.shape
    live = result.live
    counts = np.bincount(result.labels.ravel(), minlength=len(CLASS_NAMES)).tolist()
    return {
        "schema_version": SCHEMA_VERSION,
        "source": source,
        "frame": result.index,
        "time_s": _rounded(result.time_s, 6),
        "width_px": width,
        "height_px": height,
        "path": result.path.value,
        "region_paths": [path.value for path in result.region_paths],
        "predicted_confidence": _rounded(result.predicted_confidence, 2),
        "key_distance": result.key_distance,
        "stage_s": {name: round(seconds, 6) for name, seconds in result.seconds.items()},
        "horizon_px": _rounded(result.horizon_px, 1),
        "latency_ms": live and _rounded(live.latency_ms, 2),
        "corrected": live and live.corrected,
        "key_age_ms": live and _rounded(live.key_age_ms, 2),
        "dropped_before": live and live.dropped,
        "class_pixels": dict(zip(CLASS_NAMES, counts, strict=False)),
        "objects": [_object_record(found) for found in result.objects or ()],
    }


class RecordWriter(ABC):
    """Writes frames' records into a file that has its name once it is closed.

    Args:
        path: the file.
        source: what the frames are from.

    Raises:
        MediaError: the file can't be written.
    """

    def __init__(self, path: Path, source: str = "") -> None:
        self.path = path
        self._source = source
        check_writable(path.parent)
        self._stack = ExitStack()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._stack.enter_context(atomic_path(path))
            self._file: BinaryIO = self._stack.enter_context(temporary.open("wb"))
        except OSError as error:
            self._stack.close()
            raise self._unwritable(error) from error

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Write the next frame's record.

        Raises:
            MediaError: the file can't be written.
        """
        time_s = frame.time_s if result.time_s is None else result.time_s
        try:
            self._add(self._describe(result, time_s))
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self, complete: bool = True) -> None:
        """Finish the file; called again, it does nothing.

        Args:
            complete: whether all frames were written; the records so far are kept in any case.

        Raises:
            MediaError: the file can't be written.
        """
        stack = self._stack.pop_all()
        try:
            with stack:
                if not self._file.closed:
                    self._end()
        except OSError as error:
            raise self._unwritable(error) from error

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(complete=error is None)

    def _describe(self, result: FrameResult, time_s: float) -> Record:
        """What is written of a frame."""
        return frame_record(replace(result, time_s=time_s), self._source)

    @abstractmethod
    def _add(self, record: Record) -> None:
        """Write a record."""

    @abstractmethod
    def _end(self) -> None:
        """Write what follows the last record."""

    def _unwritable(self, error: OSError) -> MediaError:
        return MediaError(
            f"records '{self.path}' ({error.strerror or error})",
            "a writable file",
            "check the disk's space and permissions",
        )


class JsonLines(RecordWriter):
    """A JSON object on each line."""

    def _add(self, record: Record) -> None:
        line = json.dumps(record, allow_nan=False, separators=(",", ":"))
        self._file.write(line.encode() + b"\n")

    def _end(self) -> None:
        """Nothing follows the last line."""


# Of a frame's record, what is one value; and of an object's.
FRAME_COLUMNS = (
    "schema_version", "source", "frame", "time_s", "width_px", "height_px", "path",
    "predicted_confidence", "key_distance", "horizon_px",
    "latency_ms", "corrected", "key_age_ms", "dropped_before",
)  # fmt: skip
OBJECT_COLUMNS = ("class", "pixels", "distance_m", "calibrated", "track")
BOX_COLUMNS = ("left_px", "top_px", "right_px", "bottom_px")


class CommaSeparated(RecordWriter):
    """A line for each object, its frame's values repeated; one without for an empty frame.

    Region paths, stage times and polygons are left out: they have no fixed columns.
    """

    def _add(self, record: Record) -> None:
        if self._file.tell() == 0:
            pixels = [f"{name}_pixels" for name in CLASS_NAMES]
            self._line([*FRAME_COLUMNS, *pixels, *OBJECT_COLUMNS, *BOX_COLUMNS])
        frame = [record[name] for name in FRAME_COLUMNS]
        frame += [record["class_pixels"][name] for name in CLASS_NAMES]
        for found in record["objects"]:
            values = [found[name] for name in OBJECT_COLUMNS]
            self._line([*frame, *values, *found["box_ltrb_px"]])
        if not record["objects"]:
            self._line([*frame, *[None] * (len(OBJECT_COLUMNS) + len(BOX_COLUMNS))])

    def _line(self, values: list[Any]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerow(values)
        self._file.write(text.getvalue().encode())

    def _end(self) -> None:
        """Nothing follows the last line."""


def open_records(path: str | Path, source: str = "") -> RecordWriter:
    """Open a file for records.

    Args:
        path: its suffix says the format: ``.jsonl``, ``.csv``, ``.parquet``, or ``.json`` for COCO.
        source: what the frames are from, for the records.

    Raises:
        BadInputError: another suffix, or Parquet without pyarrow.
        MediaError: the file can't be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise BadInputError(argument("records", str(path)), " or ".join(SUFFIXES), "rename it")
    if suffix == ".parquet":
        from vssn.scene.parquet import Parquet

        return Parquet(path, source)
    if suffix == ".json":
        from vssn.scene.coco_file import CocoFile

        return CocoFile(path, source)
    return JsonLines(path, source) if suffix == ".jsonl" else CommaSeparated(path, source)
