"""Counts and times of a run over a stream of frames."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from vssn.types import FrameResult

PERCENTILES = (50, 95, 99)


class RunStatistics:
    """Counts steps and measures times over a run.

    A frame is one step; a frame in regions is one step for each region.

    The end-to-end clock starts when this object is made and stops at the last frame added or at
    :meth:`stop`. It includes reading, drawing and writing, not loading.
    """

    def __init__(self) -> None:
        self.segmentation_steps = 0
        self.flow_steps = 0
        self._frame_seconds: list[float] = []
        self._start = self._end = time.perf_counter()

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return len(self._frame_seconds)

    def add(self, result: FrameResult) -> None:
        """Count one frame."""
        self.segmentation_steps += result.segmentation_steps
        self.flow_steps += result.flow_steps
        self._frame_seconds.append(sum(result.seconds.values()))
        self.stop()

    def stop(self) -> None:
        """Stop the end-to-end clock, once all output is written."""
        self._end = time.perf_counter()

    @property
    def fps_model(self) -> float:
        """Frames per second of the segmenter alone."""
        return self._rate(sum(self._frame_seconds))

    @property
    def fps_end_to_end(self) -> float:
        """Frames per second, reading and writing included."""
        return self._rate(self._end - self._start)

    def _rate(self, seconds: float) -> float:
        return self.frames / seconds if self.frames and seconds > 0 else 0.0

    def latency_ms(self) -> dict[str, float]:
        """Time per frame in the segmenter: p50, p95, p99 and max, in ms."""
        times = np.array(self._frame_seconds or [0.0]) * 1000
        named = {f"p{p}": float(np.percentile(times, p)) for p in PERCENTILES}
        return {**named, "max": float(times.max())}

    def summary(self) -> dict[str, Any]:
        """The figures as they go into the summary file."""
        return {
            "frames": self.frames,
            "segmentation_steps": self.segmentation_steps,
            "flow_steps": self.flow_steps,
            "fps_model": self.fps_model,
            "fps_end_to_end": self.fps_end_to_end,
            "latency_ms": self.latency_ms(),
        }

    def lines(self) -> list[str]:
        """The figures as printed, the original's wording first."""
        latency = ", ".join(f"{name} {value:.1f}" for name, value in self.latency_ms().items())
        return [
            f"Average fps: {self.fps_end_to_end:.2f} end to end, {self.fps_model:.2f} model only",
            f"Segmentation steps: {self.segmentation_steps}",
            f"Flow steps: {self.flow_steps}",
            f"Frame time in ms: {latency}",
        ]
