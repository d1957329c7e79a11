"""What is measured on this machine, with stand-ins for its networks, its clock and its cores."""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
import pytest

from vssn.config import PROFILES, SegmenterConfig
from vssn.errors import BadInputError, CheckpointError
from vssn.evaluation import bench
from vssn.evaluation.bench import (
    TURN_FRAMES,
    Candidate,
    Measurement,
    back_and_forth,
    best_threads,
    load_candidates,
    load_threads,
    measure,
    profile_targets,
    thread_counts,
)
from vssn.networks import Precision
from vssn.runtime.load import Networks
from vssn.streaming.segmenter import Segmenter
from vssn.types import FramePath, FrameResult, UInt8Array

SEGMENT_S, WARP_S = 0.040, 0.005
FRAMES = [np.full((4, 6, 3), value, np.uint8) for value in (0, 50, 100)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class StandIn(Segmenter):
    """Segments every ``interval``-th frame of a stream; the clock goes on meanwhile."""

    def __init__(self, clock: Clock, interval: int, first_run_s: float = 0.0) -> None:
        self.clock, self.interval, self.first_run_s = clock, interval, first_run_s
        self.index = 0
        self.seen: list[int] = []
        self.threads: list[int] = []

    def reset(self) -> None:
        self.index = 0

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        path = FramePath.WARP if self.index % self.interval else FramePath.SEGMENT
        self.clock.now += SEGMENT_S if path is FramePath.SEGMENT else WARP_S
        self.clock.now += self.first_run_s
        self.first_run_s = 0.0
        self.index += 1
        self.seen.append(int(frame_bgr[0, 0, 0]))
        self.threads.append(cv2.getNumThreads())
        return FrameResult(self.index - 1, frame_bgr[..., 0], path, None, 0)


def candidate(
    target: float, precision: Precision = "int8", threads: int | None = None
) -> Candidate:
    return Candidate("light", precision, target, threads)


def test_candidates_take_turns_until_the_time_is_up() -> None:
    clock = Clock()
    every, fifth = StandIn(clock, 1, first_run_s=3.0), StandIn(clock, 5)
    # A round takes 5 * 40 + 40 + 4 * 5 = 260 ms; three fit into a second beside the first runs.
    segmenters = {candidate(100): every, candidate(95): fifth}
    measured = measure(segmenters, FRAMES, 3.0 + 1.0, clock)
    assert clock.now < 4.0
    assert [each.candidate.target for each in measured] == [100, 95]
    assert [each.frames for each in measured] == [3 * TURN_FRAMES, 3 * TURN_FRAMES]
    assert [each.segmented for each in measured] == [15, 3]
    assert [each.segmented_share for each in measured] == [1.0, 0.2]
    # The slow first run counts for nothing.
    assert measured[0].fps == pytest.approx(1 / SEGMENT_S)
    assert measured[1].fps == pytest.approx(15 / (3 * SEGMENT_S + 12 * WARP_S))
    assert measured[1].segmented_ms == pytest.approx(1000 * SEGMENT_S)
    assert measured[1].propagated_ms == pytest.approx(1000 * WARP_S)
    assert measured[0].propagated_ms is None
    assert every.seen == fifth.seen
    assert every.seen[1:8] == [0, 50, 100, 50, 0, 50, 100]


def test_one_turn_is_measured_however_short_the_time() -> None:
    clock = Clock()
    (measured,) = measure({candidate(100): StandIn(clock, 1)}, FRAMES[:1], 0.001, clock)
    assert measured.frames == TURN_FRAMES


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [0, 0, 0]), (2, [0, 50, 0, 50]), (3, [0, 50, 100, 50, 0, 50, 100, 50])],
)
def test_a_clip_is_played_without_a_cut(count: int, expected: list[int]) -> None:
    played = back_and_forth(FRAMES[:count])
    assert [int(next(played)[0, 0, 0]) for _ in expected] == expected


def test_opencv_computes_with_the_candidates_threads() -> None:
    before = cv2.getNumThreads()
    clock = Clock()
    one = StandIn(clock, 1)
    measure({candidate(100, threads=1): one}, FRAMES, 0.001, clock)
    assert one.threads[1:] == [1] * TURN_FRAMES
    assert cv2.getNumThreads() == before


def test_the_targets_are_every_frame_and_those_of_the_profiles() -> None:
    targets = profile_targets()
    assert targets[0] == 100
    assert targets == sorted(targets, reverse=True)
    assert {PROFILES[name]["target"] for name in ("accurate", "balanced", "fast")} <= set(targets)


