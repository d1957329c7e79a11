"""What lies over a picture besides the objects: the legend and the status line."""

from __future__ import annotations

from collections.abc import Callable

import cv2

from vssn.labels import CLASS_NAMES
from vssn.preprocess import size_hw
from vssn.scene.draw import FONT, WHITE, TextSize, draw_text, text_extent
from vssn.scene.palettes import Palette
from vssn.types import Box, FrameResult, UInt8Array

# The speed told is that of about the last second.
SPEED_SMOOTHING = 0.1


class Legend:
    """The classes' names in their colours, along the lower left edge.

    Args:
        palette: the classes' colours.
    """

    def __init__(self, palette: Palette) -> None:
        self._palette = palette

    def place(self, hw: tuple[int, int]) -> Box:
        """What the legend covers in a frame of ``hw`` px; of no size where it has no room."""
        height, width = hw
        _, wide, row = self._extents(TextSize.of(height))
        if row * len(CLASS_NAMES) > height or wide > width:
            return Box(0, 0, 0, 0)
        return Box(0, height - row * len(CLASS_NAMES), wide, height)

    def draw(self, image_bgr: UInt8Array) -> None:
        """Draw the legend, in place.

        Args:
            image_bgr: (H, W, 3) uint8 BGR.
        """
        whole = self.place(size_hw(image_bgr))
        if whole.top == whole.bottom:
            return
        size = TextSize.of(image_bgr.shape[0])
        baselines, _, row = self._extents(size)
        for label, (name, baseline) in enumerate(zip(CLASS_NAMES, baselines, strict=True)):
            top = whole.top + label * row
            place = Box(0, top, whole.right, top + row)
            draw_text(image_bgr, name, place, baseline, self._palette.colour_bgr(label), size)

    def _extents(self, size: TextSize) -> tuple[list[int], int, int]:
        """The names' baselines, and the width and height in px that all of them fit in."""
        extents = [text_extent(name, size) for name in CLASS_NAMES]
        wide = max(extent[0] for extent in extents)
        row = max(extent[1] for extent in extents)
        return [extent[2] for extent in extents], wide, row


class StatusLine:
    """How a frame was segmented, with the confidence and the speed, at the upper left.

    Args:
        clock: tells seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last_s: float | None = None
        self._frame_s: float | None = None

    def text(self, result: FrameResult) -> str:
        """The line of the next frame, such as ``warp | confidence 83 | 24.1 fps``.

        A live stream's has the latency too, and ``corrected`` where a segmentation arrived.
        """
        live = result.live
        parts = ["corrected" if live and live.corrected else result.path.value]
        if result.predicted_confidence is not None:
            parts.append(f"confidence {result.predicted_confidence:.0f}")
        if live:
            parts.append(f"latency {live.latency_ms:.0f} ms")
        now_s = self._clock()
        if self._last_s is not None:
            passed_s = now_s - self._last_s
            before_s = passed_s if self._frame_s is None else self._frame_s
            self._frame_s = before_s + SPEED_SMOOTHING * (passed_s - before_s)
            if self._frame_s > 0:
                parts.append(f"{1 / self._frame_s:.1f} fps")
        self._last_s = now_s
        return " | ".join(parts)

    def place(self, text: str, hw: tuple[int, int]) -> Box:
        """What a text covers in a frame of ``hw`` px."""
        width, height, _ = text_extent(text, TextSize.of(hw[0]))
        return Box(0, 0, min(width, hw[1]), min(height, hw[0]))

    def draw(self, image_bgr: UInt8Array, text: str) -> None:
        """Draw a text, in place.

        Args:
            image_bgr: (H, W, 3) uint8 BGR.
            text: see :meth:`text`.
        """
        size = TextSize.of(image_bgr.shape[0])
        _, height, baseline = text_extent(text, size)
        place = self.place(text, size_hw(image_bgr))
        # Darkened rather than filled, so that the picture behind it is still seen.
        window = image_bgr[: place.bottom, : place.right]
        window //= 4
        origin = (size.pad, height - size.pad - baseline)
        cv2.putText(
            image_bgr, text, origin, FONT, size.font_scale, WHITE, size.text_line, cv2.LINE_AA
        )
