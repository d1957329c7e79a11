"""Labels from class probabilities."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vssn.flow.warp import warp_probabilities
from vssn.streaming.labelling import best_class, labels_along, labels_from_probabilities
from vssn.types import Float32Array, FlowEstimate


def test_the_best_class_wins_at_the_scores_own_size() -> None:
    truth = np.random.default_rng(0).integers(0, 11, (6, 9))
    probabilities = np.eye(11, dtype=np.float32)[truth] * 0.3 + 0.1
    labels = labels_from_probabilities(probabilities, (6, 9))
    assert labels.dtype == np.uint8
    assert np.array_equal(labels, truth)


def test_scores_are_enlarged_and_not_labels() -> None:
    # A weak winner beside a strong one: the border moves towards the weak one.
    probabilities = np.zeros((1, 2, 11), np.float32)
    probabilities[0, 0, 3] = 1.0
    probabilities[0, 1, 7] = 0.25
    labels = labels_from_probabilities(probabilities, (1, 16))
    assert set(labels[0].tolist()) == {3, 7}
    assert (labels[0] == 3).sum() > 9


def test_no_class_comes_up_between_two_others() -> None:
    probabilities = np.zeros((4, 4, 11), np.float32)
    probabilities[:, :2, 2] = 1
    probabilities[:, 2:, 10] = 1
    assert set(np.unique(labels_from_probabilities(probabilities, (37, 51)))) == {2, 10}
    assert labels_from_probabilities(probabilities, (37, 51)).shape == (37, 51)


def test_the_winner_is_that_of_all_enlarged_scores_and_the_first_of_equals() -> None:
    rng = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(rng.random((26, 38, 11), np.float32), (0, 0), 3)
    for probabilities in (rng.random((26, 38, 11), np.float32), smooth):
        for hw in ((26, 38), (45, 60), (13, 19), (200, 31), (360, 480)):
            large = cv2.resize(probabilities, hw[::-1], interpolation=cv2.INTER_LINEAR)
            labels = labels_from_probabilities(probabilities, hw)
            differs = labels != large.argmax(axis=-1)
            assert differs.mean() < 0.02
            # Where they differ it is a tie, but for positions rounded to 1/32.
            chosen = np.take_along_axis(large, labels[..., np.newaxis].astype(int), -1)[..., 0]
            assert (large.max(-1) - chosen)[differs].max(initial=0) < np.ptp(probabilities) / 16
    assert not labels_from_probabilities(np.ones((4, 4, 11), np.float32), (8, 8)).any()


def _street(hw: tuple[int, int]) -> Float32Array:
    """Smooth probabilities with regions of several classes."""
    noise = np.random.default_rng(2).random((*hw, 11), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    return np.asarray(np.exp(200 * (smooth - smooth.max(-1, keepdims=True))), np.float32)


def _flow(hw: tuple[int, int]) -> Float32Array:
    """A flow as of a camera that goes on and turns, in cells of its grid."""
    y, x = np.mgrid[: hw[0], : hw[1]].astype(np.float32)
    return np.stack([0.02 * (x - hw[1] / 2) - 1.3, 0.02 * (y - hw[0] / 2)], -1).astype(np.float32)


@pytest.mark.parametrize("hw", [(104, 152), (180, 240), (360, 480), (52, 76)])
@pytest.mark.parametrize("flow_hw", [(104, 152), (90, 120)])
def test_labels_along_a_flow_are_those_of_warped_probabilities(
    hw: tuple[int, int], flow_hw: tuple[int, int]
) -> None:
    probabilities, flow = _street((104, 152)), _flow(flow_hw)
    labels = labels_along(probabilities, best_class(probabilities), flow, hw)
    warped = warp_probabilities(probabilities, FlowEstimate(flow, None))
    expected = labels_from_probabilities(warped, hw)
    assert (labels.shape, labels.dtype) == (hw, np.uint8)
    unmoved = labels_from_probabilities(probabilities, hw)
    # What is left are edges, where probabilities are interpolated once instead of twice.
    assert (labels != expected).mean() < 0.008 < 0.06 < (unmoved != expected).mean()


def test_along_no_flow_the_labels_are_the_key_frames() -> None:
    probabilities = _street((52, 76))
    labels = labels_along(
        probabilities, best_class(probabilities), np.zeros((45, 60, 2), np.float32), (130, 190)
    )
    np.testing.assert_array_equal(labels, labels_from_probabilities(probabilities, (130, 190)))