class Loading:
    """Loads nothing; notes what it is asked for, and refuses some of it."""

    def __init__(self, refused: dict[tuple[str, str], BadInputError] | None = None) -> None:
        self.refused = refused or {}
        self.asked: list[SegmenterConfig] = []

    def load(self, config: SegmenterConfig) -> Networks:
        error = self.refused.get((str(config.segmenter), config.precision))
        if error:
            raise error
        self.asked.append(config)
        return cast(Networks, config.precision)

    def make(self, config: SegmenterConfig, networks: Networks) -> Segmenter:
        assert config.precision == cast(Any, networks)
        return StandIn(Clock(), 1)


NO_RANGES = BadInputError("precision int8", "weights with int8 ranges", "choose auto")
NO_BF16 = BadInputError("precision bf16", "a processor that computes in it", "choose auto")
MISSING = CheckpointError("weights folder 'light_segmenter_model'", "weights", "get them")
BOTH = ["resnet50_segnet", "light"]


def test_each_network_is_loaded_once_per_precision_for_all_targets() -> None:
    loading = Loading()
    config = SegmenterConfig(threads=1, device="cpu")
    found = load_candidates(BOTH, config, loading.load, loading.make, False)
    assert [(each.segmenter, each.precision) for each in loading.asked] == [
        (name, precision) for name in BOTH for precision in ("f32", "bf16", "int8")
    ]
    assert {(each.device, each.threads) for each in loading.asked} == {("cpu", 1)}
    assert len(found.segmenters) == 6 * len(profile_targets())
    assert {each.threads for each in found.segmenters} == {1}
    assert found.left_out == []
    assert found.automatic == dict.fromkeys(BOTH, "int8")


def test_what_the_processor_or_the_weights_can_not_do_is_left_out() -> None:
    loading = Loading({("light", "int8"): NO_RANGES, ("light", "bf16"): NO_BF16})
    found = load_candidates(BOTH, SegmenterConfig(), loading.load, loading.make, True)
    assert [(each.segmenter, each.precision) for each in found.left_out] == [
        ("light", "bf16"),
        ("light", "int8"),
    ]
    assert {each.precision for each in found.segmenters if each.segmenter == "light"} == {"f32"}
    assert found.automatic["light"] == "f32"


def test_missing_weights_are_left_out_unless_they_were_asked_for() -> None:
    loading = Loading({("light", "f32"): MISSING})
    found = load_candidates(BOTH, SegmenterConfig(), loading.load, loading.make, False)
    assert {each.segmenter for each in found.segmenters} == {"resnet50_segnet"}
    assert [(each.segmenter, each.precision) for each in found.left_out] == [("light", None)]
    with pytest.raises(CheckpointError, match="light_segmenter_model"):
        load_candidates(BOTH, SegmenterConfig(), loading.load, loading.make, True)
    with pytest.raises(CheckpointError, match="light_segmenter_model"):  # nothing is left
        load_candidates(["light"], SegmenterConfig(), loading.load, loading.make, False)


def test_a_device_that_is_not_there_is_no_matter_of_precision() -> None:
    gone = BadInputError("device='gpu'", "a GPU with its driver", "pass device='cpu'")
    loading = Loading({("light", "f32"): gone})
    with pytest.raises(BadInputError, match="a GPU with its driver"):
        load_candidates(["light"], SegmenterConfig(), loading.load, loading.make, False)


@pytest.mark.parametrize(
    ("cores", "expected"), [(1, []), (2, []), (3, [1, 1, 3]), (4, [1, 2, 4]), (16, [1, 8, 16])]
)
def test_numbers_of_threads_are_tried_on_more_than_two_cores(
    cores: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = sorted(set(expected))
    assert thread_counts(cores) == expected
    monkeypatch.setattr(bench, "usable_cores", lambda: cores)
    assert thread_counts() == expected


def test_numbers_of_threads_are_loaded_for_the_same_candidate() -> None:
    loading = Loading()
    config = SegmenterConfig(device="cpu")
    chosen = load_threads(candidate(95), [1, 2, 4], config, loading.load, loading.make)
    assert list(chosen) == [candidate(95, threads=threads) for threads in (1, 2, 4)]
    asked = [(each.segmenter, each.target, each.threads, each.device) for each in loading.asked]
    assert asked == [("light", 95, threads, "cpu") for threads in (1, 2, 4)]


@pytest.mark.parametrize(
    ("fps", "expected"), [((10, 20, 30), 4), ((10, 30.5, 30), 4), ((10, 40, 30), 2)]
)
def test_fewer_threads_are_best_where_they_gain_more_than_noise(
    fps: tuple[float, ...], expected: int
) -> None:
    measured = [
        Measurement(candidate(95, threads=threads), 10, 1, each, 40.0, 5.0)
        for threads, each in zip((1, 2, 4), fps, strict=True)
    ]
    assert best_threads(measured).candidate.threads == expected
