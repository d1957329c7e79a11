"""Carrying results: copying against the true and an estimated flow, on a scene that moves."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.datatypes import UInt8Array
from vssn.evaluation.propagation import (
    carried_iou,
    chained_iou,
    copying,
    flow_carrier,
    one_hot_scores,
    propagation_table,
)
from vssn.runtime.dis import DISFlow
from vssn.streaming.warp import warp

if TYPE_CHECKING:
    from conftest import FakeFlow

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


def true_carrier(scores: np.ndarray, current: int, key: int) -> np.ndarray:
    flow = np.full((*scores.shape[:2], 2), (-STEP_PX * (current - key), 0), np.float32)
    return warp(scores, flow)


def test_the_true_flow_beats_copying_and_misses_only_what_enters(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    frames, labels = scene
    scores = [one_hot_scores(label) for label in labels]
    dis = flow_carrier(DISFlow(input_hw=HW), frames)
    carriers = {"copied": copying, "true": true_carrier, "DIS": dis}
    table = propagation_table(partial(carried_iou, scores, labels), [1, 3], carriers)
    for distance in (1, 3):
        assert table["true"][distance] > 0.9
        assert table["DIS"][distance] > table["copied"][distance] + 0.1
    assert table["copied"][3] < table["copied"][1] < 0.8


def test_the_table_has_every_way_and_distance(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    labels = scene[1]
    scores = [one_hot_scores(label) for label in labels]
    measure = partial(carried_iou, scores, labels)
    table = propagation_table(measure, iter([1, 2]), {"a": copying, "b": true_carrier})
    assert {name: list(row) for name, row in table.items()} == {"a": [1, 2], "b": [1, 2]}


def test_each_frame_is_compared_with_the_one_so_many_back() -> None:
    labels = [np.full((4, 4), number, np.uint8) for number in range(5)]
    asked = []

    def carry(scores: np.ndarray, current: int, key: int) -> np.ndarray:
        asked.append((current, key, int(scores[0, 0].argmax())))
        return one_hot_scores(labels[current])

    confusion = carried_iou([one_hot_scores(label) for label in labels], labels, 2, carry)
    assert asked == [(2, 0, 0), (3, 1, 1), (4, 2, 2)]
    assert confusion.mean_iou() == 1
    assert confusion.counts.sum() == 3 * 16


def test_in_a_chain_every_frame_counts_and_each_is_carried_from_the_one_before() -> None:
    labels = [np.full((4, 4), number, np.uint8) for number in range(6)]
    asked = []

    def carry(scores: np.ndarray, current: int, reference: int) -> np.ndarray:
        asked.append((current, reference, int(scores[0, 0].argmax())))
        return scores

    scores = [one_hot_scores(label) for label in labels]
    confusion = chained_iou(scores, labels, 3, carry)
    assert asked == [(1, 0, 0), (2, 1, 0), (4, 3, 3), (5, 4, 3)]
    assert confusion.counts.sum() == 6 * 16
    assert np.trace(confusion.counts) == 2 * 16


def test_a_chain_goes_on_from_what_was_carried(
    scene: tuple[list[UInt8Array], list[UInt8Array]],
) -> None:
    frames, labels = scene
    measure = partial(chained_iou, [one_hot_scores(label) for label in labels], labels)
    dis = flow_carrier(DISFlow(input_hw=HW), frames)
    table = propagation_table(measure, [1, 6], {"copied": copying, "DIS": dis})
    assert table["DIS"][1] == table["copied"][1] == 1
    assert table["DIS"][6] > table["copied"][6] + 0.1


def test_void_has_no_score_in_any_class() -> None:
    scores = one_hot_scores(np.array([[CAR, VOID]], np.uint8))
    assert scores.shape == (1, 2, 11)
    assert scores.dtype == np.float32
    assert scores[0, 0].tolist() == np.eye(11)[CAR].tolist()
    assert not scores[0, 1].any()


def test_a_flow_network_compares_current_with_key(fake_flow: FakeFlow) -> None:
    frames = [np.full((48, 64, 3), 50 * number, np.uint8) for number in range(3)]
    carry = flow_carrier(fake_flow, frames)
    fake_flow.flow_cells = (-1, 0)
    scores = np.zeros((24, 32, 11), np.float32)
    scores[:, 10] = 1
    carried = carry(scores, 2, 0)
    assert np.flatnonzero(carried[5, :, 0]).tolist() == [11]
    np.testing.assert_allclose(np.array(fake_flow.compared), [[100 / 255, 0]])
