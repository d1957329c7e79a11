"""Records as one COCO file, for tools that read COCO's annotations."""

from __future__ import annotations

import json
from typing import Any

from vssn.scene.export import coco_categories, to_coco
from vssn.scene.records import Record, RecordWriter
from vssn.types import FrameResult


class CocoFile(RecordWriter):
    """``categories``, ``annotations`` of all frames, and ``images``: the frames.

    Annotations are written as they come; only the frames' short descriptions are kept until the
    end. Annotations' ids count on over the frames, from 1.
    """

    _images: list[Record]
    _annotations = 0

    def _describe(self, result: FrameResult, time_s: float) -> Record:
        height, width = result.labels.shape
        image = {
            "id": result.index,
            "file_name": f"{self._source}#{result.index}",
            "width": width,
            "height": height,
            "time_s": round(time_s, 6),
        }
        return {"image": image, "annotations": to_coco(result)}

    def _add(self, record: Record) -> None:
        self._begin()
        self._images.append(record["image"])
        for annotation in record["annotations"]:
            if self._annotations:
                self._file.write(b",\n")
            self._annotations += 1
            self._file.write(_encoded({**annotation, "id": self._annotations}))

    def _begin(self) -> None:
        if self._file.tell() == 0:
            self._images = []
            start = b'{"categories": %s,\n"annotations": [\n'
            self._file.write(start % _encoded(coco_categories()))

    def _end(self) -> None:
        self._begin()
        self._file.write(b'\n],\n"images": %s}\n' % _encoded(self._images))


def _encoded(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
