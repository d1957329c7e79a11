"""Counts, rates and percentiles of a run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vssn.evaluation import statistics
from vssn.evaluation.statistics import RunStatistics
from vssn.types import FramePath, FrameResult


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(statistics, "time", clock)
    return clock


def result(index: int, ms: float, path: FramePath = FramePath.WARP) -> FrameResult:
    seconds = {"prepare": ms / 4000, "warp": ms * 3 / 4000}
    return FrameResult(index, np.zeros((2, 2), np.uint8), path, None, 0, seconds)


def test_steps_are_counted_by_their_path(clock: Clock) -> None:
    run = RunStatistics()
    for index in range(5):
        run.add(result(index, 10, FramePath.SEGMENT if index in (0, 3) else FramePath.WARP))
    assert (run.frames, run.segmentation_steps, run.flow_steps) == (5, 2, 3)


def test_the_two_rates_tell_model_and_whole_apart(clock: Clock) -> None:
    run = RunStatistics()
    for index in range(4):
        clock.now += 0.25
        run.add(result(index, 50))
    clock.now += 1
    assert run.fps_model == pytest.approx(20)
    assert run.fps_end_to_end == pytest.approx(4)
    run.stop()
    assert run.fps_end_to_end == pytest.approx(2)


def test_percentiles_are_of_the_frames_times() -> None:
    run = RunStatistics()
    for index, ms in enumerate(range(100, -1, -1)):
        run.add(result(index, ms))
    latency = run.latency_ms()
    assert list(latency) == ["p50", "p95", "p99", "max"]
    np.testing.assert_allclose(list(latency.values()), [50, 95, 99, 100])


def test_a_run_without_frames_is_all_zero() -> None:
    summary = RunStatistics().summary()
    assert summary["frames"] == summary["fps_model"] == summary["fps_end_to_end"] == 0
    assert set(summary["latency_ms"].values()) == {0}


def test_the_summary_has_the_promised_keys_and_is_json(clock: Clock) -> None:
    run = RunStatistics()
    clock.now += 0.5
    run.add(result(0, 20, FramePath.SEGMENT))
    summary = json.loads(json.dumps(run.summary()))
    assert summary.pop("latency_ms") == pytest.approx({"p50": 20, "p95": 20, "p99": 20, "max": 20})
    assert summary == pytest.approx(
        {
            "frames": 1,
            "segmentation_steps": 1,
            "flow_steps": 0,
            "fps_model": 50,
            "fps_end_to_end": 2,
        }
    )


def test_the_printed_lines_say_the_same(clock: Clock) -> None:
    run = RunStatistics()
    clock.now += 0.5
    run.add(result(0, 20, FramePath.SEGMENT))
    assert run.lines() == [
        "Average fps: 2.00 end to end, 50.00 model only",
        "Segmentation steps: 1",
        "Flow steps: 0",
        "Frame time in ms: p50 20.0, p95 20.0, p99 20.0, max 20.0",
    ]
