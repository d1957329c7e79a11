"""What a report draws stays small, and merging frames keeps what matters of each."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vssn.evaluation.timeline import Timeline
from vssn.types import Box, FramePath, FrameResult, SceneObject


def result(
    path: FramePath = FramePath.WARP,
    confidence: float | None = None,
    seconds: float = 0.01,
    label: int = 3,
    regions: tuple[FramePath, ...] = (),
) -> FrameResult:
    labels = np.full((4, 4), label, np.uint8)
    return FrameResult(0, labels, path, confidence, 2, {"warp": seconds}, regions)


def car(distance_m: float | None) -> SceneObject:
    return SceneObject(8, Box(0, 0, 1, 1), 1, distance_m)


def test_each_frame_has_its_own_values() -> None:
    timeline = Timeline()
    timeline.add(5.0, result(FramePath.SEGMENT, None, 0.2), None)
    timeline.add(5.04, result(confidence=81.25, label=8), car(7.5))
    columns = timeline.columns()
    assert columns["frame"] == [0, 1]
    assert columns["time"] == [0, 0.04]  # as in the annotated video, which starts at 0
    assert columns["segmented"] == [1, 0]
    assert columns["confidence"] == [None, 81.25]
    assert columns["longestMs"] == [200, 10]
    assert columns["distance"] == [None, 7.5]
    assert columns["distanceClass"] == [-1, 8]
    assert columns["areas"][3] == [100, 0]
    assert columns["areas"][8] == [0, 100]
    assert timeline.stage_ms() == {"warp": pytest.approx(105)}


def test_merged_frames_keep_the_extremes() -> None:
    timeline = Timeline(capacity=2)
    timeline.add(0, result(FramePath.SEGMENT, 40.0, 0.3), car(9.0))
    timeline.add(1, result(confidence=90.0, label=8), car(4.0))
    timeline.add(2, result(confidence=None), None)
    assert timeline.frames_per_span == 2
    columns = timeline.columns()
    assert columns["frames"] == [2, 1]
    assert columns["confidence"] == [40, None]
    assert columns["longestMs"][0] == 300
    assert columns["meanMs"][0] == 155
    assert columns["distance"] == [4, None]
    assert columns["segmented"] == [0.5, 0]
    assert columns["areas"][8] == [50, 0]


@pytest.mark.parametrize("capacity", [2, 3, 8])
def test_any_number_of_frames_fits(capacity: int) -> None:
    rng = np.random.default_rng(0)
    timeline, milliseconds, segmented = Timeline(capacity), [], 0
    for number in range(1000):
        path = FramePath.SEGMENT if rng.random() < 0.3 else FramePath.WARP
        segmented += path is FramePath.SEGMENT
        milliseconds.append(float(rng.uniform(1, 50)))
        timeline.add(number / 25, result(path, 50.0, milliseconds[-1] / 1000), None)
    columns = timeline.columns()
    assert len(columns["frame"]) <= capacity
    assert sum(columns["frames"]) == timeline.frames == 1000
    assert columns["frame"] == np.cumsum([0, *columns["frames"][:-1]]).tolist()
    shares = np.array(columns["segmented"]) @ np.array(columns["frames"])
    assert shares == pytest.approx(segmented, abs=0.5)
    means = np.array(columns["meanMs"]) @ np.array(columns["frames"])
    assert means == pytest.approx(sum(milliseconds), rel=1e-3)
    assert max(columns["longestMs"]) == pytest.approx(max(milliseconds), abs=0.01)
    json.dumps(columns, allow_nan=False)


def test_a_frame_in_regions_counts_by_their_share() -> None:
    timeline = Timeline()
    regions = (FramePath.SEGMENT, FramePath.WARP, FramePath.WARP, FramePath.WARP)
    timeline.add(0, result(FramePath.SEGMENT, regions=regions), None)
    assert timeline.columns()["segmented"] == [0.25]
