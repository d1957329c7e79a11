"""Carrying results: copying against the true and an estimated flow, on a scene that moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.evaluation.warp_evaluation import (
    chained_iou,
    copying,
    flow_mover,
    one_hot_probabilities,
    propagation_table,
    warped_iou,
)
from vssn.flow.dis import DISFlow
from vssn.flow.warp import warp_probabilities
from vssn.types import FlowEstimate, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow

HW = (96, 144)
STEP_PX = 4
CAR, ROAD, VOID = 8, 3, 11


@pytest.fixture(scope="module")
def scene() -> tuple[list[UInt8Array], list[UInt8Array]]:
    """Frames and labels of a textured street that moves 4 px to the right each frame."""
    rng = np.random.default_rng(0)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (96, 240, 3), np.uint8), (0, 0), 2)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    labels = np.full((96, 240), ROAD, np.uint8)
    for left in range(100, 200, 30):
        labels[30:60, left : left + 8] = CAR
    starts = range(80, 80 - 6 * STEP_PX, -STEP_PX)
    return [wide[:, s : s + 144] for s in starts], [labels[:, s : s + 144] for s in starts]


def truly(current: int, key: int) -> FlowEstimate:
    return FlowEstimate(np.full((*HW, 2), (-STEP_PX * (current - key), 0), np.float32), None)


def test_the_true_flow_beats_copying_and_misses_only_what_enters(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    frames, labels = scene
    probabilities = [one_hot_probabilities(label) for label in labels]
    dis = flow_mover(DISFlow(input_hw=HW), frames)
    movers = {"copied": copying, "true": truly, "DIS": dis}
    table = propagation_table(partial(warped_iou, probabilities, labels), [1, 3], movers)
    for distance in (1, 3):
        assert table["true"][distance] > 0.9
        assert table["DIS"][distance] > table["copied"][distance] + 0.1
    assert table["copied"][3] < table["copied"][1] < 0.8


def test_the_table_has_every_way_and_distance(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    labels = scene[1]
    probabilities = [one_hot_probabilities(label) for label in labels]
    measure = partial(warped_iou, probabilities, labels)
    table = propagation_table(measure, iter([1, 2]), {"a": copying, "b": truly})
    assert {name: list(row) for name, row in table.items()} == {"a": [1, 2], "b": [1, 2]}


def test_each_frame_is_compared_with_the_one_so_many_back() -> None:
    labels = [np.full((4, 4), number, np.uint8) for number in range(5)]
    asked = []

    def move(current: int, key: int) -> None:
        asked.append((current, key))

    confusion = warped_iou([one_hot_probabilities(label) for label in labels], labels, 2, move)
    assert asked == [(2, 0), (3, 1), (4, 2)]
    for current, key in asked:
        assert confusion.counts[current, key] == 16
    assert confusion.counts.sum() == 3 * 16


def test_in_a_chain_every_frame_counts_and_each_is_carried_from_the_one_before() -> None:
    labels = [np.full((4, 4), number, np.uint8) for number in range(6)]
    asked = []

    def move(current: int, reference: int) -> None:
        asked.append((current, reference))

    probabilities = [one_hot_probabilities(label) for label in labels]
    confusion = chained_iou(probabilities, labels, 3, move)
    assert asked == [(1, 0), (2, 1), (4, 3), (5, 4)]
    assert confusion.counts.sum() == 6 * 16
    assert np.trace(confusion.counts) == 2 * 16


def test_a_chain_goes_on_from_what_was_carried(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    frames, labels = scene
    measure = partial(chained_iou, [one_hot_probabilities(label) for label in labels], labels)
    dis = flow_mover(DISFlow(input_hw=HW), frames)
    table = propagation_table(measure, [1, 6], {"copied": copying, "DIS": dis})
    assert table["DIS"][1] == table["copied"][1] == 1
    assert table["DIS"][6] > table["copied"][6] + 0.1


def test_void_has_no_score_in_any_class() -> None:
    probabilities = one_hot_probabilities(np.array([[CAR, VOID]], np.uint8))
    assert probabilities.shape == (1, 2, 11)
    assert probabilities.dtype == np.float32
    assert probabilities[0, 0].tolist() == np.eye(11)[CAR].tolist()
    assert not probabilities[0, 1].any()


def test_a_flow_network_compares_current_with_key(fake_flow: FakeFlow) -> None:
    frames = [np.full((48, 64, 3), 50 * number, np.uint8) for number in range(3)]
    move = flow_mover(fake_flow, frames)
    fake_flow.flow_cells = (-1, 0)
    probabilities = np.zeros((24, 32, 11), np.float32)
    probabilities[:, 10] = 1
    estimate = move(2, 0)
    assert estimate is not None
    propagated = warp_probabilities(probabilities, estimate)
    assert np.flatnonzero(propagated[5, :, 0]).tolist() == [11]
    np.testing.assert_allclose(np.array(fake_flow.compared), [[100 / 255, 0]])
