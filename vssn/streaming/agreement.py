"""How well a carried result agrees with a fresh segmentation: what expected scores expect."""

from __future__ import annotations

import numpy as np

from vssn.types import Float32Array

CONFIDENT = 0.7  # class score above which the network's pick rarely changes from frame to frame


def pixel_agreement(propagated: Float32Array, segmented: Float32Array) -> float:
    """Percentage of pixels on which both pick the same class: DVSNet's confidence score.

    Thin classes hardly count in it: a result without any poles still agrees on 98 % of the pixels.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        propagated: (h, w, classes) float32 class probabilities.
        segmented: those of the same frame, segmented.

    Returns:
        0-100.
    """
    return float((propagated.argmax(-1) == segmented.argmax(-1)).mean() * 100)


def class_agreement(propagated: Float32Array, segmented: Float32Array) -> float:
    """Mean class IoU between both, where the fresh segmentation is sure, times 100.

    Every class that either of them holds counts alike, as in the mean IoU that results are judged
    by. Pixels of which the network isn't sure are left out: there it disagrees with itself from
    one frame to the next, which is no fault of the carrying and which segmenting wouldn't cure.

    Args:
        propagated: (h, w, classes) float32 class probabilities.
        segmented: those of the same frame, segmented; probabilities.

    Returns:
        0-100; 100 where the fresh segmentation is sure of nothing.
    """
    classes = segmented.shape[-1]
    best = segmented.argmax(-1)
    confident = np.take_along_axis(segmented, best[..., np.newaxis], -1)[..., 0] > CONFIDENT
    pairs = best[confident] * classes + propagated[confident].argmax(-1)
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hits = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - hits
    held = union > 0
    return float((hits[held] / union[held]).mean() * 100) if held.any() else 100.0
