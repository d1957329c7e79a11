"""Networks without weights, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import cv2
import numpy as np

from vssn.labels import NUM_CLASSES
from vssn.models.layout import FEATURE_SHAPE
from vssn.types import Float32Array, FlowEstimate, UInt8Array

GRID_HW = (24, 32)  # of the fakes' scores and flow
BLUE_STEP = 20


class FakeSegmentation:
    """Reads the class of each pixel off its blue value; see :func:`painted`."""

    def __init__(self) -> None:
        self.calls = 0
        self.before_each: Callable[[], None] = lambda: None

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        self.before_each()
        self.calls += 1
        small = cv2.resize(frame_bgr, GRID_HW[::-1], interpolation=cv2.INTER_NEAREST)
        labels = np.minimum(small[..., 0] // BLUE_STEP, NUM_CLASSES - 1)
        return np.eye(NUM_CLASSES, dtype=np.float32)[labels]


class FakeComparison:
    """Counts how often its parts are run."""

    def __init__(self, network: FakeFlow) -> None:
        self._network = network

    @cached_property
    def feature(self) -> Float32Array:
        self._network.encodings += 1
        return np.zeros(FEATURE_SHAPE, np.float32)

    @cached_property
    def _estimate(self) -> FlowEstimate:
        _ = self.feature
        self._network.refinements += 1
        flow = np.full((*GRID_HW, 2), self._network.flow_cells, np.float32)
        return FlowEstimate(flow, np.tile(np.array(self._network.scale, np.float32), (*GRID_HW, 1)))

    def estimate(self) -> FlowEstimate:
        return self._estimate


class FakeFlow:
    """Sees the same motion between any two frames; none until it is told."""

    def __init__(self) -> None:
        self.flow_cells = (0.0, 0.0)
        self.scale: Sequence[float] = (1.0,) * NUM_CLASSES
        self.encodings = 0
        self.refinements = 0
        self.compared: list[tuple[float, float]] = []

    def prepare(self, frame_bgr: UInt8Array) -> Float32Array:
        return np.full((*GRID_HW, 3), frame_bgr.mean() / 255, np.float32)

    def compare(self, current: Float32Array, reference: Float32Array) -> FakeComparison:
        self.compared.append((float(current.mean()), float(reference.mean())))
        return FakeComparison(self)


class FakeDecision:
    """Expects the scores that it is told, then 90 for ever."""

    def __init__(self, answers: Sequence[float] = ()) -> None:
        self.answers = list(answers)
        self.calls = 0

    def predicted_confidence(self, feature: Float32Array) -> float:
        assert feature.shape == FEATURE_SHAPE
        self.calls += 1
        return self.answers.pop(0) if self.answers else 90.0


def painted(labels: np.ndarray) -> UInt8Array:
    """The (H, W, 3) uint8 BGR frame in which FakeSegmentation finds ``labels``."""
    blue = (labels * BLUE_STEP + BLUE_STEP // 2).astype(np.uint8)
    return np.stack([blue, np.full_like(blue, 60), np.full_like(blue, 90)], axis=-1)
