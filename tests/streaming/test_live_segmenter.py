"""Live streams on a simulated clock: order, timeliness, catching up, drops, and equal labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from streets import moving_street

from vssn.errors import BadInputError
from vssn.evaluation.live_simulation import (
    Clock,
    SimulatedArrivals,
    SimulatedSegmentation,
    TimedFlow,
)
from vssn.flow.dis import DISFlow
from vssn.networks import FlowComparison, FlowNetwork, SegmentationNetwork
from vssn.streaming.confidence import MotionConfidence
from vssn.streaming.live import LiveSegmenter
from vssn.streaming.schedule import Decision, FixedInterval, Schedule, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, FrameResult, Propagate, TimedFrame, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

Paint = Callable[[np.ndarray], UInt8Array]
SEGMENT, WARP = FramePath.SEGMENT, FramePath.WARP
PERIOD_S = 1 / 30
STEP_PX = 2  # of the street in the frames; a cell of the fakes' grid


class Stream:
    """A live stream over fakes, on a simulated clock."""

    def __init__(
        self,
        segmentation: SegmentationNetwork,
        flow: FlowNetwork,
        schedule: Schedule,
        segment_s: float,
        flow_s: float = 0.008,
        max_latency_ms: float = 33,
        propagate: Propagate = Propagate.CHAIN,
    ) -> None:
        self.clock = Clock()
        self.background = SimulatedSegmentation(segmentation, self.clock, segment_s)
        self.segmenter = LiveSegmenter(
            self.background,
            TimedFlow(flow, self.clock, flow_s),
            schedule,
            max_latency_ms,
            propagate=propagate,
            clock=self.clock,
        )

    def play(
        self, frames_bgr: Sequence[UInt8Array], period_s: float = PERIOD_S
    ) -> list[FrameResult]:
        times = [number * period_s for number in range(len(frames_bgr))]
        arrivals = SimulatedArrivals(frames_bgr, times, self.clock)
        return [result for _, result in self.segmenter.follow(arrivals)]


@pytest.fixture
def street(paint: Paint, fake_flow: FakeFlow) -> list[UInt8Array]:
    """Sixty frames that move by one cell of the fakes' grid each."""
    fake_flow.flow_cells = (-1.0, 0.0)
    return [paint(labels) for labels in moving_street(60, STEP_PX)]


def latencies_ms(results: Sequence[FrameResult]) -> list[float]:
    return [result.live.latency_ms for result in results]


def test_with_a_slow_segmenter_every_frame_leaves_on_time_and_in_order(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.15)
    first, *results = stream.play(street)
    assert (first.index, first.path, first.live.latency_ms) == (0, SEGMENT, pytest.approx(150))
    indices = [result.index for result in results]
    assert indices == list(range(indices[0], 60))
    # Those that arrived while the first frame was segmented are too old, but for the newest.
    assert (indices[0], results[0].live.dropped) == (4, 3)
    assert max(latencies_ms(results)) <= 33
    assert not any(result.live.dropped for result in results[1:])
    # A segmentation takes four frames and a half; the last half is waited for, and the next frame
    # is segmented then.
    keys = [result.index - result.key_distance for result in results]
    assert keys == sorted(keys)
    corrected = [result for result in results if result.live.corrected]
    assert len(corrected) == 56 // 5
    assert {result.path for result in results} == {WARP}
    assert {result.key_distance for result in corrected[1:]} == {4}
    assert max(result.live.key_age_ms for result in results) <= 9.01 * 1000 * PERIOD_S


@pytest.mark.parametrize("propagate", list(Propagate))
@pytest.mark.parametrize("segment_s", [0.0, 0.02, 0.05, 0.15, 0.4])
def test_labels_stay_with_what_moves_however_late_a_segmentation_is(
    street: list[UInt8Array],
    fake_segmentation: FakeSegmentation,
    fake_flow: FakeFlow,
    segment_s: float,
    propagate: Propagate,
) -> None:
    flow = _Remembering(fake_flow, street)
    stream = Stream(fake_segmentation, flow, FixedInterval(1), segment_s, propagate=propagate)
    results = stream.play(street)
    truth = moving_street(60, STEP_PX)
    for result in results:
        # What came in at the edge since the key frame is not known yet.
        inside = np.s_[:, STEP_PX * result.key_distance + 2 :]
        np.testing.assert_array_equal(result.labels[inside], truth[result.index][inside])


class _Remembering:
    """The fakes' flow between any two frames of a street, by their distance."""

    def __init__(self, flow: FakeFlow, frames_bgr: Sequence[UInt8Array]) -> None:
        self._flow = flow
        self._numbers = {frame.tobytes(): number for number, frame in enumerate(frames_bgr)}

    def prepare(self, frame_bgr: UInt8Array) -> np.ndarray:
        return np.array(self._numbers[frame_bgr.tobytes()])

    def compare(self, current: np.ndarray, reference: np.ndarray) -> FlowComparison:
        self._flow.flow_cells = (float(reference - current), 0.0)
        grey = np.zeros((1, 1), np.float32)
        return self._flow.compare(grey, grey)


def test_a_source_faster_than_the_flow_gets_its_newest_frame_taken(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.06, flow_s=0.012)
    _, *results = stream.play(street, period_s=0.005)
    assert max(latencies_ms(results)) <= 33
    indices = [result.index for result in results]
    assert indices == sorted(set(indices))
    assert indices[-1] == 59
    assert sum(result.live.dropped for result in results) + len(results) + 1 == 60
    assert len(results) == pytest.approx(0.3 / 0.012, abs=6)


