"""How well a propagated result agrees with a segmentation of the same frame."""

from __future__ import annotations

import numpy as np

from vssn.types import Float32Array

CONFIDENT = 0.7  # probability above which the network's class rarely changes between frames


def pixel_agreement(propagated: Float32Array, segmented: Float32Array) -> float:
    """Percentage of pixels on which both pick the same class: DVSNet's confidence score.

    Thin classes hardly count: a result without any poles still agrees on 98 % of the pixels.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        propagated: (h, w, classes) float32 class probabilities.
        segmented: those of the same frame, segmented.

    Returns:
        0-100.
    """
    return float((propagated.argmax(-1) == segmented.argmax(-1)).mean() * 100)


def class_agreement(propagated: Float32Array, segmented: Float32Array) -> float | None:
    """Mean class IoU between both where the segmentation is confident, times 100.

    Each class that either of them holds is weighted by the square root of the area on which either
    holds it: poles and people count, but a class of thirty pixels doesn't weigh as much as the
    road. Pixels where the network isn't confident are left out: there it disagrees with itself from
    one frame to the next, which segmenting wouldn't cure.

    Args:
        propagated: (h, w, classes) float32 class probabilities.
        segmented: those of the same frame, segmented.

    Returns:
        0-100; None where the segmentation is confident nowhere, so that there is nothing to
        compare with.
    """
    classes = segmented.shape[-1]
    best = segmented.argmax(-1)
    confident = np.take_along_axis(segmented, best[..., np.newaxis], -1)[..., 0] > CONFIDENT
    if not confident.any():
        return None
    pairs = best[confident] * classes + propagated[confident].argmax(-1)
    counts = np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    hits = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - hits
    held = union > 0
    return float(np.average(hits[held] / union[held], weights=np.sqrt(union[held])) * 100)
