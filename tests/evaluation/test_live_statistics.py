"""Latencies in bins: percentiles, counts, and the histogram as it is printed and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.evaluation.live_statistics import LiveStatistics
from vssn.evaluation.runs import LiveRun
from vssn.types import FramePath, FrameResult, LiveFrame

LABELS = np.zeros((2, 2), np.uint8)


def result(latency_ms: float, dropped: int = 0, corrected: bool = False) -> FrameResult:
    live = LiveFrame(latency_ms, corrected, 100.0, dropped)
    return FrameResult(0, LABELS, FramePath.WARP, None, 3, {"warp": 0.002}, live=live)


def filled(latencies: list[float]) -> LiveStatistics:
    statistics = LiveStatistics(33)
    for latency in latencies:
        statistics.add(result(latency))
    return statistics


def test_percentiles_are_those_of_all_latencies_to_a_tenth() -> None:
    latencies = np.random.default_rng(0).gamma(10, 1.2, 5000).tolist()
    found = filled(latencies).latency_ms()
    for percentile in (50, 95, 99):
        exact = np.percentile(latencies, percentile, method="inverted_cdf")
        assert exact <= found[f"p{percentile}"] <= exact + 0.1001
    assert found["max"] == max(latencies)


def test_what_is_late_dropped_and_corrected_is_counted() -> None:
    statistics = filled([10, 33, 33.1, 50_000])
    statistics.add(result(12, dropped=4, corrected=True))
    summary = statistics.summary()
    assert (summary["frames"], summary["late_frames"], summary["dropped_frames"]) == (5, 2, 4)
    assert (summary["corrected_frames"], summary["segmented_frames"]) == (1, 0)
    assert summary["latency_ms"]["max"] == 50_000
    assert sum(summary["latency_histogram"]["frames"]) == 5
    assert summary["key_age_ms"] == {"mean": 100.0, "max": 100.0}
    assert summary["stage_ms"] == {"warp": pytest.approx(2.0)}


def test_the_histogram_is_printed_with_what_is_beyond_in_one_line() -> None:
    lines = filled([8.2] * 40 + [9.1] * 20 + [12.4] * 10 + [400.0]).lines()
    assert "71 in" in lines[0]
    assert "1 later than 33 ms" in lines[0]
    bars = [line.split() for line in lines[3:]]
    assert [int(bar[2]) for bar in bars if bar[2] != "0"] == [60, 10, 1]
    assert bars[0][0] == "5-10"
    assert bars[0][3] == "#" * 40
    assert bars[-1][0] == "80-"


def test_a_stream_without_a_frame_has_no_histogram() -> None:
    statistics = LiveStatistics(33)
    assert len(statistics.lines()) == 3
    assert json.dumps(statistics.summary(), allow_nan=False)


def test_a_run_is_saved_as_a_plot_and_its_figures(tmp_path: Path) -> None:
    run = LiveRun(filled([8.2, 9.1, 40.0]), {"runtime": "fake"}, interrupted=True)
    plot, figures = run.save(tmp_path / "report")
    assert cv2.imread(str(plot)).shape[1] > 500
    saved = json.loads(figures.read_text())
    assert (saved["frames"], saved["runtime"], saved["interrupted"]) == (3, "fake", True)
    assert saved["machine"]["Cores"]
