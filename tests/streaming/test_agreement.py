"""Measured agreement of propagated results."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.streaming.agreement import class_agreement, pixel_agreement
from vssn.types import Float32Array


def probabilities_of(labels: np.ndarray, best: float | np.ndarray = 0.9) -> Float32Array:
    """Probabilities of 11 classes, that of ``labels`` being ``best``."""
    best = np.broadcast_to(best, labels.shape)[..., np.newaxis]
    hit = np.eye(11, dtype=bool)[labels]
    return np.where(hit, best, (1 - best) / 10).astype(np.float32)


@pytest.fixture
def labels() -> np.ndarray:
    """Road, with a pole of one column in fifty."""
    labels = np.full((20, 50), 3)
    labels[:, 7] = 2
    return labels


def test_a_result_agrees_with_itself(labels: np.ndarray) -> None:
    probabilities = probabilities_of(labels)
    assert (
        pixel_agreement(probabilities, probabilities)
        == class_agreement(probabilities, probabilities)
        == 100
    )


def test_a_lost_pole_costs_2_points_by_pixel_and_its_root_of_area_by_class(
    labels: np.ndarray,
) -> None:
    lost, segmented = probabilities_of(np.full_like(labels, 3)), probabilities_of(labels)
    assert pixel_agreement(lost, segmented) == pytest.approx(98)
    # Road has IoU .98 on 1000 pixels, the pole 0 on 20.
    expected = 98 * 1000**0.5 / (1000**0.5 + 20**0.5)
    assert class_agreement(lost, segmented) == pytest.approx(expected)
    # A class that only the propagated result holds counts too.
    assert class_agreement(segmented, lost) == pytest.approx(expected)


def test_classes_count_by_their_iou(labels: np.ndarray) -> None:
    moved = np.roll(labels, 1, axis=1)
    road, pole = 1000**0.5, 40**0.5
    assert class_agreement(probabilities_of(moved), probabilities_of(labels)) == pytest.approx(
        100 * 48 / 50 * road / (road + pole)
    )


def test_where_the_segmentation_is_not_confident_nothing_counts(labels: np.ndarray) -> None:
    confident = np.where(labels == 2, 0.5, 0.9)
    lost = probabilities_of(np.full_like(labels, 3))
    assert class_agreement(lost, probabilities_of(labels, confident)) == 100
    # How confident the propagated result was doesn't matter.
    assert class_agreement(probabilities_of(labels, 0.5), probabilities_of(labels)) == 100


def test_without_a_confident_pixel_there_is_no_agreement_to_measure(labels: np.ndarray) -> None:
    lost = probabilities_of(np.full_like(labels, 3))
    assert class_agreement(lost, probabilities_of(labels, 0.5)) is None
