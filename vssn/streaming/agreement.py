"""How well a carried result agrees with a fresh segmentation: what expected scores expect."""

from __future__ import annotations

import numpy as np

from vssn.datatypes import Float32Array

SURE = 0.7  # class score above which the network's pick rarely changes from frame to frame


def pixel_agreement(carried: Float32Array, fresh: Float32Array) -> float:
    """Percentage of pixels on which both pick the same class: DVSNet's confidence score.

    Thin classes hardly count in it: a result without any poles still agrees on 98 % of the pixels.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        carried: (h, w, classes) float32 class scores.
        fresh: those of the same frame, segmented.

    Returns:
        0-100.
    """
    return float((carried.argmax(-1) == fresh.argmax(-1)).mean() * 100)


def class_agreement(carried: Float32Array, fresh: Float32Array) -> float:
    """Mean class IoU between both, where the fresh segmentation is sure, times 100.

    Every class that either of them holds counts alike, as in the mean IoU that results are judged
    by. Pixels of which the network isn't sure are left out: there it disagrees with itself from
    one frame to the next, which is no fault of the carrying and which segmenting wouldn't cure.

    Args:
        carried: (h, w, classes) float32 class scores.
        fresh: those of the same frame, segmented; probabilities.

    Returns:
        0-100; 100 where the fresh segmentation is sure of nothing.
    """
    classes = fresh.shape[-1]
    best = fresh.argmax(-1)
    sure = np.take_along_axis(fresh, best[..., np.newaxis], -1)[..., 0] > SURE
    pairs = best[sure] * classes + carried[sure].argmax(-1)
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hits = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - hits
    held = union > 0
    return float((hits[held] / union[held]).mean() * 100) if held.any() else 100.0
