"""From a frame and its labels to the picture that a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction

from vssn.labels import colour_mask_bgr
from vssn.media.pipeline import Sink
from vssn.scene.distance import Camera, measure
from vssn.scene.draw import draw_objects
from vssn.scene.objects import find_objects
from vssn.types import FrameResult, TimedFrame, UInt8Array, VideoInfo


class Annotator:
    """Boxes, names and distances, drawn on the frames or on their masks.

    Args:
        info: size of the frames.
        on_original: draw on the frame itself, not on its mask in palette colours.
        camera: what distances are computed from; a guess from the frame's size, marked as
            uncalibrated, where it is not given.
    """

    def __init__(self, info: VideoInfo, on_original: bool, camera: Camera | None = None) -> None:
        self._on_original = on_original
        self._camera = camera or Camera.default(info.width_px, info.height_px)

    def draw(self, frame_bgr: UInt8Array, result: FrameResult) -> UInt8Array:
        """Draw a frame's objects.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR; drawn upon in place unless masks are wanted.
            result: its segmentation.

        Returns:
            (H, W, 3) uint8 BGR.
        """
        canvas = frame_bgr if self._on_original else colour_mask_bgr(result.labels)
        draw_objects(canvas, measure(find_objects(result.labels), self._camera))
        return canvas


class DrawingSink(Sink[[TimedFrame, FrameResult]]):
    """Draws each frame's objects and hands the picture on.

    Args:
        annotator: draws; on the frames in place, unless masks are wanted.
        sinks: take the pictures; closed with this.
    """

    def __init__(self, annotator: Annotator, sinks: Sequence[Sink[[UInt8Array, Fraction]]]) -> None:
        self._annotator = annotator
        self._sinks = sinks

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Draw a frame with its result."""
        picture = self._annotator.draw(frame.frame_bgr, result)
        for sink in self._sinks:
            sink.write(picture, frame.time)

    def close(self, complete: bool = True) -> None:
        """Close the sinks, each of them whatever becomes of the others."""
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.callback(sink.close, complete=complete)
