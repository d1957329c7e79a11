"""From a frame's labels to its objects, with distances and identities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from vssn.scene.camera import Camera, camera_for
from vssn.scene.distance import measure as ground_measure
from vssn.scene.horizon import HorizonEstimator
from vssn.scene.objects import MIN_AREA_SHARE, find_objects
from vssn.scene.tracking import ObjectTracker
from vssn.types import FrameResult, SceneObject, VideoInfo

Measure = Callable[[Sequence[SceneObject], Camera], list[SceneObject]]


class SceneAnalyser:
    """Finds, measures and numbers the objects of a video's frames, one after another.

    Args:
        info: of the video.
        camera: what distances are computed from; a guess, marked as uncalibrated, where it is not
            given. Without a pitch, the horizon is estimated from the frames.
        split: whether touching objects of one class are told apart.
        track: whether objects keep their number over the frames, and distances are smoothed.
        measure: gives objects their distances.
        min_area_share: smaller objects, as a share of the frame, are left out.
    """

    def __init__(
        self,
        info: VideoInfo,
        camera: Camera | None = None,
        *,
        split: bool = True,
        track: bool = True,
        measure: Measure = ground_measure,
        min_area_share: float = MIN_AREA_SHARE,
    ) -> None:
        self._fps = info.fps or 25.0
        self._camera = camera or camera_for(info)
        self._split = split
        self._measure = measure
        self._min_area_share = min_area_share
        self._tracker = ObjectTracker(self._fps) if track else None
        start_px = self._camera.horizon_px
        self._horizon = HorizonEstimator(start_px) if self._camera.pitch_deg is None else None

    def analyse(self, result: FrameResult) -> FrameResult:
        """Find a frame's objects.

        Args:
            result: of the next frame; its time, or else its number, says how long ago the one
                before was.

        Returns:
            The result with ``objects`` and ``horizon_px``.
        """
        time_s = result.index / self._fps if result.time_s is None else result.time_s
        camera = self._camera
        if self._horizon is not None:
            camera = camera.with_horizon(self._horizon.update(result.labels, time_s))
        found = find_objects(result.labels, min_area_share=self._min_area_share, split=self._split)
        objects = self._measure(found, camera)
        if self._tracker is not None:
            objects = self._tracker.update(objects, time_s)
        return replace(result, objects=tuple(objects), horizon_px=camera.horizon_px)

    def reset(self) -> None:
        """Forget the frames so far, for another video of the same camera."""
        if self._horizon is not None:
            self._horizon.reset()
        if self._tracker is not None:
            self._tracker.reset()
