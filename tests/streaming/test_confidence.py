"""What score a carried result may be expected to have."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from vssn.checkpoints.confidence_fit import UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.streaming.confidence import MotionConfidence, NetworkConfidence, motion_pct
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


def test_the_score_falls_with_the_root_of_the_path() -> None:
    score = MotionConfidence(ConfidenceFit(10.0))
    assert [score.expect(ONE_PCT, k) for k in (1, 2, 3, 4)] == pytest.approx(
        [90, 100 - 10 * math.sqrt(2), 100 - 10 * math.sqrt(3), 80]
    )
    assert score.expect(ONE_PCT, 1) == pytest.approx(90)  # a new key frame


def test_nothing_lost_where_nothing_moves() -> None:
    score = MotionConfidence(ConfidenceFit(10.0))
    score.expect(ONE_PCT, 1)
    assert [score.expect(comparison(0), k) for k in (2, 3)] == pytest.approx([90, 90])


def test_from_the_key_frame_each_flow_is_all_of_the_path() -> None:
    score = MotionConfidence(ConfidenceFit(10.0), accumulates=False)
    assert [score.expect(ONE_PCT, k) for k in (1, 2, 7)] == pytest.approx([90, 90, 90])


def test_the_streams_own_rate_is_learned_from_key_frames() -> None:
    score = MotionConfidence(ConfidenceFit(10.0))
    errors = []
    for _ in range(12):
        errors.append(abs(score.expect(ONE_PCT, 1) - 70))
        score.observe(70.0)  # three times the rate expected
    assert errors[0] == pytest.approx(20)
    assert errors == sorted(errors, reverse=True)
    assert errors[4] < 11
    assert errors[-1] < 6


def test_one_odd_key_frame_does_not_upset_what_was_learned() -> None:
    score = MotionConfidence(ConfidenceFit(10.0))
    for _ in range(20):
        score.expect(ONE_PCT, 1)
        score.observe(90.0)
    score.expect(ONE_PCT, 1)
    score.observe(0.0)
    assert 88 < score.expect(ONE_PCT, 1) < 90


@pytest.mark.parametrize("measured_agreement", [0.0, 100.0])
def test_a_frame_that_did_not_move_tells_nothing(measured_agreement: float) -> None:
    score = MotionConfidence(ConfidenceFit(10.0))
    score.expect(comparison(0.01), 1)
    score.observe(measured_agreement)
    assert score.expect(ONE_PCT, 1) == pytest.approx(90)


def test_perfect_frames_bring_the_rate_down_and_nothing_breaks() -> None:
    score = MotionConfidence(UNFITTED)
    before = score.expect(ONE_PCT, 1)
    for _ in range(50):
        score.expect(ONE_PCT, 1)
        score.observe(100.0)
    assert before < score.expect(ONE_PCT, 1) <= 99


def test_expected_scores_are_calibrated() -> None:
    fit = ConfidenceFit(10.0, ConfidenceMap((0, 80, 100), (10, 60, 90)))
    assert MotionConfidence(fit).expect(ONE_PCT, 1) == pytest.approx(75)
    network = SimpleNamespace(predicted_confidence=lambda feature: feature)
    pair = SimpleNamespace(feature=90.0, estimate=lambda: None)
    assert NetworkConfidence(network).expect(pair, 1) == 90  # type: ignore[arg-type]
    assert NetworkConfidence(network, fit.calibration).expect(pair, 1) == 75  # type: ignore[arg-type]
