"""Inference over a data set: stream the list in order, score the labelled frames."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vssn.data.lists import ListEntry, resolve
from vssn.errors import MediaError
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import CLASS_NAMES
from vssn.media.images import read_image_bgr, read_label
from vssn.preprocess import resize_nearest, size_hw
from vssn.types import FrameResult, UInt8Array


@dataclass(frozen=True)
class DatasetFrame:
    """A frame of the stream and, where it has one, its label image.

    Attributes:
        name: as the list calls it.
        image: its file.
        label: its label image's file.
        shown_as_key: the image that the flow network is shown instead of this frame, should the
            stream begin with it.
    """

    name: str
    image: Path
    label: Path | None
    shown_as_key: Path | None = None

    def read(self) -> tuple[UInt8Array, UInt8Array | None]:
        """Read (H, W, 3) uint8 BGR and (H, W) uint8 labels.

        Raises:
            MediaError: a file can't be read, or the sizes differ.
        """
        image = read_image_bgr(self.image)
        return image, read_label(self.label, size_hw(image)) if self.label else None


def dataset_frames(data_dir: Path, entries: Sequence[ListEntry]) -> list[DatasetFrame]:
    """Find the files of a list: its first column, and labels where it names a labelled frame.

    Raises:
        MediaError: a file is missing or outside the data directory; nothing is read before that.
    """
    return [
        DatasetFrame(
            entry.frame,
            existing(data_dir, entry.frame),
            existing(data_dir, entry.label) if entry.is_labelled else None,
        )
        for entry in entries
    ]


def second_column_frames(data_dir: Path, entries: Sequence[ListEntry]) -> list[DatasetFrame]:
    """Find the files of a list as the original does, which streams the second column.

    So each labelled frame takes the turn of every frame that leads to it, 30 times in a row at
    CamVid's 30 fps, and is scored each time. The first image of the first column is what the flow
    network is shown as the first key frame.

    Raises:
        MediaError: a file is missing or outside the data directory; nothing is read before that.
    """
    first = existing(data_dir, entries[0].frame)
    return [
        DatasetFrame(
            entry.labelled,
            existing(data_dir, entry.labelled),
            existing(data_dir, entry.label),
            first,
        )
        for entry in entries
    ]


def existing(data_dir: Path, relative: str) -> Path:
    """The file that a list entry names.

    Raises:
        MediaError: it is missing or outside the data directory.
    """
    path = resolve(data_dir, relative)
    if not path.is_file():
        raise MediaError(
            f"list entry '{path}'", "an existing file", "check --data_dir and the list"
        )
    return path


def iter_frames(
    frames: Sequence[DatasetFrame],
) -> Iterator[tuple[UInt8Array, UInt8Array | None]]:
    """Read the frames one by one; see :meth:`DatasetFrame.read`."""
    return (frame.read() for frame in frames)


class DatasetEvaluation:
    """Confusion of the labelled frames, in all and by distance from the key frame.

    Args:
        make_matrix: makes the counts.
    """

    def __init__(self, make_matrix: Callable[[], ConfusionMatrix] = ConfusionMatrix) -> None:
        self.total = make_matrix()
        self.by_key_distance: dict[int, ConfusionMatrix] = defaultdict(make_matrix)

    def add(self, result: FrameResult, truth: UInt8Array) -> None:
        """Score one frame; labels of another size are compared with the truth at theirs."""
        truth = resize_nearest(truth, size_hw(result.labels))
        self.total.add(truth, result.labels)
        self.by_key_distance[result.key_distance].add(truth, result.labels)

    def summary(self) -> dict[str, Any]:
        """The figures as they go into the summary file; None for a class never seen."""
        class_iou = self.total.class_iou().tolist()
        return {
            "mean_iou": finite_or_none(self.total.mean_iou()),
            "frequency_weighted_iou": finite_or_none(self.total.frequency_weighted_iou()),
            "class_iou": dict(zip(CLASS_NAMES, map(finite_or_none, class_iou), strict=True)),
            "mean_iou_by_key_distance": {
                str(distance): finite_or_none(matrix.mean_iou())
                for distance, matrix in sorted(self.by_key_distance.items())
            },
        }

    def lines(self) -> list[str]:
        """The figures as printed."""
        if not self.by_key_distance:
            return ["No labelled frame was reached: no IoU"]
        classes = zip(CLASS_NAMES, self.total.class_iou(), strict=True)
        distances = sorted(self.by_key_distance.items())
        return [
            f"Frequency-weighted IoU: {self.total.frequency_weighted_iou():.4f}",
            f"Mean IoU: {self.total.mean_iou():.4f}",
            "Class-wise IoU:",
            *(f"  {name:<11}{value:.4f}" for name, value in classes),
            "Mean IoU by distance from the key frame:",
            *(f"  {distance:>4}  {matrix.mean_iou():.4f}" for distance, matrix in distances),
        ]


def finite_or_none(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
