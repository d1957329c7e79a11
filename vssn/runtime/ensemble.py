"""Several segmentation networks as one: the mean of their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vssn.networks import SegmentationNetwork
from vssn.preprocess import resize_bilinear, size_hw
from vssn.types import Float32Array, UInt8Array


class Ensemble:
    """The mean of several networks.

    Networks of other architectures err elsewhere, so their mean is better than each; it takes the
    time of all of them. Source: Lakshminarayanan et al., "Simple and Scalable Predictive
    Uncertainty Estimation using Deep Ensembles" (NeurIPS 2017).

    Args:
        networks: one or more; the first decides the size of the result.
    """

    def __init__(self, networks: Sequence[SegmentationNetwork]) -> None:
        self._networks = tuple(networks)

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class probabilities (h, w, 11) float32; see the protocol."""
        first, *others = (network.probabilities(frame_bgr) for network in self._networks)
        total = first.copy()
        for other in others:
            total += resize_bilinear(other, size_hw(total))
        return np.multiply(total, np.float32(1 / len(self._networks)), out=total)
