"""Results as a key frame's and the flow back to it, and the rules that read them."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.flow.warp import warp_probabilities
from vssn.streaming import propagated
from vssn.streaming.labelling import best_class, labels_from_probabilities
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.types import Float32Array, FlowEstimate, UInt8Array

HW, FRAME_HW = (24, 32), (48, 64)
CAR, ROAD = 8, 3


def key() -> KeyResult:
    """A car on a road."""
    labels = np.full(HW, ROAD)
    labels[8:16, 10:18] = CAR
    return KeyResult(np.eye(11, dtype=np.float32)[labels])


def step(dx: float, scale: Float32Array | None = None) -> FlowEstimate:
    return FlowEstimate(np.full((*HW, 2), (dx, 0), np.float32), scale)


def test_flows_add_up_from_frame_to_frame() -> None:
    result = Propagated(key())
    np.testing.assert_array_equal(VSSN_RULES.probabilities_of(result), result.key.probabilities)
    for _ in range(3):
        result = result.along(step(-2))
    assert result.back is not None
    np.testing.assert_allclose(result.back.flow, step(-6).flow)
    np.testing.assert_allclose(
        VSSN_RULES.probabilities_of(result)[:, 6:], result.key.probabilities[:, :-6]
    )
    labels = VSSN_RULES.labels_of(result, FRAME_HW)
    expected = labels_from_probabilities(VSSN_RULES.probabilities_of(result), FRAME_HW)
    np.testing.assert_array_equal(labels, expected)


def test_the_best_class_is_found_once_for_all_frames_of_a_key_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def counted(probabilities: Float32Array) -> UInt8Array:
        asked.append(1)
        return best_class(probabilities)

    monkeypatch.setattr(propagated, "best_class", counted)
    result = Propagated(key())
    for _ in range(4):
        result = result.along(step(-1))
        VSSN_RULES.labels_of(result, FRAME_HW)
    assert asked == [1]


def test_a_scale_changes_which_class_wins() -> None:
    scale = np.ones((*HW, 11), np.float32)
    scale[..., CAR] = 0
    labels = VSSN_RULES.labels_of(Propagated(key()).along(step(0, scale)), FRAME_HW)
    assert CAR not in labels


def test_other_rules_are_kept_to() -> None:
    def upside_down(probabilities: Float32Array, estimate: FlowEstimate) -> Float32Array:
        return warp_probabilities(probabilities, estimate)[::-1].copy()

    def constant(probabilities: Float32Array, hw: tuple[int, int]) -> UInt8Array:
        return np.full(hw, probabilities[2, 2].argmax(), np.uint8)

    result = Propagated(
        KeyResult(np.eye(11, dtype=np.float32)[np.arange(24 * 32).reshape(HW) % 11])
    )
    moved = result.along(step(0))
    turned = StreamRules(warp=upside_down).labels_of(moved, HW)
    np.testing.assert_array_equal(turned, result.key.best[::-1])
    same = StreamRules(labels=constant).labels_of(moved, FRAME_HW)
    assert set(np.unique(same)) == {result.key.best[2, 2]}


def test_worth_is_measured_on_what_would_have_been_warped() -> None:
    moved = Propagated(key()).along(step(-4))
    truth = np.roll(key().probabilities, 4, axis=1)
    assert VSSN_RULES.worth(moved, truth) == 100
    unmoved = VSSN_RULES.worth(moved, key().probabilities)
    assert unmoved is not None
    assert unmoved < 80
