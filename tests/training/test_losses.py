"""Losses and learning rates, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

LABELS = np.array([[[0, 3], [3, 11]]], np.int32)


def logits_for(shares: list[list[float]]) -> np.ndarray:
    """Logits of (1, 2, 2, 12) whose softmax gives classes 0 and 3 these shares."""
    probabilities = np.full((4, 12), 1e-9)
    probabilities[:, [0, 3]] = shares
    shares_of_all = probabilities / probabilities.sum(-1, keepdims=True)
    return np.asarray(np.log(shares_of_all).reshape(1, 2, 2, 12), np.float32)


SHARES = [[0.8, 0.2], [0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]


def test_cross_entropy_is_the_weighted_mean_over_known_pixels() -> None:
    from vssn.training.losses import weighted_cross_entropy

    weights = np.ones(12, np.float32)
    weights[[0, 3, 11]] = [1, 2, 0]
    loss = float(weighted_cross_entropy(logits_for(SHARES), LABELS, weights))
    expected = -(math.log(0.8) + 2 * math.log(0.5) + 2 * math.log(0.75)) / 5
    assert loss == pytest.approx(expected, rel=1e-4)


def test_soft_jaccard_is_over_the_classes_present() -> None:
    from vssn.training.losses import soft_jaccard

    # Class 0: both 0.8, either 1 + 1.55 - 0.8. Class 3: both 1.25, either 2 + 1.45 - 1.25.
    first, third = 0.8 / (1.75 + 1), 1.25 / (2.2 + 1)
    loss = float(soft_jaccard(logits_for(SHARES), LABELS))
    assert loss == pytest.approx(1 - (first + third) / 2, rel=1e-4)


def test_void_pixels_count_in_neither_loss() -> None:
    from vssn.training.losses import soft_jaccard, weighted_cross_entropy

    weights = np.append(np.ones(11), 0).astype(np.float32)
    other = [*SHARES[:3], [0.01, 0.99]]
    for loss in (soft_jaccard, lambda x, y: weighted_cross_entropy(x, y, weights)):
        assert float(loss(logits_for(other), LABELS)) == float(loss(logits_for(SHARES), LABELS))


def test_nothing_known_costs_nothing() -> None:
    from vssn.training.losses import soft_jaccard, weighted_cross_entropy

    void = np.full((1, 2, 2), 11, np.int32)
    weights = np.append(np.ones(11), 0).astype(np.float32)
    assert float(weighted_cross_entropy(logits_for(SHARES), void, weights)) == 0
    assert float(soft_jaccard(logits_for(SHARES), void)) == 0


def test_end_point_error_is_a_length_and_heeds_the_weight() -> None:
    from vssn.training.flow import end_point_error

    flow = np.zeros((1, 2, 2, 2), np.float32)
    predicted = flow.copy()
    predicted[0, 0, 0] = (3, 4)
    predicted[0, 1, 1] = (100, 0)
    weight = np.array([[[1, 1], [1, 0]]], np.float32)
    error = float(end_point_error(predicted, flow, weight, epsilon=1e-4))
    assert error == pytest.approx(5 / 3, rel=1e-3)
    assert float(end_point_error(flow, flow, weight * 0)) == 0


def test_the_rate_warms_up_and_falls_to_zero() -> None:
    from vssn.training.schedules import warm_cosine

    cycle = warm_cosine(0.1, 100, warmup_share=0.1)
    rates = [float(cycle(step)) for step in range(101)]
    assert rates[0] == pytest.approx(0.001)
    assert rates[5] == pytest.approx(0.0505)
    assert rates[10] == pytest.approx(0.1)
    assert rates[55] == pytest.approx(0.05, rel=1e-4)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert np.all(np.diff(rates[:11]) > 0)
    assert np.all(np.diff(rates[10:]) < 1e-9)


def test_a_pixel_of_one_of_two_classes_is_judged_by_the_sum_of_both() -> None:
    from vssn.training.losses import soft_jaccard, weighted_cross_entropy
    from vssn.training.mixture import label_weights
    from vssn.training.sources import SourceRules

    weights = label_weights(np.full(11, 1 / 11), 0.5)
    either = SourceRules({7: ("sky", "road")}).table()[7]
    labels = np.array([[[0, 3], [either, 11]]], np.int32)
    shares = [[0.8, 0.2], [0.5, 0.5], [0.25, 0.75], [0.9, 0.1]]
    loss = float(weighted_cross_entropy(logits_for(shares), labels, weights))
    # Between the two the third pixel's shares sum to 1, which costs nothing.
    assert loss == pytest.approx(-(math.log(0.8) + math.log(0.5)) / 3, rel=1e-4)
    without = np.where(labels == either, 11, labels)
    jaccards = [float(soft_jaccard(logits_for(shares), part)) for part in (labels, without)]
    assert jaccards[0] == jaccards[1]


def test_cross_entropy_to_soft_targets_is_the_mean_over_all_pixels() -> None:
    from vssn.training.losses import soft_cross_entropy

    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (2, 3, 5, 12)).astype(np.float32)
    targets = rng.dirichlet(np.ones(11), (2, 3, 5)).astype(np.float32)
    shares = np.exp(logits.astype(np.float64))
    shares /= shares.sum(-1, keepdims=True)
    expected = -(targets * np.log(shares[..., :11])).sum(-1).mean()
    assert float(soft_cross_entropy(logits, targets)) == pytest.approx(expected, rel=1e-5)


def test_disagreement_is_how_far_two_predictions_are_from_their_mean() -> None:
    from vssn.training.losses import disagreement

    first = np.array([[[[0.8, 0.2], [0.8, 0.2]]]], np.float32)
    second = np.array([[[[0.8, 0.2], [0.4, 0.6]]]], np.float32)
    every = np.ones((1, 1, 2), np.float32)
    assert float(disagreement(first, first, every)) == pytest.approx(0, abs=1e-5)
    mean = 0.6, 0.4
    one, other = (
        sum(m * math.log(m / p) for m, p in zip(mean, each, strict=True))
        for each in ((0.8, 0.2), (0.4, 0.6))
    )
    # Half of both divergences, over two pixels of which one agrees.
    expected = (one + other) / 2 / 2
    assert float(disagreement(first, second, every)) == pytest.approx(expected, rel=1e-3)
    only_equal = np.array([[[1, 0]]], np.float32)
    assert float(disagreement(first, second, only_equal)) == pytest.approx(0, abs=1e-5)


def test_disagreement_draws_both_predictions_together() -> None:
    import tensorflow as tf

    from vssn.training.losses import disagreement

    logits = tf.constant([[[[2.0, 0.0]]], [[[0.0, 1.0]]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        first, second = tf.split(tf.nn.softmax(logits), 2)
        loss = disagreement(first, second, np.ones((1, 1, 1), np.float32))
    gradient = tape.gradient(loss, logits).numpy()[:, 0, 0, 0]
    assert gradient[0] > 0 > gradient[1]
