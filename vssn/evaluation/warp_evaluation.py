"""How well a result survives being propagated over frames, by method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import NUM_CLASSES
from vssn.networks import FlowNetwork
from vssn.preprocess import size_hw
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.rules import VSSN_RULES
from vssn.types import Float32Array, FlowEstimate, UInt8Array

# The flow from frame ``current`` back to frame ``reference``; None takes the result as it is.
Mover = Callable[[int, int], FlowEstimate | None]


def copying(current: int, reference: int) -> None:
    """No flow at all: what every flow has to beat."""


def flow_mover(network: FlowNetwork, frames_bgr: Sequence[UInt8Array]) -> Mover:
    """Propagate by a flow method, as :class:`vssn.AdaptiveSegmenter` does."""
    views = [network.prepare(frame) for frame in frames_bgr]
    return lambda current, reference: network.compare(views[current], views[reference]).estimate()


def one_hot_probabilities(label: UInt8Array) -> Float32Array:
    """(h, w, 11) float32 scores of a true label image; void scores zero everywhere."""
    return np.asarray(np.equal(label[..., np.newaxis], np.arange(NUM_CLASSES)), np.float32)


def warped_iou(
    probabilities: Sequence[Float32Array],
    labels: Sequence[UInt8Array],
    distance: int,
    move: Mover,
) -> ConfusionMatrix:
    """Compare the result of ``distance`` frames back, warped to each frame, with its labels.

    Args:
        probabilities: (h, w, 11) float32 per frame.
        labels: (H, W) uint8 true labels per frame.
        distance: frames between key and current frame.
        move: the method.
    """
    confusion = ConfusionMatrix()
    for current in range(distance, len(labels)):
        reference = current - distance
        result = _moved(Propagated(KeyResult(probabilities[reference])), current, reference, move)
        confusion.add(labels[current], VSSN_RULES.labels_of(result, size_hw(labels[current])))
    return confusion


def chained_iou(
    probabilities: Sequence[Float32Array],
    labels: Sequence[UInt8Array],
    interval: int,
    move: Mover,
) -> ConfusionMatrix:
    """Compare a stream of which every ``interval``-th frame is segmented with its labels.

    The other frames' results are propagated from the frame before, whichever way it got them.

    Args:
        probabilities: (h, w, 11) float32 per frame; only those of segmented frames are
            read.
        labels: (H, W) uint8 true labels per frame, all of which count.
        interval: frames from one key frame to the next.
        move: the method.
    """
    confusion = ConfusionMatrix()
    here = Propagated(KeyResult(probabilities[0]))
    for current, label in enumerate(labels):
        if current % interval == 0:
            here = Propagated(KeyResult(probabilities[current]))
        else:
            here = _moved(here, current, current - 1, move)
        confusion.add(label, VSSN_RULES.labels_of(here, size_hw(label)))
    return confusion


def _moved(result: Propagated, current: int, reference: int, move: Mover) -> Propagated:
    estimate = move(current, reference)
    return result if estimate is None else result.along(estimate)


def propagation_table(
    measure: Callable[[int, Mover], ConfusionMatrix],
    steps: Iterable[int],
    movers: dict[str, Mover],
) -> dict[str, dict[int, float]]:
    """Mean IoU by method and number of frames.

    Args:
        measure: :func:`warped_iou` or :func:`chained_iou`, with probabilities and labels filled in.
        steps: distances or intervals.
        movers: the methods, by name.
    """
    wanted = list(steps)
    return {name: {k: measure(k, move).mean_iou() for k in wanted} for name, move in movers.items()}
