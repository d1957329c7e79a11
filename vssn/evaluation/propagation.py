"""How well a result survives being carried over frames, by way of carrying it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vssn.datatypes import Float32Array, UInt8Array
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import NUM_CLASSES
from vssn.preprocess import size_hw
from vssn.runtime.protocols import FlowNetwork
from vssn.streaming.scores import labels_from_scores
from vssn.streaming.warp import warp_scores

# Carries class scores (h, w, 11) of frame ``reference`` to frame ``current``.
Carrier = Callable[[Float32Array, int, int], Float32Array]


def copying(scores: Float32Array, current: int, reference: int) -> Float32Array:
    """The scores as they are: what every flow has to beat."""
    return scores


def flow_carrier(network: FlowNetwork, frames_bgr: Sequence[UInt8Array]) -> Carrier:
    """Carry with a flow method, as :class:`vssn.streaming.segmenter.AdaptiveSegmenter` does."""
    views = [network.prepare(frame) for frame in frames_bgr]

    def carry(scores: Float32Array, current: int, reference: int) -> Float32Array:
        return warp_scores(scores, network.compare(views[current], views[reference]).estimate())

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


def chained_iou(
    scores: Sequence[Float32Array], labels: Sequence[UInt8Array], interval: int, carry: Carrier
) -> ConfusionMatrix:
    """Compare a stream of which every ``interval``-th frame is segmented with its labels.

    The other frames' scores are carried from the frame before, however they came about there.

    Args:
        scores: (h, w, 11) float32 per frame; only those of the frames segmented are looked at.
        labels: (H, W) uint8 true labels per frame, all of which count.
        interval: frames from one key frame to the next.
        carry: the way of carrying.
    """
    confusion = ConfusionMatrix()
    here = scores[0]
    for current, label in enumerate(labels):
        is_key = current % interval == 0
        here = scores[current] if is_key else carry(here, current, current - 1)
        confusion.add(label, labels_from_scores(here, size_hw(label)))
    return confusion


def propagation_table(
    measure: Callable[[int, Carrier], ConfusionMatrix],
    steps: Iterable[int],
    carriers: dict[str, Carrier],
) -> dict[str, dict[int, float]]:
    """Mean IoU by way of carrying and number of frames.

    Args:
        measure: :func:`carried_iou` or :func:`chained_iou`, with scores and labels filled in.
        steps: distances or intervals.
        carriers: the ways of carrying, by name.
    """
    wanted = list(steps)
    return {
        name: {k: measure(k, carry).mean_iou() for k in wanted} for name, carry in carriers.items()
    }
