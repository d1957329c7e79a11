"""Warping in TensorFlow against the one of inference, and the loss."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.flow.warp import warp, warp_probabilities
from vssn.labels import NUM_CLASSES, VOID
from vssn.types import FlowEstimate

HW = (40, 56)
COARSE_HW = (10, 14)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Class probabilities, a flow that leaves the frame in places, and a scale."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(NUM_CLASSES), HW).astype(np.float32)
    flow = rng.normal(0, 1.5, (*COARSE_HW, 2)).astype(np.float32)
    scale = rng.normal(1, 0.4, (*COARSE_HW, NUM_CLASSES)).astype(np.float32)
    return probabilities, flow, scale


def test_propagated_probabilities_are_those_of_inference() -> None:
    from vssn.training.warp_loss import propagated

    batch = [drawn(seed) for seed in range(3)]
    results = np.asarray(propagated(*(np.stack(part) for part in zip(*batch, strict=True))))
    for (probabilities, flow, scale), result in zip(batch, results, strict=True):
        expected = warp_probabilities(probabilities, FlowEstimate(flow, scale))
        # OpenCV rounds positions to 1/32 px.
        np.testing.assert_allclose(result, expected, atol=0.05)
        assert np.abs(result - expected).mean() < 0.004


def test_whole_px_are_exact_and_edges_are_repeated() -> None:
    from vssn.training.warp_loss import sampled

    probabilities, _, _ = drawn(0)
    flow = np.broadcast_to(np.array([-9, 50], np.float32), (*HW, 2))
    result = np.asarray(sampled(probabilities[np.newaxis], flow[np.newaxis]))[0]
    assert np.array_equal(result, warp(probabilities, np.ascontiguousarray(flow)))
    assert np.array_equal(result[3, 20], probabilities[-1, 11])


def test_the_flow_has_the_gradient_of_a_difference() -> None:
    import tensorflow as tf

    from vssn.training.warp_loss import sampled

    probabilities, _, _ = drawn(1)
    flow = tf.fill((1, *HW, 2), 0.3)
    with tf.GradientTape() as tape:
        tape.watch(flow)
        value = sampled(probabilities[np.newaxis], flow)[0, 20, 20, 4]
    gradient = np.asarray(tape.gradient(value, flow))[0, 20, 20]
    right = probabilities[20:22, 21, 4] - probabilities[20:22, 20, 4]
    assert gradient[0] == pytest.approx(right @ [0.7, 0.3], abs=1e-5)


def test_the_loss_is_least_for_the_right_class_and_ignores_void() -> None:
    from vssn.training.warp_loss import warp_loss

    labels = np.random.default_rng(0).integers(0, NUM_CLASSES, (1, *HW)).astype(np.int32)
    right = np.eye(NUM_CLASSES, dtype=np.float32)[labels]
    wrong = np.roll(right, 1, axis=-1)
    assert warp_loss(right, labels, 1.0) < 0.05
    assert 1 < warp_loss(wrong, labels, 1.0) < 20
    # Below zero is as good as zero, and only shares count.
    np.testing.assert_allclose(
        warp_loss(right * 8 - wrong, labels, 1.0), warp_loss(right, labels, 1.0), atol=0.05
    )
    void = np.where(np.arange(HW[1]) < 30, VOID, labels).astype(np.int32)
    mixed = np.where(void[..., np.newaxis] == VOID, wrong, right)
    assert warp_loss(mixed, void, 1.0) < 0.05
