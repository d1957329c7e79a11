"""The original's counts: void as an error, the first frame as no step, the mean of 1/t."""

from __future__ import annotations

from typing import Any

import numpy as np

from vssn.evaluation.metrics import ConfusionMatrix, Float64Array
from vssn.evaluation.statistics import RunStatistics
from vssn.labels import NUM_CLASSES, VOID
from vssn.types import FrameResult, UInt8Array


class OriginalConfusionMatrix(ConfusionMatrix):
    """Counts as the original does.

    A prediction on a void pixel is wrong for the class predicted, and a class that nothing holds
    has an IoU of 0, which lowers the mean.

    Attributes:
        counts_on_void: (11,) int64, predictions on void pixels.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts_on_void = np.zeros(NUM_CLASSES, np.int64)

    def add(self, truth: UInt8Array, predicted: UInt8Array) -> None:
        """Count one image; see the base class, but for void."""
        super().add(truth, predicted)
        self.counts_on_void += np.bincount(predicted[truth == VOID], minlength=NUM_CLASSES)

    def class_iou(self) -> Float64Array:
        """(11,) IoU in 0-1."""
        hits = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(0) + self.counts_on_void + self.counts.sum(1) - hits
        iou: Float64Array = hits / np.maximum(union, 1)
        return iou


class OriginalStatistics(RunStatistics):
    """Counts as the original does.

    The first frame, always segmented, is no segmentation step, and the rate is the mean of 1/t
    over the frames, t being the seconds in the segmenter.
    """

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        if not self.frames:
            self.segmentation_steps -= result.segmentation_steps
        super().add(result)

    @property
    def mean_fps(self) -> float:
        """Mean of 1/t; a frame that took no time is left out."""
        times = [seconds for seconds in self._frame_seconds if seconds > 0]
        return float(np.mean([1 / seconds for seconds in times])) if times else 0.0

    def summary(self) -> dict[str, Any]:
        """The figures as they go into the summary file."""
        return {**super().summary(), "fps_mean_of_rates": self.mean_fps}

    def lines(self) -> list[str]:
        """The figures as printed."""
        return [f"Average fps: {self.mean_fps:.2f}", *super().lines()[1:]]
