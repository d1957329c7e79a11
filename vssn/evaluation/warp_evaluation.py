"""How well a result survives being propagated over frames, by method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vssn.evaluation.metrics import ConfusionMatrix
from vssn.flow.warp import warp_probabilities
from vssn.labels import NUM_CLASSES
from vssn.networks import FlowNetwork
from vssn.preprocess import size_hw
from vssn.streaming.labelling import labels_from_probabilities
from vssn.types import Float32Array, UInt8Array

# Warps class probabilities (h, w, 11) of frame ``reference`` to frame ``current``.
Warper = Callable[[Float32Array, int, int], Float32Array]


def copying(probabilities: Float32Array, current: int, reference: int) -> Float32Array:
    """The scores as they are: what every flow has to beat."""
    return probabilities


def flow_warper(network: FlowNetwork, frames_bgr: Sequence[UInt8Array]) -> Warper:
    """Warp with a flow method, as :class:`vssn.streaming.segmenter.AdaptiveSegmenter` does."""
    views = [network.prepare(frame) for frame in frames_bgr]

    def warp(probabilities: Float32Array, current: int, reference: int) -> Float32Array:
        return warp_probabilities(
            probabilities, network.compare(views[current], views[reference]).estimate()
        )

    return warp


def one_hot_probabilities(label: UInt8Array) -> Float32Array:
    """(h, w, 11) float32 scores of a true label image; void scores zero everywhere."""
    return np.asarray(np.equal(label[..., np.newaxis], np.arange(NUM_CLASSES)), np.float32)


def warped_iou(
    probabilities: Sequence[Float32Array],
    labels: Sequence[UInt8Array],
    distance: int,
    warp: Warper,
) -> ConfusionMatrix:
    """Compare the result of ``distance`` frames back, warped to each frame, with its labels.

    Args:
        probabilities: (h, w, 11) float32 per frame.
        labels: (H, W) uint8 true labels per frame.
        distance: frames between key and current frame.
        warp: the method.
    """
    confusion = ConfusionMatrix()
    for current in range(distance, len(labels)):
        propagated = warp(probabilities[current - distance], current, current - distance)
        confusion.add(
            labels[current], labels_from_probabilities(propagated, size_hw(labels[current]))
        )
    return confusion


def chained_iou(
    probabilities: Sequence[Float32Array],
    labels: Sequence[UInt8Array],
    interval: int,
    warp: Warper,
) -> ConfusionMatrix:
    """Compare a stream of which every ``interval``-th frame is segmented with its labels.

    The other frames' probabilities are warped from the frame before, whichever way it got them.

    Args:
        probabilities: (h, w, 11) float32 per frame; only those of segmented frames are
            read.
        labels: (H, W) uint8 true labels per frame, all of which count.
        interval: frames from one key frame to the next.
        warp: the method.
    """
    confusion = ConfusionMatrix()
    here = probabilities[0]
    for current, label in enumerate(labels):
        is_key = current % interval == 0
        here = probabilities[current] if is_key else warp(here, current, current - 1)
        confusion.add(label, labels_from_probabilities(here, size_hw(label)))
    return confusion


def propagation_table(
    measure: Callable[[int, Warper], ConfusionMatrix],
    steps: Iterable[int],
    warpers: dict[str, Warper],
) -> dict[str, dict[int, float]]:
    """Mean IoU by method and number of frames.

    Args:
        measure: :func:`carried_iou` or :func:`chained_iou`, with scores and labels filled in.
        steps: distances or intervals.
        warpers: the methods, by name.
    """
    wanted = list(steps)
    return {
        name: {k: measure(k, warp).mean_iou() for k in wanted} for name, warp in warpers.items()
    }
