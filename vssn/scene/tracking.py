"""Which object of a frame is which of the frames before, through norfair; distances smoothed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.types import SceneObject

FloatArray = npt.NDArray[np.float64]

# Boxes match when they share some 30 % of their union: at 25 frames per second a car's do.
MAX_IOU_DISTANCE = 0.7
# An object is one from its second frame on, and is kept while hidden for this long.
MEMORY_S = 0.6
DISTANCE_SMOOTHING_S = 0.4


def _box_distances(found: FloatArray, tracked: FloatArray) -> FloatArray:
    """1 - intersection over union of (N, 4) and (K, 4) boxes, as (N, K)."""
    from norfair.distances import iou

    # The filter may predict a narrow box inside out, which norfair would log for each frame.
    valid = np.maximum(tracked, np.add(np.tile(tracked[:, :2], 2), (0, 0, 1, 1)))
    return np.asarray(iou(found, valid), np.float64)


class ObjectTracker:
    """Numbers objects over the frames.

    Args:
        fps: frames per second of the video.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self.reset()

    def reset(self) -> None:
        """Forget the frames so far; numbers start at 1 again."""
        # Its import takes longer than the rest of the scene's.
        from norfair import Tracker
        from norfair.distances import VectorizedDistance

        self._tracker: Any = Tracker(
            distance_function="iou",
            distance_threshold=MAX_IOU_DISTANCE,
            hit_counter_max=max(3, round(MEMORY_S * self._fps)),
            initialization_delay=1,
            past_detections_length=0,
        )
        # The constructor takes names only of those that compare all boxes at once.
        self._tracker.distance_function = VectorizedDistance(_box_distances)
        self._frame = 0
        self._numbers: dict[int, int] = {}
        self._distances: dict[int, tuple[float, float]] = {}

    def update(self, objects: Sequence[SceneObject], time_s: float) -> list[SceneObject]:
        """Number a frame's objects and smooth their distances.

        Args:
            objects: measured; of all classes.
            time_s: the frame's time; it does not go back.

        Returns:
            The objects in the same order, with ``track`` for those seen before.
        """
        from norfair import Detection

        detections = [
            Detection(
                points=np.array(
                    [[each.box.left, each.box.top], [each.box.right, each.box.bottom]], float
                ),
                data=(self._frame, position),
                label=each.label,
            )
            for position, each in enumerate(objects)
        ]
        numbered = list(objects)
        alive = set()
        for tracked in self._tracker.update(detections=detections):
            number = self._numbers.setdefault(tracked.id, len(self._numbers) + 1)
            alive.add(number)
            frame, position = tracked.last_detection.data
            if frame == self._frame:
                numbered[position] = self._smoothed(objects[position], number, time_s)
        self._frame += 1
        self._distances = {n: seen for n, seen in self._distances.items() if n in alive}
        return numbered

    def _smoothed(self, found: SceneObject, number: int, time_s: float) -> SceneObject:
        """With its number, and its distance averaged with those before."""
        if found.distance_m is None:
            return replace(found, track=number)
        distance_m = found.distance_m
        if number in self._distances:
            before_m, before_s = self._distances[number]
            share = 1 - math.exp(-max(0.0, time_s - before_s) / DISTANCE_SMOOTHING_S)
            # Inverse distances: the error of a foot point in px is the same near and far.
            distance_m = 1 / (1 / before_m + share * (1 / distance_m - 1 / before_m))
        self._distances[number] = (distance_m, time_s)
        return replace(found, track=number, distance_m=distance_m)
