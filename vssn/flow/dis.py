"""Optical flow without weights: OpenCV's Dense Inverse Search, refined."""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from vssn.flow.refine import refine_flow
from vssn.flow.warp import NO_ARRAY
from vssn.preprocess import resize_bilinear
from vssn.types import FlowEstimate, UInt8Array

# Small patches, close together, on a small picture: at two thirds of the time they warp street
# scenes better than the preset's patches of 8 px, every 4 px, on a picture of twice the size.
DIS_INPUT_HW = (180, 240)
DIS_PATCH_PX = 4
DIS_STRIDE_PX = 2
# The search ends at a quarter of the size, as in the preset: going on to half of it would take
# twice as long as refining what it found up to the whole, and warp no better.
DIS_FINEST_SCALE = 2
REFINE_STEPS = 2


class DISFlow:
    """Dense Inverse Search on grey frames, refined by least squares, as a flow network.

    Source: Kroeger et al., "Fast Optical Flow using Dense Inverse Search" (ECCV 2016).

    Args:
        preset: one of OpenCV's ``DISOPTICAL_FLOW_PRESET_*``, quality against time.
        input_hw: the size in px that frames are compared at.
        finest_scale: the search ends at a size halved this many times; None for the preset's own.
        patch_px: side of the patches that are searched for; None for the preset's own.
        stride_px: from one patch to the next; None for the preset's own.
        refine_steps: from where the search ends up to ``input_hw``, at each size; 0 for the search
            alone. See :func:`vssn.flow.refine.refine_flow`.
    """

    def __init__(
        self,
        preset: int = cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        input_hw: tuple[int, int] = DIS_INPUT_HW,
        finest_scale: int | None = DIS_FINEST_SCALE,
        patch_px: int | None = DIS_PATCH_PX,
        stride_px: int | None = DIS_STRIDE_PX,
        refine_steps: int = REFINE_STEPS,
    ) -> None:
        self._method = cv2.DISOpticalFlow.create(preset)
        if finest_scale is not None:
            self._method.setFinestScale(finest_scale)
        if patch_px is not None:
            self._method.setPatchSize(patch_px)
        if stride_px is not None:
            self._method.setPatchStride(stride_px)
        self._input_hw = input_hw
        self._refine_steps = refine_steps

    def prepare(self, frame_bgr: UInt8Array) -> UInt8Array:
        """The whole frame in grey, (h, w) uint8; see the protocol."""
        grey = np.asarray(cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        return resize_bilinear(_halved_towards(grey, self._input_hw), self._input_hw)

    def compare(self, current: UInt8Array, reference: UInt8Array) -> DISComparison:
        """See the protocol."""
        return DISComparison(self._method, current, reference, self._refine_steps)


def _halved_towards(grey: UInt8Array, hw: tuple[int, int]) -> UInt8Array:
    """A picture halved as often as it stays as large as ``hw``; an odd last row or column is cut.

    Means of 2x2 px take a twentieth of the time of OpenCV's means over areas of other sizes.
    """
    while grey.shape[0] >= 2 * hw[0] and grey.shape[1] >= 2 * hw[1]:
        half = grey.shape[0] // 2, grey.shape[1] // 2
        even = grey[: 2 * half[0], : 2 * half[1]]
        grey = np.asarray(cv2.resize(even, half[::-1], interpolation=cv2.INTER_AREA), np.uint8)
    return grey


class DISComparison:
    """A pair of frames; the search runs once, on first use.

    Args:
        method: searches.
        current, reference: (h, w) uint8 grey.
        refine_steps: see :class:`DISFlow`.
    """

    def __init__(
        self,
        method: cv2.DISOpticalFlow,
        current: UInt8Array,
        reference: UInt8Array,
        refine_steps: int = 0,
    ) -> None:
        self._method = method
        self._current = current
        self._reference = reference
        self._refine_steps = refine_steps

    @cached_property
    def _estimate(self) -> FlowEstimate:
        frames = self._current, self._reference
        flow = np.asarray(self._method.calc(*frames, NO_ARRAY), np.float32)
        if self._refine_steps:
            levels = self._method.getFinestScale()
            flow = refine_flow(flow, *frames, levels, self._refine_steps)
        return FlowEstimate(flow, None)

    def estimate(self) -> FlowEstimate:
        """Flow on the views' own grid, without a scale; see the protocol."""
        return self._estimate
