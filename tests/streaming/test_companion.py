"""A cheaper network that sees every frame, beside the one of key frames."""

from __future__ import annotations

import numpy as np
import pytest
from fake_networks import FakeFlow

from vssn.runtime.load import Networks
from vssn.streaming.blending import propagated_share
from vssn.streaming.schedule import FixedInterval
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath

CLASSES = 11
SMALL_HW, HW = (12, 16), (24, 32)


class Seen:
    """Says that a frame is of one class, by the frame's brightness, and counts."""

    def __init__(self, hw: tuple[int, int], share: float) -> None:
        self.hw, self.share, self.count = hw, share, 0

    def probabilities(self, frame_bgr: np.ndarray) -> np.ndarray:
        self.count += 1
        probabilities = np.full((*self.hw, CLASSES), (1 - self.share) / (CLASSES - 1), np.float32)
        probabilities[..., int(frame_bgr[0, 0, 0])] = self.share
        return probabilities


def frames(*classes: int) -> list[np.ndarray]:
    return [np.full((*HW, 3), each, np.uint8) for each in classes]


@pytest.fixture
def pair() -> tuple[Seen, Seen]:
    return Seen(HW, 0.9), Seen(SMALL_HW, 0.6)


def made(pair: tuple[Seen, Seen], interval: int) -> AdaptiveSegmenter:
    network, companion = pair
    return AdaptiveSegmenter(network, FakeFlow(), FixedInterval(interval), companion=companion)


def test_it_sees_every_frame_and_the_other_key_frames_alone(pair: tuple[Seen, Seen]) -> None:
    results = list(made(pair, 4).stream(frames(*[3] * 9)))
    assert [each.path for each in results[:2]] == [FramePath.SEGMENT, FramePath.WARP]
    assert [each.count for each in pair] == [3, 9]
    assert all("companion" in each.seconds for each in results)
    assert all(each.labels.shape == HW for each in results)


def test_a_result_is_the_mean_and_the_propagated_share_falls(pair: tuple[Seen, Seen]) -> None:
    segmenter = made(pair, 100)
    for distance, frame in enumerate(frames(3, 5, 5, 5)):
        got = segmenter.step_probabilities(frame).probabilities
        share = propagated_share(distance)
        assert got.shape == (*HW, CLASSES)
        if distance == 0:
            np.testing.assert_allclose(got[..., 3], 0.75, atol=1e-6)
        else:
            np.testing.assert_allclose(got[..., 3], share * 0.9 + (1 - share) * 0.04, atol=1e-6)
            np.testing.assert_allclose(got[..., 5], share * 0.01 + (1 - share) * 0.6, atol=1e-6)


def test_what_is_propagated_is_the_other_networks_alone(pair: tuple[Seen, Seen]) -> None:
    """Or the companion would count twice, and more with every frame."""
    first = made(pair, 100)
    shown = [first.step_probabilities(frame).probabilities for frame in frames(3, 5, 3)]
    second = made(pair, 100)
    other = [second.step_probabilities(frame).probabilities for frame in frames(3, 3, 3)]
    np.testing.assert_array_equal(shown[2], other[2])


def test_shares_fall_from_a_half() -> None:
    shares = [propagated_share(distance) for distance in range(11)]
    assert shares[0] == 0.5
    assert shares[10] == pytest.approx(0.25)
    assert shares == sorted(shares, reverse=True)


def test_a_frame_by_itself_gets_the_mean_of_both(pair: tuple[Seen, Seen]) -> None:
    network, companion = pair
    networks = Networks(network, FakeFlow(), None, "fake", companion=companion)
    (frame,) = frames(3)
    np.testing.assert_allclose(networks.of_key_frames.probabilities(frame)[..., 3], 0.75, atol=1e-6)
    assert Networks(network, FakeFlow(), None, "fake").of_key_frames is network
