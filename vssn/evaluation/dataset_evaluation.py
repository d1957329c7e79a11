"""Evaluation of the labelled frames of a data set."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import CLASS_NAMES
from vssn.preprocess import resize_nearest, size_hw
from vssn.types import FrameResult, UInt8Array


class DatasetEvaluation:
    """Confusion of the labelled frames, in all and by distance from the key frame.

    Args:
        make_matrix: makes the counts.
    """

    def __init__(self, make_matrix: Callable[[], ConfusionMatrix] = ConfusionMatrix) -> None:
        self.total = make_matrix()
        self.by_key_distance: dict[int, ConfusionMatrix] = defaultdict(make_matrix)

    def add(self, result: FrameResult, truth: UInt8Array) -> None:
        """Count one frame; the truth is resized to the labels' size."""
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
