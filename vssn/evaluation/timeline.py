"""What a report draws over the time of a run, in memory that does not grow with it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.labels import NUM_CLASSES
from vssn.types import FramePath, FrameResult, SceneObject

# More than a wide screen has columns; as text about 0.3 MB.
CAPACITY = 2048


@dataclass
class _Span:
    """Consecutive frames that are drawn as one."""

    frame: int
    time_s: float
    frames: int = 0
    segmented: float = 0.0
    confidence: float = math.nan
    key_distance: int = 0
    mean_ms: float = 0.0
    longest_ms: float = 0.0
    distance_m: float = math.nan
    distance_label: int = -1
    area_pct: npt.NDArray[np.float32] = field(
        default_factory=lambda: np.zeros(NUM_CLASSES, np.float32)
    )

    def merge(self, other: _Span) -> None:
        """Take in the span that follows."""
        frames = self.frames + other.frames
        share = other.frames / frames
        self.frames = frames
        self.segmented += (other.segmented - self.segmented) * share
        self.mean_ms += (other.mean_ms - self.mean_ms) * share
        self.area_pct += (other.area_pct - self.area_pct) * np.float32(share)
        self.longest_ms = max(self.longest_ms, other.longest_ms)
        self.key_distance = max(self.key_distance, other.key_distance)
        self.confidence = float(np.fmin(self.confidence, other.confidence))
        if not self.distance_m <= other.distance_m and not math.isnan(other.distance_m):
            self.distance_m, self.distance_label = other.distance_m, other.distance_label


class Timeline:
    """Frames in order, merged two by two whenever there are more than can be drawn.

    Of merged frames it keeps the lowest confidence, the longest frame time, the largest key
    distance and the nearest object; shares of segmented frames and of classes are averaged.

    Args:
        capacity: how many spans are kept at most, 2 or more.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.stage_seconds: dict[str, float] = {}
        self.frames = 0
        self.frames_per_span = 1
        self.calibrated = False
        self._capacity = capacity
        self._spans: list[_Span] = []

    def add(self, time_s: float, result: FrameResult, nearest: SceneObject | None) -> None:
        """Add the next frame.

        Args:
            time_s: seconds since the source's start.
            result: its segmentation.
            nearest: the object at the smallest distance, if any has one.
        """
        span = _span(self.frames, time_s, result, nearest)
        self.frames += 1
        if nearest is not None:
            self.calibrated = nearest.calibrated
        for stage, seconds in result.seconds.items():
            self.stage_seconds[stage] = self.stage_seconds.get(stage, 0.0) + seconds
        if self._spans and self._spans[-1].frames < self.frames_per_span:
            self._spans[-1].merge(span)
        else:
            self._spans.append(span)
            self._halve()

    def _halve(self) -> None:
        if len(self._spans) <= self._capacity:
            return
        pairs = zip(self._spans[::2], self._spans[1::2], strict=False)
        for left, right in pairs:
            left.merge(right)
        self._spans = self._spans[::2]
        self.frames_per_span *= 2

    def columns(self) -> dict[str, Any]:
        """What is drawn, by name, a list with a value for each span; for JSON.

        Times are in s from the first frame, so as in the annotated video; areas, one list for each
        class, in % of the frame; None where there is no value.
        """
        spans = self._spans
        start_s = spans[0].time_s if spans else 0.0
        return {
            "frame": [span.frame for span in spans],
            "frames": [span.frames for span in spans],
            "time": [round(span.time_s - start_s, 4) for span in spans],
            "segmented": [round(span.segmented, 3) for span in spans],
            "confidence": [_rounded(span.confidence, 2) for span in spans],
            "keyDistance": [span.key_distance for span in spans],
            "meanMs": [_rounded(span.mean_ms, 2) for span in spans],
            "longestMs": [_rounded(span.longest_ms, 2) for span in spans],
            "distance": [_rounded(span.distance_m, 2) for span in spans],
            "distanceClass": [span.distance_label for span in spans],
            "areas": [
                [round(float(span.area_pct[label]), 2) for span in spans]
                for label in range(NUM_CLASSES)
            ],
        }

    def stage_ms(self) -> dict[str, float]:
        """Mean time per frame by stage, in ms."""
        return {
            stage: 1000 * seconds / self.frames for stage, seconds in self.stage_seconds.items()
        }


def _span(frame: int, time_s: float, result: FrameResult, nearest: SceneObject | None) -> _Span:
    """Of one frame. One in regions counts as segmented by the share of its segmented regions."""
    milliseconds = 1000 * sum(result.seconds.values())
    steps = result.region_paths or (result.path,)
    confidence = result.predicted_confidence
    counts = np.bincount(result.labels.ravel(), minlength=NUM_CLASSES)[:NUM_CLASSES]
    return _Span(
        frame,
        time_s,
        1,
        steps.count(FramePath.SEGMENT) / len(steps),
        math.nan if confidence is None else float(confidence),
        result.key_distance,
        milliseconds,
        milliseconds,
        math.nan if nearest is None or nearest.distance_m is None else nearest.distance_m,
        -1 if nearest is None else nearest.label,
        (100 * counts / result.labels.size).astype(np.float32),
    )


def _rounded(value: float, digits: int) -> float | None:
    """JSON has no NaN."""
    return round(value, digits) if math.isfinite(value) else None
