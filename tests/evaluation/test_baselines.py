"""The schedules that adaptive ones are measured against."""

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
from vssn.streaming.schedule import Decision
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, Propagate

if TYPE_CHECKING:
    from collections.abc import Callable

    from fake_networks import FakeFlow, FakeSegmentation

    from vssn.streaming.schedule import Schedule
    from vssn.types import Float32Array, UInt8Array

ROAD, CAR = 3, 8
FLICKER = 2.0


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
    road, car = 12**0.5, 4**0.5  # weights
    expected = 100 * 8 / 12 * road / (road + car)
    assert measured_agreement(propagated, segmented) == pytest.approx(expected)
    assert math.isnan(measured_agreement(propagated, segmented / 2))  # confident nowhere


@pytest.fixture
def drive(paint: Callable[[np.ndarray], UInt8Array]) -> list[UInt8Array]:
    """A car that moves faster and faster on a road; the flow sees nothing of it."""
    frames = []
    for left in (0, 2, 4, 4, 8, 12, 20, 20, 30):
        labels = np.full((48, 64), ROAD)
        labels[10:30, left : left + 20] = CAR
        frames.append(paint(labels))
    return frames


def confidences_of(
    segmented: list[Float32Array], keys: set[int], propagate: Propagate, flow: FakeFlow
) -> list[float]:
    """Each frame's measured confidence, had it been warped, by doing what segmenters do."""
    confidences, here, key = [], segmented[0], 0
    measured = MeasuredConfidence(FLICKER)
    comparison = flow.compare(np.zeros((24, 32, 3), np.float32), np.zeros((24, 32, 3), np.float32))
    for number, own in enumerate(segmented[1:], start=1):
        propagated = warp_probabilities(here, comparison.estimate())
        confidences.append(measured.of(measured_agreement(propagated, own), number - key))
        if number in keys:
            here, key = own, number
        elif propagate is Propagate.CHAIN:
            here = propagated
    return confidences


@pytest.mark.parametrize("propagate", Propagate)
@pytest.mark.parametrize("flow_cells", [(0, 0), (-1, 0)])
@pytest.mark.parametrize("target", [50, 70, 90, 100])
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
    oracle = Oracle(segmented, target, propagate, FLICKER)
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, oracle, propagate=propagate)
    # Not stream(), which would reset: an oracle serves one stream, once.
    results = [segmenter.step(frame) for frame in drive]
    keys = {result.index for result in results if result.path is FramePath.SEGMENT}
    measured = confidences_of(segmented, keys, propagate, fake_flow)
    assert keys == {0} | {number for number, each in enumerate(measured, 1) if each < target}
    assert len(keys) > 1 or target < 90
    np.testing.assert_allclose([result.predicted_confidence for result in results[1:]], measured)


def test_a_network_that_is_confident_nowhere_gives_the_oracle_nothing_to_go_by(
    drive: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    unsure = [fake_segmentation.probabilities(frame) / 2 for frame in drive]
    oracle = Oracle(unsure, 90, Propagate.CHAIN)
    view = np.zeros((24, 32, 3), np.float32)
    assert oracle.decide(fake_flow.compare(view, view), 1) == Decision(False, None)


def test_flicker_is_not_held_against_a_result() -> None:
    assert MeasuredConfidence(20.0).of(80.0, 1) == 100
    assert MeasuredConfidence(10.0).of(80.0, 1) > MeasuredConfidence(0.0).of(80.0, 1)
    assert MeasuredConfidence(10.0).of(80.0, 0) == 100
    assert math.isnan(MeasuredConfidence(10.0).of(math.nan, 1))
