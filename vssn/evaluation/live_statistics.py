"""Counts and latencies of a live stream."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.evaluation.statistics import PERCENTILES
from vssn.types import FramePath, FrameResult

# A camera may run for weeks: latencies are counted in bins, not kept.
BIN_MS = 0.1
BINS = 100_000  # up to 10 s; what takes longer is in the last
BAR = 40  # characters
ROWS = 16
STEPS_MS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)


class LiveStatistics:
    """Counts frames and their latencies; its memory does not grow.

    Args:
        max_latency_ms: what was allowed.

    Attributes:
        frames: frames that left.
        dropped: frames that were left out between them.
        late: frames that left after ``max_latency_ms``.
        segmented: frames that were segmented themselves on time.
        corrected: frames in which a segmentation of an earlier one arrived.
        not_written: pictures and records left out, as drawing or writing was too slow.
    """

    def __init__(self, max_latency_ms: float) -> None:
        self.max_latency_ms = max_latency_ms
        self.frames = self.dropped = self.late = self.segmented = self.corrected = 0
        self.not_written = 0
        self._counts: npt.NDArray[np.int64] = np.zeros(BINS, np.int64)
        self._worst_ms = self._age_sum_ms = self._oldest_ms = 0.0
        self._stage_s: dict[str, float] = {}
        self._begun_s = self._end_s = time.perf_counter()

    def add(self, result: FrameResult) -> None:
        """Count a frame of :class:`vssn.streaming.live.LiveSegmenter`."""
        live = result.live
        assert live is not None, "a live stream's result"
        if not self.frames:
            self._begun_s = time.perf_counter()
        self.frames += 1
        self.dropped += live.dropped
        self.late += live.latency_ms > self.max_latency_ms
        self.segmented += result.path is FramePath.SEGMENT
        self.corrected += live.corrected
        self._counts[min(int(live.latency_ms / BIN_MS), BINS - 1)] += 1
        self._worst_ms = max(self._worst_ms, live.latency_ms)
        self._age_sum_ms += live.key_age_ms
        self._oldest_ms = max(self._oldest_ms, live.key_age_ms)
        for name, seconds in result.seconds.items():
            self._stage_s[name] = self._stage_s.get(name, 0.0) + seconds
        self._end_s = time.perf_counter()

    def histogram(self) -> tuple[npt.NDArray[np.int64], float]:
        """How many frames had which latency, (n,) int64 without empty bins at its end; ms a bin."""
        used = np.flatnonzero(self._counts)
        return self._counts[: used[-1] + 1 if used.size else 0].copy(), BIN_MS

    def latency_ms(self) -> dict[str, float]:
        """p50, p95, p99 and max in ms, the percentiles to a tenth, rounded up."""
        total = np.cumsum(self._counts)
        named = {}
        for percentile in PERCENTILES:
            wanted = math.ceil(self.frames * percentile / 100)
            bin_number = int(np.searchsorted(total, wanted)) if self.frames else -1
            above_ms = (bin_number + 1) * BIN_MS if bin_number < BINS - 1 else math.inf
            named[f"p{percentile}"] = min(above_ms, self._worst_ms)
        return {**named, "max": self._worst_ms}

    @property
    def key_age_ms(self) -> tuple[float, float]:
        """The key results' mean and largest age in the frames, in ms."""
        return self._age_sum_ms / max(self.frames, 1), self._oldest_ms

    def summary(self) -> dict[str, Any]:
        """The figures as they go into the summary file."""
        counts, width_ms = self.histogram()
        mean_ms, oldest_ms = self.key_age_ms
        return {
            "frames": self.frames,
            "dropped_frames": self.dropped,
            "late_frames": self.late,
            "segmented_frames": self.segmented,
            "corrected_frames": self.corrected,
            "not_written_frames": self.not_written,
            "seconds": self._end_s - self._begun_s,
            "max_latency_ms": self.max_latency_ms,
            "latency_ms": self.latency_ms(),
            "key_age_ms": {"mean": mean_ms, "max": oldest_ms},
            "stage_ms": {
                name: 1000 * seconds / self.frames for name, seconds in self._stage_s.items()
            },
            "latency_histogram": {"bin_ms": width_ms, "frames": counts.tolist()},
        }

    def lines(self) -> list[str]:
        """The figures as printed, with the histogram."""
        latency = ", ".join(f"{name} {value:.1f}" for name, value in self.latency_ms().items())
        mean_ms, oldest_ms = self.key_age_ms
        seconds = self._end_s - self._begun_s
        on_time = f"{self.late} later than {self.max_latency_ms:g} ms"
        written = f", {self.not_written} not written" if self.not_written else ""
        return [
            f"Frames: {self.frames} in {seconds:.1f} s, {self.dropped} dropped, {on_time}{written}",
            f"Segmentations: {self.segmented} of the frame itself, {self.corrected} of an earlier "
            f"one; results' age in ms: mean {mean_ms:.0f}, max {oldest_ms:.0f}",
            f"Latency in ms: {latency}",
            *self._bars(),
        ]

    def _bars(self) -> list[str]:
        """A line for each step of latency: how many frames, with a bar."""
        counts, width_ms = self.histogram()
        if not counts.size:
            return []
        shown_ms = min(counts.size * width_ms, 2 * self.max_latency_ms)
        step_ms = next((step for step in STEPS_MS if shown_ms / step <= ROWS), STEPS_MS[-1])
        each = max(round(step_ms / width_ms), 1)
        rows = [int(counts[at : at + each].sum()) for at in range(0, counts.size, each)]
        kept, rest = rows[:ROWS], sum(rows[ROWS:])
        most = max(*kept, rest)
        first = next((number for number, count in enumerate(kept) if count), ROWS)
        lines = [
            _bar(f"{number * step_ms:g}-{(number + 1) * step_ms:g}", count, most)
            for number, count in enumerate(kept)
            if number >= first
        ]
        return [*lines, _bar(f"{ROWS * step_ms:g}-", rest, most)] if rest else lines


def _bar(name: str, count: int, most: int) -> str:
    return f"  {name:>9} ms {count:>7} {'#' * math.ceil(BAR * count / most)}"
