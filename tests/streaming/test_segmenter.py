"""The adaptive segmenter, over fake networks that count how often they are run."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.networks import FlowComparison
from vssn.streaming.confidence import NetworkConfidence
from vssn.streaming.schedule import Decision, FixedInterval, Schedule, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, FrameResult, Propagate, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeDecision, FakeFlow, FakeSegmentation

SEGMENT, WARP = FramePath.SEGMENT, FramePath.WARP
Paint = Callable[[np.ndarray], UInt8Array]
Make = Callable[..., AdaptiveSegmenter]


@pytest.fixture
def make(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, fake_decision: FakeDecision
) -> Make:
    """A segmenter with the target given, whose reference is the key frame."""
    return lambda target, propagate=Propagate.KEY: AdaptiveSegmenter(
        fake_segmentation,
        fake_flow,
        TargetSchedule(NetworkConfidence(fake_decision), target),
        propagate=propagate,
    )


@pytest.fixture
def frames(paint: Paint) -> list[UInt8Array]:
    """Six frames of one class each, 0 to 5."""
    return [paint(np.full((48, 64), number)) for number in range(6)]


def paths(results: list[FrameResult]) -> list[FramePath]:
    return [result.path for result in results]


def test_the_first_frame_is_segmented_at_any_target(
    make: Make, frames: list[UInt8Array], fake_flow: FakeFlow, fake_decision: FakeDecision
) -> None:
    for target in (-1, 50, 1000):
        result = make(target).step(frames[0])
        assert (result.index, result.path, result.key_distance) == (0, SEGMENT, 0)
        assert result.predicted_confidence is None
    assert fake_flow.compared == []
    assert fake_decision.calls == 0


def test_at_100_every_frame_is_segmented_and_no_other_network_run(
    make: Make,
    frames: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
) -> None:
    results = list(make(100).stream(frames))
    assert paths(results) == [SEGMENT] * 6
    assert [int(result.labels[0, 0]) for result in results] == [0, 1, 2, 3, 4, 5]
    assert fake_segmentation.calls == 6
    assert (fake_flow.encodings, fake_flow.refinements, fake_decision.calls) == (0, 0, 0)


def test_at_0_only_the_first_frame_is_segmented(
    make: Make,
    frames: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
) -> None:
    results = list(make(0).stream(frames))
    assert paths(results) == [SEGMENT] + [WARP] * 5
    assert [result.key_distance for result in results] == [0, 1, 2, 3, 4, 5]
    assert {int(result.labels[0, 0]) for result in results} == {0}
    assert (fake_segmentation.calls, fake_flow.refinements, fake_decision.calls) == (1, 5, 0)


def test_between_them_the_predicted_confidence_decides(
    make: Make,
    frames: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    fake_decision: FakeDecision,
) -> None:
    fake_decision.answers = [95, 85, 79, 81, 10]
    results = list(make(80).stream(frames))
    assert paths(results) == [SEGMENT, WARP, WARP, SEGMENT, WARP, SEGMENT]
    assert [result.key_distance for result in results] == [0, 1, 2, 0, 1, 0]
    assert [result.index for result in results] == list(range(6))
    assert [result.predicted_confidence for result in results] == [None, 95, 85, 79, 81, 10]
    # The labels are those of the key frame, until there is a new one.
    assert [int(result.labels[0, 0]) for result in results] == [0, 0, 0, 3, 3, 5]
    assert fake_segmentation.calls == 3
    # The encoder once per frame after the first, the refinement only to warp.
    assert (fake_flow.encodings, fake_flow.refinements) == (5, 3)


def test_frames_are_compared_with_the_key_frame_and_current_comes_first(
    make: Make, frames: list[UInt8Array], fake_flow: FakeFlow, fake_decision: FakeDecision
) -> None:
    fake_decision.answers = [90, 10, 90]
    list(make(80).stream(frames[:4]))
    means = [frame.mean() / 255 for frame in frames]
    expected = [(means[1], means[0]), (means[2], means[0]), (means[3], means[2])]
    np.testing.assert_allclose(fake_flow.compared, expected, rtol=1e-5)


def test_a_chain_compares_with_the_frame_before_however_that_came_about(
    make: Make, frames: list[UInt8Array], fake_flow: FakeFlow, fake_decision: FakeDecision
) -> None:
    fake_decision.answers = [90, 90, 10, 90]
    results = list(make(80, Propagate.CHAIN).stream(frames[:5]))
    means = [frame.mean() / 255 for frame in frames]
    np.testing.assert_allclose(
        fake_flow.compared, list(zip(means[1:5], means[:4], strict=True)), rtol=1e-5
    )
    # Distances count from the key frame all the same.
    assert [result.key_distance for result in results] == [0, 1, 2, 0, 1]
    assert [int(result.labels[0, 0]) for result in results] == [0, 0, 0, 3, 3]


@pytest.mark.parametrize(("propagate", "moved"), [(Propagate.CHAIN, 12), (Propagate.KEY, 4)])
def test_a_chain_propagates_what_was_propagated(
    make: Make, paint: Paint, fake_flow: FakeFlow, propagate: Propagate, moved: int
) -> None:
    road_and_car = np.full((48, 64), 3)
    road_and_car[10:20, 20:30] = 8
    segmenter = make(0, propagate)
    fake_flow.flow_cells = (-2, 0)  # four pixels
    *_, result = segmenter.stream([paint(road_and_car)] * 4)
    expected = np.roll(road_and_car, moved, axis=1)
    assert np.array_equal(result.labels[:, 16:], expected[:, 16:])


def test_content_moves_with_the_flow(make: Make, paint: Paint, fake_flow: FakeFlow) -> None:
    road_and_car = np.full((48, 64), 3)
    road_and_car[10:20, 20:30] = 8
    segmenter = make(0)
    segmenter.step(paint(road_and_car))
    # Two cells of the 24x32 grid are four pixels: the car was four pixels further left.
    fake_flow.flow_cells = (-2, 0)
    result = segmenter.step(paint(road_and_car))
    assert np.array_equal(result.labels[:, 8:-8], np.roll(road_and_car, 4, axis=1)[:, 8:-8])


def test_scale_can_turn_a_class_down(make: Make, paint: Paint, fake_flow: FakeFlow) -> None:
    segmenter = make(0)
    segmenter.step(paint(np.full((48, 64), 3)))
    fake_flow.scale = [-1.0 if index == 3 else 1.0 for index in range(11)]
    assert 3 not in segmenter.step(paint(np.full((48, 64), 3))).labels


@pytest.mark.parametrize("hw", [(48, 64), (100, 130), (31, 17)])
def test_labels_have_the_frames_size(make: Make, paint: Paint, hw: tuple[int, int]) -> None:
    segmenter = make(0)
    for _ in range(2):
        labels = segmenter.step(paint(np.full(hw, 4))).labels
        assert labels.shape == hw
        assert labels.dtype == np.uint8
        assert (labels == 4).all()


def test_seconds_are_told_by_stage(
    make: Make, frames: list[UInt8Array], fake_decision: FakeDecision
) -> None:
    fake_decision.answers = [90, 10]
    results = list(make(80).stream(frames[:3]))
    assert [set(result.seconds) for result in results] == [
        {"prepare", "segment", "labels"},
        {"prepare", "decide", "warp", "labels"},
        {"prepare", "decide", "segment", "labels"},
    ]
    assert all(seconds >= 0 for result in results for seconds in result.seconds.values())


def test_time_is_spent_in_the_stage_that_it_is_told_for(
    make: Make, frames: list[UInt8Array], fake_segmentation: FakeSegmentation
) -> None:
    import time

    fake_segmentation.before_each = lambda: time.sleep(0.03)
    seconds = make(100).step(frames[0]).seconds
    assert seconds["segment"] >= 0.03
    assert max(seconds, key=lambda stage: seconds[stage]) == "segment"


def test_reset_forgets_the_stream(make: Make, frames: list[UInt8Array]) -> None:
    segmenter = make(0)
    list(segmenter.stream(frames[:3]))
    segmenter.reset()
    result = segmenter.step(frames[4])
    assert (result.index, result.path, result.key_distance) == (0, SEGMENT, 0)
    assert result.labels[0, 0] == 4


def test_a_stream_is_lazy(make: Make, frames: list[UInt8Array]) -> None:
    taken = []

    def source() -> object:
        for frame in frames:
            taken.append(frame)
            yield frame

    stream = make(80).stream(source())  # type: ignore[arg-type]
    next(stream)
    assert len(taken) == 1
    stream.close()
    assert len(taken) == 1


def test_memory_does_not_grow_with_the_stream(make: Make, paint: Paint) -> None:
    segmenter = make(100)
    alive: list[weakref.ref[UInt8Array]] = []
    for number in range(20):
        frame = paint(np.full((48, 64), number % 11))
        result = segmenter.step(frame)
        alive += [weakref.ref(frame), weakref.ref(result.labels)]
    del frame, result
    gc.collect()
    assert [ref() for ref in alive if ref() is not None] == []


@pytest.mark.parametrize("propagate", Propagate)
def test_old_key_frames_are_let_go(
    paint: Paint,
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    propagate: Propagate,
) -> None:
    probabilities: list[weakref.ref[np.ndarray]] = []
    original = fake_segmentation.probabilities

    def recorded(frame_bgr: UInt8Array) -> np.ndarray:
        made = original(frame_bgr)
        probabilities.append(weakref.ref(made))
        return made

    fake_segmentation.probabilities = recorded  # type: ignore[method-assign]
    segmenter = AdaptiveSegmenter(
        fake_segmentation, fake_flow, FixedInterval(2), propagate=propagate
    )
    for number in range(9):
        segmenter.step(paint(np.full((48, 64), number)))
    assert [ref() is not None for ref in probabilities] == [False, False, False, False, True]


def test_a_frame_that_fails_does_not_become_the_key_frame(
    make: Make,
    frames: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_decision: FakeDecision,
) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    fake_decision.answers = [10, 90]
    segmenter = make(50)
    segmenter.step(frames[0])
    fake_segmentation.before_each = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        segmenter.step(frames[1])
    result = segmenter.step(frames[2])
    assert (result.path, int(result.labels[0, 0])) == (WARP, 0)
    assert result.key_distance == result.index


class _Asking(Schedule):
    """Segments each third frame and notes what it is told."""

    def __init__(self, learns: bool) -> None:
        self.learns = learns
        self.told: list[float] = []

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        return Decision(key_distance == 3, 50.0, self.learns)

    def observe(self, measured_agreement: float) -> None:
        self.told.append(measured_agreement)


@pytest.mark.parametrize("learns", [True, False])
def test_a_schedule_that_learns_is_told_what_warping_was_worth(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, paint: Paint, learns: bool
) -> None:
    first, second = np.full((48, 64), 3), np.full((48, 64), 3)
    second[:, 32:] = 8  # half of the frame changes, and its class was nowhere before
    schedule = _Asking(learns)
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, schedule)
    frames = [paint(labels) for labels in (first, first, first, first, first, first, second)]
    results = list(segmenter.stream(frames))
    assert paths(results) == [SEGMENT, WARP, WARP, SEGMENT, WARP, WARP, SEGMENT]
    # Half of the road is left, and nothing of the car: IoU .5 on all pixels, and 0 on half of them.
    cost = 50 / (1 + 0.5**0.5)
    assert schedule.told == pytest.approx([100.0, cost] if learns else [])
    assert [("learn" in result.seconds) for result in results] == [
        *(False, False, False, learns, False, False, learns)
    ]
    assert {result.predicted_confidence for result in results[1:]} == {50.0}


class _Unseen(Schedule):
    """Compares every third frame only."""

    def __init__(self) -> None:
        self.frames = self.resets = 0
        self.spent_on: list[FramePath | None] = []

    def compares_next(self, key_distance: int) -> bool:
        self.frames += 1
        return self.frames % 3 == 2

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        return Decision(False, 90.0)

    def spent(self, seconds: float, path: FramePath | None) -> None:
        assert seconds >= 0
        self.spent_on.append(path)

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize("propagate", Propagate)
def test_frames_that_are_not_compared_are_segmented_without_any_flow(
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    frames: list[UInt8Array],
    propagate: Propagate,
) -> None:
    prepared: list[float] = []
    prepare = fake_flow.prepare

    def counted(frame_bgr: UInt8Array) -> np.ndarray:
        prepared.append(frame_bgr.mean())
        return prepare(frame_bgr)

    fake_flow.prepare = counted  # type: ignore[method-assign]
    schedule = _Unseen()
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, schedule, propagate=propagate)
    results = list(segmenter.stream(frames))
    assert paths(results) == [SEGMENT, SEGMENT, WARP, SEGMENT, SEGMENT, WARP]
    # Frames 1 and 4 as references, frames 2 and 5 as those compared with them; no others.
    assert prepared == [frames[number].mean() for number in (1, 2, 4, 5)]
    assert len(fake_flow.compared) == 2
    assert "prepare" not in results[0].seconds
    assert [int(result.labels[0, 0]) for result in results] == [0, 1, 1, 3, 4, 4]


def test_a_schedule_is_told_what_each_frame_took(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, frames: list[UInt8Array]
) -> None:
    schedule = _Unseen()
    list(AdaptiveSegmenter(fake_segmentation, fake_flow, schedule).stream(frames[:3]))
    assert schedule.spent_on == [SEGMENT, None, SEGMENT, None, WARP, None]


def test_a_second_stream_starts_afresh(
    make: Make, frames: list[UInt8Array], fake_segmentation: FakeSegmentation
) -> None:
    segmenter = make(0)
    first = list(segmenter.stream(frames[:3]))
    second = list(segmenter.stream(frames[3:]))
    assert paths(second) == paths(first) == [SEGMENT, WARP, WARP]
    assert second[0].index == 0
    assert int(second[0].labels[0, 0]) == 3


def test_reset_resets_the_schedule(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    schedule = _Unseen()
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, schedule)
    before = schedule.resets
    segmenter.reset()
    assert schedule.resets == before + 1


def test_where_agreement_can_not_be_measured_nothing_is_learned(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, frames: list[UInt8Array]
) -> None:
    unsure = fake_segmentation.probabilities
    fake_segmentation.probabilities = lambda frame: unsure(frame) * 0.5  # type: ignore[method-assign]
    schedule = _Asking(learns=True)
    list(AdaptiveSegmenter(fake_segmentation, fake_flow, schedule).stream(frames))
    assert schedule.told == []
