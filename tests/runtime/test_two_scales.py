"""A network that sees a frame as a whole and in its parts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import vssn
from vssn.errors import BadInputError
from vssn.preprocess import resize_bilinear
from vssn.runtime.two_scales import TwoScales, part_length, part_weights

CLASSES = 11
NETWORK_HW = (26, 38)


class Seen:
    """Makes probabilities of each picture, and keeps the pictures."""

    def __init__(self, make: Callable[[np.ndarray], float]) -> None:
        self.make = make
        self.frames: list[np.ndarray] = []

    def probabilities(self, frame_bgr: np.ndarray) -> np.ndarray:
        self.frames.append(frame_bgr)
        probabilities = np.zeros((*NETWORK_HW, CLASSES), np.float32)
        probabilities[..., 0] = self.make(frame_bgr)
        return probabilities


def test_it_sees_the_whole_and_four_parts_that_cover_it() -> None:
    frame = np.arange(90 * 121 * 3, dtype=np.uint32).reshape(90, 121, 3).astype(np.uint8)
    network = Seen(lambda _: 1.0)
    result = TwoScales(network).probabilities(frame)
    assert (result.shape, result.dtype) == ((52, 76, CLASSES), np.float32)
    np.testing.assert_allclose(result[..., 0], 1, atol=1e-6)
    whole, *parts = network.frames
    assert whole is frame
    assert {part.shape for part in parts} == {(51, 68, 3)}
    assert all(part.flags["C_CONTIGUOUS"] for part in parts)
    for part, corner in zip(parts, ((0, 0), (0, 53), (39, 0), (39, 53)), strict=True):
        top, left = corner
        np.testing.assert_array_equal(part, frame[top : top + 51, left : left + 68])


def test_it_is_the_mean_of_both_scales_without_seams() -> None:
    frame = np.zeros((90, 120, 3), np.uint8)
    frame[:, 60:] = 200  # the right parts are brighter
    result = TwoScales(Seen(lambda seen: float(seen.mean()) / 200)).probabilities(frame)[..., 0]
    left, right = (12.5 - 5) / 67.5, 1 - 7.5 / 67.5
    assert result[0, 0] == pytest.approx(0.25 + left / 2, abs=0.01)
    assert result[0, -1] == pytest.approx(0.25 + right / 2, abs=0.01)
    steps = np.diff(result[0])
    assert steps.min() >= -1e-6
    assert steps.max() < 0.1


@pytest.mark.parametrize("hw", [(1, 1), (2, 3), (5, 1), (52, 76), (416, 608), (17, 33)])
def test_the_weights_of_parts_sum_to_one(hw: tuple[int, int]) -> None:
    total = np.zeros((*hw, 1), np.float32)
    height, width = (part_length(side) for side in hw)
    for number, weight in enumerate(part_weights(hw)):
        assert weight.shape == (height, width, 1)
        top, left = (hw[0] - height) * (number // 2), (hw[1] - width) * (number % 2)
        total[top : top + height, left : left + width] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


@pytest.mark.parametrize("hw", [(1, 1), (1, 7), (2, 2)])
def test_the_smallest_frames_have_parts_too(hw: tuple[int, int]) -> None:
    network = Seen(lambda _: 1.0)
    result = TwoScales(network).probabilities(np.zeros((*hw, 3), np.uint8))
    np.testing.assert_allclose(result[..., 0], 1, atol=1e-6)
    assert all(min(seen.shape) >= 1 for seen in network.frames)


def test_the_networks_own_result_is_left_as_it_is() -> None:
    kept = np.full((*NETWORK_HW, CLASSES), 0.25, np.float32)

    class Kept:
        def probabilities(self, frame_bgr: np.ndarray) -> np.ndarray:
            return kept

    TwoScales(Kept()).probabilities(np.zeros((90, 120, 3), np.uint8))
    assert (kept == 0.25).all()
    assert resize_bilinear(kept, NETWORK_HW) is kept


@pytest.mark.parametrize(
    "changes", [{"scales": 3}, {"scales": 0}, {"scales": 2, "preset": "original"}]
)
def test_other_scales_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadInputError, match="scales"):
        vssn.SegmenterConfig(**changes)  # type: ignore[arg-type]


@pytest.mark.real
def test_the_shipped_network_sees_more_of_a_frame(shared_data: object) -> None:
    one, two = (vssn.load_networks(segmenter="light", scales=scales) for scales in (1, 2))
    frame = np.zeros((360, 480, 3), np.uint8)
    assert one.of_key_frames.probabilities(frame).shape == (208, 304, CLASSES)
    assert two.of_key_frames.probabilities(frame).shape == (416, 608, CLASSES)
