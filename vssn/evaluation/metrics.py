"""Confusion matrix, and IoU computed from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vssn.labels import NUM_CLASSES
from vssn.types import UInt8Array

Float64Array = npt.NDArray[np.float64]


class ConfusionMatrix:
    """Counts of (truth, prediction) over pixels whose truth is not void.

    Attributes:
        counts: (11, 11) int64, rows are truth.
    """

    def __init__(self) -> None:
        self.counts = np.zeros((NUM_CLASSES, NUM_CLASSES), np.int64)

    def add(self, truth: UInt8Array, predicted: UInt8Array) -> None:
        """Count one image; both (H, W) uint8, prediction 0-10, truth 11 is ignored."""
        known = truth < NUM_CLASSES
        pairs = truth[known].astype(np.int64) * NUM_CLASSES + predicted[known]
        self.counts += np.bincount(pairs, minlength=self.counts.size).reshape(self.counts.shape)

    def class_iou(self) -> Float64Array:
        """(11,) IoU in 0-1; NaN for a class that neither truth nor prediction holds."""
        hits = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(0) + self.counts.sum(1) - hits
        iou: Float64Array = np.full(NUM_CLASSES, np.nan)
        np.divide(hits, union, out=iou, where=union > 0)
        return iou

    def percent_of_truth(self) -> Float64Array:
        """(11, 11) counts in % of their row's; NaN in the row of a class that truth never holds."""
        rows = self.counts.sum(1, keepdims=True)
        percent: Float64Array = np.full(self.counts.shape, np.nan)
        np.divide(100.0 * self.counts, rows, out=percent, where=rows > 0)
        return percent

    def mean_iou(self) -> float:
        """Mean of :meth:`class_iou` over the classes seen; NaN where nothing was counted."""
        iou = self.class_iou()
        return float(np.nanmean(iou)) if np.isfinite(iou).any() else float("nan")

    def frequency_weighted_iou(self) -> float:
        """IoU weighted by each class' share of the true pixels; NaN where nothing was counted."""
        total = self.counts.sum()
        if total == 0:
            return float("nan")
        return float(np.nansum(self.counts.sum(1) / total * self.class_iou()))
