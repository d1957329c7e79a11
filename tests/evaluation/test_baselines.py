"""What adaptive schedules are measured against segments where it says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.evaluation.baselines import (
    MOST_PHASES,
    MeasuredConfidence,
    Oracle,
    ShiftedInterval,
    measured_agreement,
    phases,
)
from vssn.flow.warp import warp_probabilities
from vssn.streaming.confidence import GainScale
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, Propagate

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeFlow, FakeSegmentation

    from vssn.streaming.schedule import Schedule
    from vssn.types import Float32Array, UInt8Array

ROAD, CAR = 3, 8


def keys_of(schedule: Schedule, frames: int, fake_flow: FakeFlow) -> list[int]:
    """The numbers of the frames that are segmented."""
    view = np.zeros((24, 32, 3), np.float32)
    keys = [0]
    for number in range(1, frames):
        if schedule.decide(fake_flow.compare(view, view), number - keys[-1]).segment:
            keys.append(number)
    return keys


def test_only_the_first_interval_is_shortened(fake_flow: FakeFlow) -> None:
    assert keys_of(ShiftedInterval(4, 2), 12, fake_flow) == [0, 2, 6, 10]
    assert keys_of(ShiftedInterval(4, 4), 12, fake_flow) == [0, 4, 8]


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(1, [1]), (2, [2, 1]), (3, [3, 2, 1]), (10, [10, 7, 4]), (30, [30, 20, 10])],
)
def test_an_interval_begins_at_moments_evenly_spread(
    interval: int, seconds: list[int], fake_flow: FakeFlow
) -> None:
    found = [keys_of(schedule, 61, fake_flow)[1] for schedule in phases(interval)]
    assert found == seconds
    assert len(found) == min(interval, MOST_PHASES)


def test_every_fourth_pixel_is_looked_at() -> None:
    segmented = np.zeros((6, 8, 11), np.float32)
    segmented[..., ROAD] = 1
    propagated = segmented.copy()
    propagated[1::2, :, CAR] = propagated[:, 1::2, CAR] = 2
    assert measured_agreement(propagated, segmented) == 100
    propagated[0, :, CAR] = 2  # 4 of the 12 pixels
    road, car = 12**0.5, 4**0.5  # weights; the car's IoU is 0
    expected = 100 * (8 / 12 * road + 0 * car) / (road + car)
    assert measured_agreement(propagated, segmented) == pytest.approx(expected)
    assert math.isnan(measured_agreement(propagated, segmented * 0.6))  # confident nowhere


@pytest.fixture
def drive(paint: Callable[[np.ndarray], UInt8Array]) -> list[UInt8Array]:
    """A car that moves faster and faster on a road; the flow sees nothing of it."""
    frames = []
    for left in (0, 2, 4, 4, 8, 12, 20, 20, 30):
        labels = np.full((48, 64), ROAD)
        labels[10:30, left : left + 20] = CAR
        frames.append(paint(labels))
    return frames


def measured_of(
    segmented: list[Float32Array], keys: set[int], propagate: Propagate, flow: FakeFlow
) -> list[float]:
    """Each frame's measured agreement, had it been warped, by doing what segmenters do."""
    agreements, here = [], segmented[0]
    comparison = flow.compare(np.zeros((24, 32, 3), np.float32), np.zeros((24, 32, 3), np.float32))
    for number, own in enumerate(segmented[1:], start=1):
        propagated = warp_probabilities(here, comparison.estimate())
        agreements.append(measured_agreement(propagated, own))
        if number in keys:
            here = own
        elif propagate is Propagate.CHAIN:
            here = propagated
    return agreements


UNREST = 1.5


@pytest.mark.parametrize("propagate", Propagate)
@pytest.mark.parametrize("flow_cells", [(0, 0), (-1, 0)])
@pytest.mark.parametrize("target", [85, 90, 95, 100])
def test_the_oracle_segments_where_the_measured_confidence_is_below_the_target(
    propagate: Propagate,
    flow_cells: tuple[float, float],
    target: float,
    drive: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
) -> None:
    fake_flow.flow_cells = flow_cells
    segmented = [fake_segmentation.probabilities(frame) for frame in drive]
    oracle = Oracle(segmented, target, propagate, UNREST)
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, oracle, propagate=propagate)
    results = list(segmenter.stream(drive))
    keys = {result.index for result in results if result.path is FramePath.SEGMENT}
    scale, distance, expected = GainScale(), 0, []
    for number, agreement in enumerate(measured_of(segmented, keys, propagate, fake_flow), 1):
        distance += 1
        expected.append(scale.confidence(max(100 - agreement - UNREST, 0), distance))
        distance = 0 if number in keys else distance
    assert 1 < len(keys) < len(drive)
    assert keys == {0} | {n for n, confidence in enumerate(expected, 1) if confidence < target}
    np.testing.assert_allclose([result.predicted_confidence for result in results[1:]], expected)


@pytest.mark.parametrize("propagate", Propagate)
def test_the_oracle_warps_where_the_network_is_confident_nowhere(
    propagate: Propagate, drive: list[UInt8Array], fake_flow: FakeFlow
) -> None:
    fake = [np.full((24, 32, 11), 1 / 11, np.float32) for _ in drive]
    oracle = Oracle(fake, 99, propagate)
    assert keys_of(oracle, len(drive), fake_flow) == [0]


def test_measured_confidence_is_of_what_segmenting_gains() -> None:
    confidence, scale = MeasuredConfidence(3.0), GainScale()
    assert confidence.of(100.0, 0) == 100
    assert confidence.of(88.0, 1) == scale.confidence(100 - 88 - 3, 1)
    assert math.isnan(confidence.of(math.nan, 2))
    assert confidence.of(80.0, 3) == scale.confidence(100 - 80 - 3, 3)
    assert confidence.of(98.0, 1) == 100  # unrest alone
