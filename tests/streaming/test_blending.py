"""Blending segmented frames with what is propagated to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.api import load_segmenter
from vssn.errors import BadInputError
from vssn.flow.warp import warp_probabilities
from vssn.networks import FlowComparison
from vssn.runtime.load import Networks
from vssn.streaming.blending import blend_weight, blended, check_blend
from vssn.streaming.rules import StreamRules
from vssn.streaming.schedule import Decision, FixedInterval, Schedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import Float32Array, FlowEstimate, FramePath, Propagate, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

HW = (12, 16)


@pytest.mark.parametrize(
    ("agreement", "weight"), [(100, 0.5), (90, 0.25), (80, 0), (30, 0), (None, 0)]
)
def test_the_weight_follows_the_agreement(agreement: float | None, weight: float) -> None:
    assert blend_weight(0.5, agreement) == pytest.approx(weight)


def test_probabilities_are_mixed_by_the_weight() -> None:
    rng = np.random.default_rng(0)
    segmented, propagated = rng.random((2, 7, 9, 11), np.float32)
    mixed = blended(segmented, propagated, 0.3)
    np.testing.assert_allclose(mixed, 0.7 * segmented + 0.3 * propagated, rtol=1e-5)
    assert (mixed.shape, mixed.dtype) == (segmented.shape, np.float32)
    assert blended(segmented, propagated, 0.0) is segmented


@pytest.mark.parametrize("blend", [-0.1, 1.0, float("nan")])
def test_what_is_no_weight_is_refused(
    blend: float, fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    with pytest.raises(BadInputError, match="expected 0 to below 1"):
        check_blend(blend)
    with pytest.raises(BadInputError, match="blend="):
        AdaptiveSegmenter(fake_segmentation, fake_flow, _always(), blend=blend)


class _Unsteady:
    """Is sure of a class, road or, in the second frame, car; its results by frame number."""

    def __init__(self, sure: tuple[tuple[float, float], ...]) -> None:
        self._sure = sure

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        road, car = self._sure[int(frame_bgr[0, 0, 0])]
        probabilities = np.zeros((*HW, 11), np.float32)
        probabilities[..., 3], probabilities[..., 8] = road, car
        return probabilities


class _Still:
    """A flow network that sees no motion, and counts what it compares."""

    def __init__(self) -> None:
        self.compared = 0

    def prepare(self, frame_bgr: UInt8Array) -> UInt8Array:
        return frame_bgr

    def compare(self, current: UInt8Array, reference: UInt8Array) -> _Still:
        self.compared += 1
        return self

    def estimate(self) -> FlowEstimate:
        return FlowEstimate(np.zeros((*HW, 2), np.float32), None)


def _always() -> Schedule:
    return FixedInterval(1)


def _frames(count: int) -> list[UInt8Array]:
    return [np.full((24, 32, 3), number, np.uint8) for number in range(count)]


def _road(agreement: float | None, blend: float) -> tuple[list[float], _Still]:
    """The road's probability in three frames that are all segmented."""
    network = _Unsteady(((0.9, 0.1), (0.4, 0.6), (0.9, 0.1)))
    rules = StreamRules(agreement=lambda propagated, segmented: agreement)
    flow = _Still()
    segmenter = AdaptiveSegmenter(network, flow, _always(), rules, blend=blend)
    done = [segmenter.step_probabilities(frame) for frame in _frames(3)]
    assert {each.path for each in done} == {FramePath.SEGMENT}
    return [float(each.probabilities[0, 0, 3]) for each in done], flow


def test_a_network_that_flickers_is_steadied_even_where_every_frame_is_segmented() -> None:
    road, flow = _road(100, 0.5)
    assert road == pytest.approx([0.9, 0.65, 0.775])
    assert flow.compared == 2


@pytest.mark.parametrize(("agreement", "blend"), [(40, 0.5), (None, 0.5), (100, 0.0)])
def test_nothing_is_blended_after_a_cut_or_where_it_is_not_asked_for(
    agreement: float | None, blend: float
) -> None:
    road, flow = _road(agreement, blend)
    assert road == pytest.approx([0.9, 0.4, 0.9])
    assert flow.compared == (2 if blend else 0)


class _Told(Schedule):
    """Segments the second frame, and keeps the agreements that it is told."""

    def __init__(self, segment: bool) -> None:
        self.segment = segment
        self.told: list[float] = []

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        return Decision(self.segment, 50.0, learns=True)

    def observe(self, measured_agreement: float) -> None:
        self.told.append(measured_agreement)


@pytest.mark.parametrize("propagate", Propagate)
def test_a_schedule_learns_from_the_network_not_from_the_blend(propagate: Propagate) -> None:
    network = _Unsteady(((0.9, 0.1), (0.9, 0.1)))
    schedule = _Told(segment=True)
    segmenter = AdaptiveSegmenter(
        network,
        _Still(),
        schedule,
        StreamRules(agreement=lambda propagated, segmented: 93.0),
        propagate,
        blend=0.5,
    )
    done = [segmenter.step(frame) for frame in _frames(2)]
    assert schedule.told == [93.0]
    assert "blend" in done[1].seconds
    assert "learn" not in done[1].seconds


def test_a_warped_frame_is_not_blended() -> None:
    network = _Unsteady(((0.9, 0.1), (0.1, 0.9)))
    segmenter = AdaptiveSegmenter(network, _Still(), _Told(segment=False), blend=0.5)
    done = [segmenter.step_probabilities(frame) for frame in _frames(2)]
    assert [each.path for each in done] == [FramePath.SEGMENT, FramePath.WARP]
    expected = warp_probabilities(done[0].probabilities, _Still().estimate())
    np.testing.assert_array_equal(done[1].probabilities, expected)


def test_regions_and_configuration_pass_it_on(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, fake_decision: FakeDecision
) -> None:
    networks = Networks(fake_segmentation, fake_flow, fake_decision, "fake")
    for regions, compared in ((None, 2), ("1x2", 4)):
        fake_flow.compared.clear()
        segmenter = load_segmenter(networks=networks, target=100, regions=regions, blend=0.5)
        for _ in segmenter.stream(np.zeros((3, 48, 64, 3), np.uint8)):
            pass
        assert len(fake_flow.compared) == compared
