"""How well a result survives being carried over k frames, by way of carrying it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import cv2
import numpy as np

from vssn.datatypes import Float32Array, UInt8Array
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import NUM_CLASSES
from vssn.preprocess import size_hw
from vssn.runtime.protocols import FlowNetwork
from vssn.streaming.scores import labels_from_scores
from vssn.streaming.warp import NO_ARRAY, enlarge_flow, warp, warp_scores

# Carries class scores (h, w, 11) from frame ``key`` to frame ``current``.
Carrier = Callable[[Float32Array, int, int], Float32Array]


def copying(scores: Float32Array, current: int, key: int) -> Float32Array:
    """The result of the key frame as it is: what every flow has to beat."""
    return scores


def flow_carrier(network: FlowNetwork, frames_bgr: Sequence[UInt8Array]) -> Carrier:
    """Carry with a flow network, as :class:`vssn.streaming.segmenter.AdaptiveSegmenter` does."""
    views = [network.prepare(frame) for frame in frames_bgr]

    def carry(scores: Float32Array, current: int, key: int) -> Float32Array:
        return warp_scores(scores, network.compare(views[current], views[key]).estimate())

    return carry


def dis_carrier(frames_bgr: Sequence[UInt8Array], hw: tuple[int, int]) -> Carrier:
    """Carry with OpenCV's DIS medium flow at ``hw``: the classical way, for comparison.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (ECCV 2016).
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    greys = [
        cv2.resize(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), hw[::-1], interpolation=cv2.INTER_AREA)
        for frame in frames_bgr
    ]

    def carry(scores: Float32Array, current: int, key: int) -> Float32Array:
        flow = np.asarray(method.calc(greys[current], greys[key], NO_ARRAY), np.float32)
        return warp(scores, enlarge_flow(flow, size_hw(scores)))

    return carry


def one_hot_scores(label: UInt8Array) -> Float32Array:
    """(h, w, 11) float32 scores of a true label image; void scores zero everywhere."""
    return np.asarray(np.equal(label[..., np.newaxis], np.arange(NUM_CLASSES)), np.float32)


def carried_iou(
    scores: Sequence[Float32Array], labels: Sequence[UInt8Array], distance: int, carry: Carrier
) -> ConfusionMatrix:
    """Compare the scores of ``distance`` frames back, carried to each frame, with its labels.

    Args:
        scores: (h, w, 11) float32 per frame.
        labels: (H, W) uint8 true labels per frame.
        distance: frames between key and current frame.
        carry: the way of carrying.
    """
    confusion = ConfusionMatrix()
    for current in range(distance, len(labels)):
        carried = carry(scores[current - distance], current, current - distance)
        confusion.add(labels[current], labels_from_scores(carried, size_hw(labels[current])))
    return confusion


def propagation_table(
    scores: Sequence[Float32Array],
    labels: Sequence[UInt8Array],
    distances: Iterable[int],
    carriers: dict[str, Carrier],
) -> dict[str, dict[int, float]]:
    """Mean IoU by way of carrying and distance; see :func:`carried_iou`."""
    wanted = list(distances)
    return {
        name: {k: carried_iou(scores, labels, k, carry).mean_iou() for k in wanted}
        for name, carry in carriers.items()
    }
