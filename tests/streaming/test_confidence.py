"""How confident one may be in a propagated result."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from vssn.checkpoints.confidence_fit import UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.streaming.confidence import (
    GainScale,
    MotionConfidence,
    NetworkConfidence,
    fit_loss,
    motion_pct,
)
from vssn.types import FlowEstimate

HW = (52, 76)


def comparison(x: float, y: float = 0.0) -> SimpleNamespace:
    """A pair of frames between which all moves alike, by cells of the coarse grid."""
    flow = np.full((*HW, 2), (x, y), np.float32)
    return SimpleNamespace(estimate=lambda: FlowEstimate(flow, None))


ONE_PCT = comparison(2 * 0.76)  # half of the mean length counts, in percent of 76 cells


def test_motion_is_half_the_mean_length_in_percent_of_the_width() -> None:
    assert motion_pct(ONE_PCT.estimate().flow) == pytest.approx(1)
    assert motion_pct(comparison(3 * 0.76, -4 * 0.76).estimate().flow) == pytest.approx(2.5)
    assert motion_pct(np.zeros((*HW, 2), np.float32)) == 0


def test_motion_is_the_same_on_any_grid() -> None:
    fine = np.full((208, 304, 2), (3.04, 0), np.float32)
    assert motion_pct(fine) == pytest.approx(0.5, rel=1e-3)


def test_a_torn_flow_counts_for_more_than_an_even_one() -> None:
    even, torn = (np.zeros((*HW, 2), np.float32) for _ in range(2))
    even[..., 0] = 1
    torn[:, ::2, 0] = 2  # as long on average
    # Each of 75 neighbours differs by 2.
    assert motion_pct(torn) - motion_pct(even) == pytest.approx(5 * 2 / 2 * 100 / 76)


FIT = ConfidenceFit(rate=2.0, flicker=3.0)


def scaled(growths: list[float]) -> list[float]:
    """Confidences of frames after one key frame, by a scale of their own."""
    scale = GainScale()
    return [scale.confidence(growth, k) for k, growth in enumerate(growths, start=1)]


def test_confidence_falls_with_accumulated_motion_and_not_with_flicker() -> None:
    for flicker in (1.0, 9.0):
        confidence = MotionConfidence(ConfidenceFit(2.0, flicker))
        predicted = [confidence.predict(ONE_PCT, k) for k in (1, 2, 3, 4)]
        assert predicted == pytest.approx(scaled([2 * k**0.75 for k in (1, 2, 3, 4)]))
        assert predicted == sorted(predicted, reverse=True)


def test_a_key_frame_that_becomes_known_late_counts_from_its_own_place() -> None:
    late, prompt = MotionConfidence(FIT), MotionConfidence(FIT)
    steps = [comparison(0.5 * number) for number in range(1, 9)]
    for key_distance, step in enumerate(steps[:5], start=1):
        late.predict(step, key_distance)
    for key_distance, step in enumerate(steps[3:5], start=1):
        prompt.predict(step, key_distance)
    # The third of the frames is the new key frame, as is known from the sixth on.
    for key_distance, step in enumerate(steps[5:], start=3):
        late.predict(step, key_distance)
        prompt.predict(step, key_distance)
        expected = prompt.accumulated_motion_pct
        assert late.accumulated_motion_pct == pytest.approx(expected)


def test_a_late_key_frame_teaches_what_its_own_motion_cost() -> None:
    late, prompt = MotionConfidence(FIT), MotionConfidence(FIT)
    for key_distance in range(1, 6):
        late.predict(ONE_PCT, key_distance)
        if key_distance <= 3:
            prompt.predict(ONE_PCT, key_distance)
    late.observe(80.0, predictions_ago=2)
    prompt.observe(80.0)
    assert (late.rate, late.flicker) == pytest.approx((prompt.rate, prompt.flicker))
    rate = late.rate
    late.observe(10.0, predictions_ago=5)  # of a frame that was never predicted
    assert late.rate == rate


def test_nothing_is_lost_where_nothing_moves() -> None:
    confidence = MotionConfidence(FIT)
    assert [confidence.predict(comparison(0), k) for k in (1, 2, 3)] == [100, 100, 100]


def test_from_the_key_frame_each_flow_is_all_of_the_motion() -> None:
    confidence = MotionConfidence(FIT, accumulates=False)
    for key_distance in (1, 2, 7):
        confidence.predict(ONE_PCT, key_distance)
        assert confidence.accumulated_motion_pct == pytest.approx(1)


def test_a_scene_that_loses_faster_is_allowed_worse_frames_and_a_still_one_better_frames() -> None:
    slow, fast, standing = GainScale(), GainScale(), GainScale()
    for _ in range(30):
        slow.confidence(1.0, 1)
        fast.confidence(4.0, 1)
        standing.confidence(0.0, 1)
    assert slow.confidence(8.0, 2) > standing.confidence(8.0, 2)
    assert fast.confidence(8.0, 2) > slow.confidence(8.0, 2)
    assert slow.confidence(1.0, 1) == pytest.approx(99, abs=0.2)  # one point a frame


def test_a_cut_is_noticed_at_once() -> None:
    scale = GainScale()
    for k in range(1, 5):
        scale.confidence(float(k), k)
    assert scale.confidence(60.0, 5) < 65


def learn(confidence: MotionConfidence, losses: dict[int, float], times: int) -> None:
    """Show key frames ``k`` frames apart, of 1 % of motion each, which lost so many points."""
    for _ in range(times):
        for distance, loss in losses.items():
            for k in range(1, distance + 1):
                confidence.predict(ONE_PCT, k)
            confidence.observe(100 - loss)


def test_flicker_and_rate_are_learned_apart_from_key_frames_at_several_distances() -> None:
    confidence = MotionConfidence(FIT)
    learn(confidence, {1: 6 + 1.0, 4: 6 + 1.0 * 4**0.75, 8: 6 + 8**0.75}, times=12)
    # Both are held back towards the fit's 3 and 2.
    assert 4 < confidence.flicker < 6
    assert 1 < confidence.rate < 1.6


def test_a_network_that_is_only_restless_keeps_confidence() -> None:
    restless, losing = MotionConfidence(FIT), MotionConfidence(FIT)
    learn(restless, {1: 12.0, 8: 12.5}, times=10)
    learn(losing, {1: 4.0, 8: 20.5}, times=10)
    assert restless.flicker > 2 * losing.flicker
    assert restless.rate < 0.8 * losing.rate


def test_one_odd_key_frame_does_not_upset_what_was_learned() -> None:
    confidence = MotionConfidence(FIT)
    learn(confidence, {1: 5.0, 4: 3 + 2 * 4**0.75}, times=20)
    rate = confidence.rate
    learn(confidence, {4: 100.0}, times=1)
    assert rate < confidence.rate < 1.6 * rate


def test_what_was_learned_falls_back_to_the_fit_where_nothing_tells() -> None:
    confidence = MotionConfidence(FIT)
    learn(confidence, {1: 20.0, 4: 40.0}, times=10)
    rate = confidence.rate
    for _ in range(150):  # without motion, the rate can't be seen
        confidence.predict(comparison(0), 1)
        confidence.observe(97.0)
    assert abs(confidence.rate - FIT.rate) < 0.2 * abs(rate - FIT.rate)


@pytest.mark.parametrize("agreement", [0.0, 100.0])
def test_extreme_agreements_break_nothing(agreement: float) -> None:
    confidence = MotionConfidence(UNFITTED)
    learn(confidence, {1: 100 - agreement, 4: 100 - agreement}, times=50)
    assert 0 <= confidence.predict(ONE_PCT, 1) <= 100
    assert min(confidence.flicker, confidence.rate) > 0


def test_reset_forgets_all_that_was_learned() -> None:
    confidence, fresh = MotionConfidence(FIT), MotionConfidence(FIT)
    learn(confidence, {1: 30.0, 4: 60.0}, times=5)
    confidence.reset()
    for each in (confidence, fresh):
        learn(each, {4: 10.0}, times=2)
    assert confidence.predict(ONE_PCT, 1) == fresh.predict(ONE_PCT, 1)


def test_flicker_and_rate_are_fitted_by_least_squares() -> None:
    exposures = np.linspace(0.5, 8, 40)
    noise = np.tile([0.1, -0.1], 20)
    assert fit_loss(exposures.tolist(), (4 + 1.5 * exposures + noise).tolist()) == pytest.approx(
        (4, 1.5), abs=0.1
    )
    flicker, rate = fit_loss([1.0, 2.0], [5.0, 4.0])  # falling: nothing grows
    assert (rate, flicker) == (0, pytest.approx(4.4, abs=0.2))
    assert all(map(math.isnan, fit_loss([], [])))
    assert all(map(math.isnan, fit_loss([1.0, 1.0], [3.0, 4.0])))


def test_the_decision_network_predicts_agreements_or_with_a_fit_confidence() -> None:
    network = SimpleNamespace(predicted_confidence=lambda feature: feature)
    pair = SimpleNamespace(feature=90.0, estimate=lambda: None)
    assert NetworkConfidence(network).predict(pair, 1) == 90  # type: ignore[arg-type]
    fit = ConfidenceFit(1.0, 3.0, ConfidenceMap((0, 80, 100), (10, 60, 90)))  # 90 becomes 75
    confidence = NetworkConfidence(network, fit)  # type: ignore[arg-type]
    assert confidence.predict(pair, 1) == pytest.approx(scaled([100 - 75 - 3])[0])
