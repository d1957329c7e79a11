"""What a person wants to see of a run over labelled frames, as pictures, with their figures."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vssn.data.dataset import DatasetFrame
from vssn.errors import BadInputError, MediaError, argument
from vssn.evaluation.dataset_evaluation import DatasetEvaluation, finite_or_none
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.page import Picture
from vssn.evaluation.plots import EvaluatedFrame, plot_class_iou, plot_confusion, plot_worst
from vssn.files import atomic_path, check_writable, make_directory
from vssn.labels import CLASS_NAMES
from vssn.preprocess import resize_bilinear, resize_nearest, size_hw
from vssn.types import FrameResult, TimedFrame, UInt8Array

WORST_FRAMES = 6


class TemporalConsistency:
    """How much of a frame's labels stays as it was in the frame before, nothing warped.

    Frames follow each other where their names differ in nothing but a last number that grows, as
    ``a/f_007.png`` and ``a/f_008.png`` do; other neighbours in a list are cuts, and not compared.
    """

    def __init__(self) -> None:
        self.pairs = 0
        self._same_px = self._all_px = 0
        self._previous: tuple[str, UInt8Array] | None = None

    def add(self, name: str, labels: UInt8Array) -> None:
        """Compare the next frame's (h, w) uint8 labels, which must not change afterwards."""
        if self._previous is not None:
            before, previous = self._previous
            if _follows(before, name) and previous.shape == labels.shape:
                self.pairs += 1
                self._same_px += int(np.count_nonzero(previous == labels))
                self._all_px += labels.size
        self._previous = name, labels

    @property
    def percent(self) -> float:
        """Pixels with the label of the frame before, 0-100; NaN where no frames were compared."""
        return 100 * self._same_px / self._all_px if self._all_px else math.nan


def _follows(before: str, name: str) -> bool:
    (stem_before, number_before), (stem, number) = map(_split_number, (before, name))
    return stem_before == stem and number_before < number


def _split_number(name: str) -> tuple[tuple[str, ...], int]:
    """What stands around a name's last number, and that number; -1 where it has none."""
    found = re.fullmatch(r"(.*?)(\d+)(\D*)", name, re.DOTALL)
    return ((found[1], found[3]), int(found[2])) if found else ((name,), -1)


class Report:
    """Collects what the report of a run shows, and writes it.

    Memory does not grow with the run, but for each labelled frame's figure: of pictures only the
    worst frames' are kept.

    Attributes:
        frame_mean_iou: mean IoU of each labelled frame alone by name, over the classes in it,
            whatever the preset; the lowest of a frame that comes several times, and NaN of one that
            is all void.
        stability: of the labels from frame to frame.
    """

    def __init__(
        self, directory: Path, frames: Sequence[DatasetFrame], keep: int = WORST_FRAMES
    ) -> None:
        """Find out before the run what would keep it from being reported.

        Args:
            directory: where the report will go; nothing is made yet.
            frames: the run's, in order.
            keep: how many of the worst to show, 1 or more.

        Raises:
            BadInputError: no frame has a label.
            MediaError: the directory can't be made or written to.
        """
        check_writable(directory)
        if not any(frame.label for frame in frames):
            raise _nothing_to_report(directory, f"{len(frames)} frames without a label")
        self.frame_mean_iou: dict[str, float] = {}
        self.temporal_consistency = TemporalConsistency()
        self._directory, self._frames, self._keep = directory, frames, keep
        self._worst: dict[str, EvaluatedFrame] = {}

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Take a frame, labelled or not; neither is to be changed afterwards.

        Args:
            frame: the picture and the true labels are brought to the size of the result's labels.
            result: its segmentation.
        """
        name = self._frames[frame.index].name
        labels, truth = result.labels, frame.truth
        self.temporal_consistency.add(name, labels)
        if truth is None:
            return
        confusion, truth = ConfusionMatrix(), resize_nearest(truth, size_hw(labels))
        confusion.add(truth, labels)
        mean_iou = confusion.mean_iou()
        if name not in self.frame_mean_iou or mean_iou < self.frame_mean_iou[name]:
            self.frame_mean_iou[name] = mean_iou
            image_bgr = resize_bilinear(frame.frame_bgr, size_hw(labels))
            self._show(EvaluatedFrame(name, mean_iou, image_bgr, truth, labels))

    def _show(self, frame: EvaluatedFrame) -> None:
        """Keep the frame if it is among the worst so far; of a repeated one the worst turn."""
        if math.isnan(frame.mean_iou):
            return
        self._worst[frame.name] = frame
        if len(self._worst) > self._keep:
            best = max(self._worst.values(), key=lambda kept: kept.mean_iou)
            del self._worst[best.name]

    def close(self, complete: bool = True) -> None:
        """Nothing is open."""

    def save(self, evaluation: DatasetEvaluation) -> None:
        """Write the pictures and ``report.json``, each atomically.

        Args:
            evaluation: of the same run.

        Raises:
            BadInputError: every label was void.
            MediaError: a file can't be written.
        """
        if not self._worst:
            raise _nothing_to_report(self._directory, "labels that are void everywhere")
        make_directory(self._directory)
        try:
            self._write_files(evaluation)
        except OSError as error:
            raise MediaError(
                f"report '{self._directory}' ({error.strerror})",
                "a directory with room for its files",
                "check the disk's space and what is in there",
            ) from error

    def pictures(self) -> list[Picture]:
        """What :meth:`save` drew, for the report page, which draws all but the frames itself."""
        return [
            Picture("The frames with the lowest mean IoU", self._directory / "worst.png"),
            Picture("Confusion matrix (PNG)", self._directory / "confusion.png", embedded=False),
            Picture("IoU of each class (PNG)", self._directory / "class_iou.png", embedded=False),
        ]

    def _write_files(self, evaluation: DatasetEvaluation) -> None:
        total = evaluation.total
        plot_confusion(total, self._directory / "confusion.png")
        plot_class_iou(total.class_iou(), total.mean_iou(), self._directory / "class_iou.png")
        worst = sorted(self._worst.values(), key=lambda frame: frame.mean_iou)
        plot_worst(worst, self._directory / "worst.png")
        with atomic_path(self._directory / "report.json") as temporary:
            temporary.write_text(
                json.dumps(self._summary(evaluation), indent=2, allow_nan=False) + "\n"
            )

    def _summary(self, evaluation: DatasetEvaluation) -> dict[str, Any]:
        """The figures as they go into ``report.json``; None where there is nothing to tell."""
        return {
            **evaluation.summary(),
            "confusion": {
                "rows": "truth",
                "columns": "prediction",
                "classes": CLASS_NAMES,
                "pixels": evaluation.total.counts.tolist(),
            },
            "unchanged_labels_percent": finite_or_none(self.temporal_consistency.percent),
            "unchanged_labels_pairs": self.temporal_consistency.pairs,
            "frame_mean_iou": {
                name: finite_or_none(value) for name, value in self.frame_mean_iou.items()
            },
        }

    def lines(self) -> list[str]:
        """The report's own figure, if there is one, and where the report is."""
        place = f"Report: {self._directory}"
        if not self.temporal_consistency.pairs:
            return [place]
        percent, pairs = self.temporal_consistency.percent, self.temporal_consistency.pairs
        return [f"Labels as in the frame before: {percent:.2f} % of pixels, {pairs} pairs", place]


def _nothing_to_report(directory: Path, given: str) -> BadInputError:
    return BadInputError(
        f"{argument('report', str(directory))} of {given}",
        "a labelled frame in the run",
        f"give a list with labels or more {argument('num_steps')}, "
        f"or leave {argument('report')} out",
    )
