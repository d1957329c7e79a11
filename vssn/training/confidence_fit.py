"""Fits the confidence prediction of :mod:`vssn.streaming.confidence` to a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from vssn.checkpoints.confidence_fit import IDENTITY, UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.errors import MediaError
from vssn.evaluation.agreement_growth import AgreementGrowth
from vssn.networks import FlowNetwork, SegmentationNetwork
from vssn.types import Propagation, UInt8Array

LEAST_FLICKER, LEAST_RATE = 0.5, 0.1  # a stream's own may be some tenths of its start, not of 0
CORNERS = 12  # of the calibration
Float64Array = npt.NDArray[np.float64]


class ConfidenceFitter:
    """Fits what agreement costs on clips, which need no labels. No clip is held in memory.

    Args:
        segmentation: what the fit is for; it segments each frame once.
        flows: what results are propagated by, for each way that is fitted.
    """

    def __init__(
        self, segmentation: SegmentationNetwork, flows: Mapping[Propagation, FlowNetwork]
    ) -> None:
        self._segmentation = segmentation
        self._flows = flows
        self._seen: dict[str, list[tuple[float, float]]] = {way.name: [] for way in flows}

    def add_clip(self, clip: Path | str, frames_bgr: Iterable[UInt8Array]) -> None:
        """Measure a clip.

        Args:
            clip: its name, for the error.
            frames_bgr: (H, W, 3) uint8 BGR each, read one by one.

        Raises:
            MediaError: it has fewer than two frames.
        """
        growths = {
            way.name: AgreementGrowth(flow, way.propagate) for way, flow in self._flows.items()
        }
        count = 0
        for frame_bgr in frames_bgr:
            count += 1
            probabilities = self._segmentation.probabilities(frame_bgr)
            for growth in growths.values():
                growth.add(frame_bgr, probabilities)
        if count < 2:
            raise MediaError(
                f"clip '{clip}' of {count} frames", "two frames or more", "pass a longer one"
            )
        for name, growth in growths.items():
            flicker, rate = growth.fit()
            if np.isfinite(rate):  # nothing to learn of a clip in which nothing moves
                self._seen[name].append((max(flicker, LEAST_FLICKER), max(rate, LEAST_RATE)))

    def fits(self) -> dict[str, ConfidenceFit]:
        """The fits of all ways, by name: geometric means over the clips."""
        fits = {}
        for name, seen in self._seen.items():
            if not seen:
                fits[name] = UNFITTED
                continue
            flicker, rate = np.exp(np.log(seen).mean(0))
            fits[name] = ConfidenceFit(float(rate), float(flicker))
        return fits


def calibration(raw: Float64Array, measured: Float64Array) -> ConfidenceMap:
    """The rising map from predicted to measured agreements that errs least in the square.

    Args:
        raw: (n,) predicted agreements.
        measured: (n,) measured agreements, 0-100.

    Returns:
        A map that gives 0 for 0, so that nothing hopeless is ever warped; the identity where
        there is nothing to go by.
    """
    if not raw.size:
        return IDENTITY
    order = np.lexsort((-measured, raw))  # falling where raw is equal, so that those are pooled
    fitted = isotonic_regression(measured[order]).x
    corners = np.unique(np.round(np.quantile(raw, np.linspace(0, 1, CORNERS)), 2))
    corners = corners[corners > 0]
    agreements = np.interp(corners, raw[order], fitted)
    return ConfidenceMap((0.0, *corners.tolist()), (0.0, *agreements.tolist()))
