"""What adaptive schedules are measured against segments where it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.datatypes import FramePath, Propagate
from vssn.evaluation.rivals import MOST_PHASES, Oracle, ShiftedInterval, phases, true_score
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.streaming.warp import warp_scores

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import FakeFlow, FakeSegmentation

    from vssn.datatypes import Float32Array, UInt8Array
    from vssn.streaming.schedule import Schedule

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
    fresh = np.zeros((6, 8, 11), np.float32)
    fresh[..., ROAD] = 1
    carried = fresh.copy()
    carried[1::2, :, CAR] = carried[:, 1::2, CAR] = 2
    assert true_score(carried, fresh) == 100
    carried[0, :, CAR] = 2  # 4 of the 12 pixels
    assert true_score(carried, fresh) == pytest.approx(100 * (8 / 12 + 0) / 2)


@pytest.fixture
def drive(paint: Callable[[np.ndarray], UInt8Array]) -> list[UInt8Array]:
    """A car that moves faster and faster on a road; the flow sees nothing of it."""
    frames = []
    for left in (0, 2, 4, 4, 8, 12, 20, 20, 30):
        labels = np.full((48, 64), ROAD)
        labels[10:30, left : left + 20] = CAR
        frames.append(paint(labels))
    return frames


def truth_of(
    fresh: list[Float32Array], keys: set[int], propagate: Propagate, flow: FakeFlow
) -> list[float]:
    """Each frame's true score, had it been carried, by way of doing what segmenters do."""
    scores, here = [], fresh[0]
    comparison = flow.compare(np.zeros((24, 32, 3), np.float32), np.zeros((24, 32, 3), np.float32))
    for number, own in enumerate(fresh[1:], start=1):
        carried = warp_scores(here, comparison.estimate())
        scores.append(true_score(carried, own))
        if number in keys:
            here = own
        elif propagate is Propagate.CHAIN:
            here = carried
    return scores


@pytest.mark.parametrize("propagate", Propagate)
@pytest.mark.parametrize("flow_cells", [(0, 0), (-1, 0)])
@pytest.mark.parametrize("target", [50, 70, 90, 100])
def test_the_oracle_segments_where_the_true_score_is_below_the_target(
    propagate: Propagate,
    flow_cells: tuple[float, float],
    target: float,
    drive: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
) -> None:
    fake_flow.flow_cells = flow_cells
    fresh = [fake_segmentation.scores(frame) for frame in drive]
    oracle = Oracle(fresh, target, propagate)
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, oracle, propagate=propagate)
    results = list(segmenter.stream(drive))
    keys = {result.index for result in results if result.path is FramePath.SEGMENT}
    true = truth_of(fresh, keys, propagate, fake_flow)
    assert len(keys) > 1
    assert keys == {0} | {number for number, score in enumerate(true, 1) if score < target}
    np.testing.assert_allclose([result.expected_score for result in results[1:]], true)
