"""From a frame and its result to the picture that a person sees."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np

from vssn.media.pipeline import Sink
from vssn.preprocess import size_hw
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.camera import Camera
from vssn.scene.draw import ObjectDrawer, object_text
from vssn.scene.overlays import Legend, StatusLine
from vssn.scene.palettes import load_palette
from vssn.scene.style import Style
from vssn.types import FrameResult, SceneObject, TimedFrame, UInt8Array, VideoInfo


class Annotator:
    """Draws a video's frames, one after another, in a style.

    Args:
        info: of the video.
        style: how the pictures look.
        camera: what distances are computed from; a guess where it is not given.
        analyser: finds the objects of results that come without any; made of ``camera`` where
            it is not given.
        text: what is written at an object.
        clock: tells seconds, for the speed in the status line.

    Attributes:
        info: of the pictures: ``side_by_side`` is twice as wide as the frames.

    Raises:
        BadInputError: the style's palette can't be read.

    Example:
        >>> with vssn.VideoSource("street.mp4") as source:
        ...     annotator = vssn.Annotator(source.info, vssn.Style(view="contours", legend=True))
        ...     for frame_bgr in source:
        ...         picture_bgr = annotator.annotate(frame_bgr, segmenter.step(frame_bgr))
    """

    def __init__(
        self,
        info: VideoInfo,
        style: Style | None = None,
        *,
        camera: Camera | None = None,
        analyser: SceneAnalyser | None = None,
        text: Callable[[SceneObject], str] = object_text,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._style = style or Style()
        self._palette = load_palette(self._style.palette)
        self._analyser = analyser or SceneAnalyser(info, camera)
        self._drawer = ObjectDrawer(self._palette, text)
        self._status = StatusLine(clock) if self._style.status else None
        self._legend = Legend(self._palette) if self._style.legend else None
        self._paint = {
            "overlay": self._overlay,
            "frame": lambda frame_bgr, labels: frame_bgr.copy(),
            "masks": lambda frame_bgr, labels: self._palette.paint_bgr(labels),
            "side_by_side": self._overlay,
            "contours": self._contours,
        }[self._style.view]
        wide = self._style.view == "side_by_side"
        self.info = replace(info, width_px=info.width_px * 2) if wide else info

    def annotate(self, frame_bgr: UInt8Array, result: FrameResult) -> UInt8Array:
        """Draw the next frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR; it is left as it is.
            result: its segmentation, (H, W).

        Returns:
            (H, W, 3) uint8 BGR, or (H, 2 W, 3) for ``side_by_side``.
        """
        picture = self._paint(frame_bgr, np.ascontiguousarray(result.labels))
        hw = size_hw(picture)
        status = self._status.text(result) if self._status else ""
        if self._style.boxes:
            if result.objects is None:
                result = self._analyser.analyse(result)
            taken = [self._legend.place(hw)] if self._legend else []
            taken += [self._status.place(status, hw)] if self._status else []
            self._drawer.draw(picture, result.objects or (), taken)
        # On top of the boxes, whose lines would cross out the texts.
        if self._legend is not None:
            self._legend.draw(picture)
        if self._status is not None:
            self._status.draw(picture, status)
        if self._style.view == "side_by_side":
            return np.asarray(cv2.hconcat([frame_bgr, picture]), np.uint8)
        return np.asarray(picture, np.uint8)

    def _overlay(self, frame_bgr: UInt8Array, labels: UInt8Array) -> UInt8Array:
        colours = self._palette.paint_bgr(labels)
        opacity = self._style.opacity
        cv2.addWeighted(frame_bgr, 1 - opacity, colours, opacity, 0.0, dst=colours)
        return colours

    def _contours(self, frame_bgr: UInt8Array, labels: UInt8Array) -> UInt8Array:
        # A pixel is of an outline where the smallest and the largest class around it differ.
        reach = max(1, round(labels.shape[0] / 500))
        around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        outlines = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, around)
        picture = frame_bgr.copy()
        cv2.copyTo(self._palette.paint_bgr(labels), outlines, picture)
        return picture


class SceneSink(Sink[[TimedFrame, FrameResult]]):
    """Finds each frame's objects once, and hands the richer result on.

    Args:
        analyser: finds them.
        sinks: take the frames with their results; closed with this.
    """

    def __init__(
        self, analyser: SceneAnalyser, sinks: Sequence[Sink[[TimedFrame, FrameResult]]]
    ) -> None:
        self._analyser = analyser
        self._sinks = sinks

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Look at a frame; one that starts a chunk begins anew, with object 1."""
        if frame.starts_chunk:
            self._analyser.reset()
        if result.time_s is None:
            result = replace(result, time_s=frame.time_s)
        result = self._analyser.analyse(result)
        for sink in self._sinks:
            sink.write(frame, result)

    def close(self, complete: bool = True) -> None:
        """Close the sinks, each of them whatever becomes of the others."""
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.callback(sink.close, complete=complete)


class DrawingSink(Sink[[TimedFrame, FrameResult]]):
    """Draws each frame and hands the picture on.

    Args:
        annotator: draws.
        sinks: take the pictures; closed with this.
    """

    def __init__(self, annotator: Annotator, sinks: Sequence[Sink[[UInt8Array, Fraction]]]) -> None:
        self._annotator = annotator
        self._sinks = sinks

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Draw a frame with its result."""
        picture = self._annotator.annotate(frame.frame_bgr, result)
        for sink in self._sinks:
            sink.write(picture, frame.time)

    def close(self, complete: bool = True) -> None:
        """Close the sinks, each of them whatever becomes of the others."""
        with ExitStack() as stack:
            for sink in self._sinks:
                stack.callback(sink.close, complete=complete)
