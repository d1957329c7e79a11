"""Each frame is looked at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.evaluation import cached_networks
from vssn.evaluation.cached_networks import CachedFlow, CachedSegmentation

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation


def frame(value: int) -> np.ndarray:
    return np.full((48, 64, 3), value, np.uint8)


def test_a_frame_is_segmented_once(fake_segmentation: FakeSegmentation) -> None:
    network = CachedSegmentation(fake_segmentation)
    road, car = frame(70), frame(170)
    first = network.probabilities(road)
    assert network.probabilities(car)[0, 0].argmax() == 8
    assert network.probabilities(road) is first
    assert first[0, 0].argmax() == 3
    assert fake_segmentation.calls == 2


def test_frames_that_were_let_go_of_are_not_mistaken(fake_segmentation: FakeSegmentation) -> None:
    network = CachedSegmentation(fake_segmentation)
    found = [
        int(network.probabilities(frame(10 + 20 * number))[0, 0].argmax()) for number in range(9)
    ]
    assert found == list(range(9))


def test_a_pair_is_compared_once_and_in_its_order(fake_flow: FakeFlow) -> None:
    network = CachedFlow(fake_flow)
    one, two = frame(51), frame(102)
    views = network.prepare(one), network.prepare(two)
    assert network.prepare(one) is views[0]
    comparison = network.compare(*views)
    comparison.estimate()
    assert network.compare(*views) is comparison
    assert network.compare(*views[::-1]) is not comparison
    np.testing.assert_allclose(fake_flow.compared, [(0.2, 0.4), (0.4, 0.2)])
    assert fake_flow.refinements == 1


def test_the_oldest_pair_is_forgotten(fake_flow: FakeFlow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cached_networks, "MOST_COMPARISONS", 2)
    network = CachedFlow(fake_flow)
    views = [network.prepare(frame(number)) for number in range(3)]
    for other in views:
        network.compare(views[0], other)
    network.compare(views[0], views[2])
    assert len(fake_flow.compared) == 3
    network.compare(views[0], views[0])
    assert len(fake_flow.compared) == 4