def test_a_single_hold_up_costs_no_frame_that_can_still_be_on_time(
    paint: Paint, fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.0, flow_s=0.004)
    frames = [paint(np.full((48, 64), 3))] * 20
    # Ten at their time, then four at once, as a network delivers them.
    times = [number * PERIOD_S for number in range(10)] + [0.5, 0.5, 0.5, 0.5]
    times += [0.5 + number * PERIOD_S for number in range(1, 7)]
    arrivals = SimulatedArrivals(frames, times, stream.clock)
    results = [result for _, result in stream.segmenter.follow(arrivals)]
    assert [result.index for result in results] == list(range(20))
    assert max(latencies_ms(results)) <= 33


def test_a_segmentation_that_is_expected_in_time_is_waited_for(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.02)
    results = stream.play(street)
    assert {result.path for result in results} == {SEGMENT}
    assert latencies_ms(results) == pytest.approx([20] * 60)
    assert fake_flow.compared == []


class _Certain(Schedule):
    """Segments once the key frame is so many frames old, and says how confident it is."""

    def __init__(self, interval: int, learns: bool = False) -> None:
        self.interval, self.learns = interval, learns
        self.asked: list[int] = []
        self.told: list[tuple[float, int]] = []

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        self.asked.append(key_distance)
        return Decision(key_distance >= self.interval, 100.0 - key_distance, self.learns)

    def predict(self, comparison: FlowComparison, key_distance: int) -> float:
        return 50.0 - key_distance

    def observe(self, measured_agreement: float, predictions_ago: int = 0) -> None:
        self.told.append((measured_agreement, predictions_ago))


def test_the_schedule_saves_segmentations_and_is_asked_only_when_one_can_be_made(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    schedule = _Certain(8)
    stream = Stream(fake_segmentation, fake_flow, schedule, segment_s=0.1)
    results = stream.play(street)
    # Started at a distance of 8, done three frames later, when it is of 3.
    assert schedule.asked[:7] == [1, 2, 3, 4, 5, 6, 7]
    assert set(schedule.asked) == set(range(1, 9))
    assert [result.key_distance for result in results if result.live.corrected] == [3] * 6
    by_distance = {
        result.key_distance: result.predicted_confidence
        for result in results[1:]
        if not result.live.corrected
    }
    assert by_distance[7] == 93.0
    assert by_distance[9] == 41.0  # while a segmentation is under way
    corrected = next(result for result in results if result.live.corrected)
    assert corrected.predicted_confidence is None  # what was predicted was not shown


def test_a_schedule_that_learns_is_told_which_frame_it_was(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    schedule = _Certain(8, learns=True)
    stream = Stream(fake_segmentation, fake_flow, schedule, segment_s=0.1)
    stream.play(street)
    assert len(schedule.told) == 6
    assert {ago for _, ago in schedule.told} == {3}
    assert min(agreement for agreement, _ in schedule.told) > 50


SCHEDULES: dict[str, Callable[[], Schedule]] = {
    "target": lambda: TargetSchedule(MotionConfidence(), 97.0),
    "careful": lambda: TargetSchedule(MotionConfidence(), 99.9),  # stops comparing for a while
    "fixed": lambda: FixedInterval(4),
    "always": lambda: FixedInterval(1),
    "never": lambda: TargetSchedule(MotionConfidence(), 0.0),
}


@pytest.mark.parametrize("propagate", list(Propagate))
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_segmenter_that_takes_no_time_gives_the_labels_of_a_stream_that_waits(
    paint: Paint, fake_segmentation: FakeSegmentation, name: str, propagate: Propagate
) -> None:
    noise = np.random.default_rng(0).integers(0, 20, (48, 64, 3), np.uint8)
    frames = [paint(labels) + noise // 3 for labels in moving_street(80, 1)]
    stream = Stream(
        fake_segmentation, DISFlow(input_hw=(48, 64)), SCHEDULES[name](), 0, propagate=propagate
    )
    live = stream.play(frames)
    waiting = AdaptiveSegmenter(
        fake_segmentation, DISFlow(input_hw=(48, 64)), SCHEDULES[name](), propagate=propagate
    )
    expected = list(waiting.stream(frames))
    assert [each.path for each in live] == [each.path for each in expected]
    assert [each.key_distance for each in live] == [each.key_distance for each in expected]
    for given, wanted in zip(live, expected, strict=True):
        np.testing.assert_array_equal(given.labels, wanted.labels)
        assert given.predicted_confidence == wanted.predicted_confidence
    if name == "target":
        assert {each.path for each in live} == {SEGMENT, WARP}


def test_a_network_that_fails_says_so_and_the_next_stream_begins_anew(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.0)

    def fail() -> None:
        raise RuntimeError("out of memory")

    fake_segmentation.before_each = fail
    with pytest.raises(RuntimeError, match="out of memory"):
        stream.play(street)
    fake_segmentation.before_each = lambda: None
    stream.segmenter.reset()
    assert len(stream.play(street)) == 60


def test_reset_waits_for_what_is_under_way(
    street: list[UInt8Array], fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.15)
    stream.play(street[:8])
    stream.segmenter.reset()
    again = stream.segmenter.step(TimedFrame(0, Fraction(0), street[0]), stream.clock())
    assert (again.path, again.key_distance) == (SEGMENT, 0)


def test_frames_of_another_size_are_refused(
    paint: Paint, fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    stream = Stream(fake_segmentation, fake_flow, FixedInterval(1), segment_s=0.0)
    frames = [paint(np.full(hw, 3)) for hw in ((48, 64), (40, 64))]
    with pytest.raises(BadInputError, match="as the frames before"):
        stream.play(frames)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), 1e9])
def test_a_latency_that_is_none_is_refused(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow, wrong: float
) -> None:
    with pytest.raises(BadInputError, match="max_latency_ms"):
        Stream(fake_segmentation, fake_flow, FixedInterval(1), 0.0, max_latency_ms=wrong)
