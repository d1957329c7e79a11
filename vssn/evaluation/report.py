"""The report of a run over labelled frames: plots, the worst frames, and the figures as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vssn.data.dataset import DatasetFrame
from vssn.errors import BadInputError, argument
from vssn.evaluation.dataset_evaluation import DatasetEvaluation, finite_or_none
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.page import Picture
from vssn.evaluation.plots import EvaluatedFrame, plot_class_iou, plot_confusion, plot_worst
from vssn.evaluation.temporal_consistency import TemporalConsistency
from vssn.files import check_writable, make_directory
from vssn.json_files import write_json
from vssn.labels import CLASS_NAMES
from vssn.preprocess import resize_bilinear, resize_nearest, size_hw
from vssn.types import FrameResult, TimedFrame

WORST_FRAMES = 6


class Report:
    """Collects the content of a report and writes it.

    It keeps one number for each labelled frame and the pictures of the worst frames only.

    Attributes:
        frame_mean_iou: mean IoU of each labelled frame by name, over the classes in that frame,
            with every preset; the lowest value of a repeated frame, NaN where all is void.
        temporal_consistency: of the labels from frame to frame.
    """

    def __init__(
        self, directory: Path, frames: Sequence[DatasetFrame], keep: int = WORST_FRAMES
    ) -> None:
        """Check before the run that the report can be written.

        Args:
            directory: of the report; it is not created yet.
            frames: the run's, in order.
            keep: how many of the worst frames to show, 1 or more.

        Raises:
            BadInputError: no frame has a label.
            MediaError: the directory can't be created or written to.
        """
        check_writable(directory)
        if not any(frame.label for frame in frames):
            raise _nothing_to_report(directory, f"{len(frames)} frames without a label")
        self.frame_mean_iou: dict[str, float] = {}
        self.temporal_consistency = TemporalConsistency()
        self._directory, self._frames, self._keep = directory, frames, keep
        self._worst: dict[str, EvaluatedFrame] = {}

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Add a frame, labelled or not; neither argument may change afterwards.

        Args:
            frame: its picture and true labels are resized to the result's labels.
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
        """Keep the frame if it is among the worst so far; a repeated frame counts once."""
        if math.isnan(frame.mean_iou):
            return
        self._worst[frame.name] = frame
        if len(self._worst) > self._keep:
            best = max(self._worst.values(), key=lambda kept: kept.mean_iou)
            del self._worst[best.name]

    def close(self, complete: bool = True) -> None:
        """Nothing is open."""

    def pictures(self) -> list[Picture]:
        """What :meth:`save` draws, for the report page, which draws all but the frames itself."""
        return [
            Picture("The frames with the lowest mean IoU", self._directory / "worst.png"),
            Picture("Confusion matrix (PNG)", self._directory / "confusion.png", embedded=False),
            Picture("IoU of each class (PNG)", self._directory / "class_iou.png", embedded=False),
        ]

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
        total = evaluation.total
        plot_confusion(total, self._directory / "confusion.png")
        plot_class_iou(total.class_iou(), total.mean_iou(), self._directory / "class_iou.png")
        worst = sorted(self._worst.values(), key=lambda frame: frame.mean_iou)
        plot_worst(worst, self._directory / "worst.png")
        write_json(self._directory / "report.json", self._summary(evaluation), "report")

    def _summary(self, evaluation: DatasetEvaluation) -> dict[str, Any]:
        """The content of ``report.json``; None for NaN."""
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
        """Temporal consistency, if any frames were compared, and the report's folder."""
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
