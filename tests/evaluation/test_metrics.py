"""Confusion matrix and IoU, against numbers worked out by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from vssn.evaluation.metrics import ConfusionMatrix

# Truth: 4 of class 0, 3 of class 3, 1 of class 8, 2 void.
TRUTH = np.array([[0, 0, 0, 0, 3], [3, 3, 8, 11, 11]], np.uint8)
# Class 0: 3 hits of 4, one called 3. Class 3: 2 hits, one called 0. Class 8 is missed as 0.
PREDICTED = np.array([[0, 0, 0, 3, 3], [3, 0, 0, 5, 0]], np.uint8)
IOU = {0: 3 / 6, 3: 2 / 4, 8: 0 / 1}


def matrix(truth: np.ndarray = TRUTH, predicted: np.ndarray = PREDICTED) -> ConfusionMatrix:
    confusion = ConfusionMatrix()
    confusion.add(truth, predicted)
    return confusion


def test_counts_are_of_truth_and_prediction() -> None:
    counts = matrix().counts
    assert counts.shape == (11, 11)
    assert (counts[0, 0], counts[0, 3], counts[3, 3], counts[3, 0], counts[8, 0]) == (3, 1, 2, 1, 1)
    assert counts.sum() == 8


def test_iou_by_class_and_nan_for_one_never_seen() -> None:
    iou = matrix().class_iou()
    for index in range(11):
        if index in IOU:
            assert iou[index] == pytest.approx(IOU[index])
        else:
            assert math.isnan(iou[index])


def test_rows_are_percent_of_a_true_class_and_nan_for_one_never_true() -> None:
    percent = matrix().percent_of_truth()
    assert (percent[0, 0], percent[0, 3], percent[8, 0]) == (75, 25, 100)
    assert percent[3, 3] == pytest.approx(200 / 3)
    assert np.flatnonzero(np.isfinite(percent).all(1)).tolist() == [0, 3, 8]
    assert np.isnan(np.delete(percent, [0, 3, 8], axis=0)).all()


def test_the_mean_is_over_the_classes_seen() -> None:
    assert matrix().mean_iou() == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_the_frequency_weighted_iou() -> None:
    assert matrix().frequency_weighted_iou() == pytest.approx((4 * 0.5 + 3 * 0.5 + 0) / 8)


def test_a_class_predicted_but_never_true_counts_as_zero() -> None:
    confusion = matrix(np.zeros((2, 2), np.uint8), np.array([[0, 0], [0, 7]], np.uint8))
    assert confusion.class_iou()[7] == 0
    assert confusion.mean_iou() == pytest.approx((0.75 + 0) / 2)
    assert confusion.frequency_weighted_iou() == pytest.approx(0.75)


def test_what_is_predicted_on_void_does_not_count() -> None:
    other = PREDICTED.copy()
    other[TRUTH == 11] = 3
    assert np.array_equal(matrix().counts, matrix(predicted=other).counts)


def test_images_add_up_whatever_their_sizes() -> None:
    confusion = ConfusionMatrix()
    confusion.add(TRUTH[:1], PREDICTED[:1])
    confusion.add(TRUTH[1:, :2], PREDICTED[1:, :2])
    confusion.add(TRUTH[1:, 2:], PREDICTED[1:, 2:])
    assert np.array_equal(confusion.counts, matrix().counts)


@pytest.mark.parametrize("truth", [None, np.full((3, 3), 11, np.uint8)])
def test_nothing_counted_gives_nan_without_a_warning(truth: np.ndarray | None) -> None:
    confusion = ConfusionMatrix()
    if truth is not None:
        confusion.add(truth, np.zeros_like(truth))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(confusion.mean_iou())
        assert math.isnan(confusion.frequency_weighted_iou())
        assert np.isnan(confusion.class_iou()).all()


def test_a_perfect_result_has_an_iou_of_one() -> None:
    truth = np.random.default_rng(0).integers(0, 12, (40, 50)).astype(np.uint8)
    confusion = matrix(truth, np.where(truth == 11, 0, truth).astype(np.uint8))
    assert confusion.mean_iou() == confusion.frequency_weighted_iou() == 1
