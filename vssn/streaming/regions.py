"""Regions of a frame, each with its own key frame, confidence and decision, as in DVSNet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vssn.errors import BadInputError, argument
from vssn.preprocess import resize_bilinear, size_hw
from vssn.streaming.callers import OneThread, check_frame
from vssn.streaming.segmenter import AdaptiveSegmenter, FrameProbabilities, Segmenter
from vssn.streaming.stage_clock import StageClock
from vssn.types import Box, Float32Array, FramePath, FrameResult, UInt8Array

DEFAULT_OVERLAP_PX = 64
OVERLAP_UNIT_PX = 8


@dataclass(frozen=True)
class RegionGrid:
    """How a frame is split: into a grid of cells, each widened on its inner sides.

    Attributes:
        rows, columns: cells of equal size, to a px.
        overlap_px: how far a region reaches beyond its cell, so that neighbours share twice as
            much; a multiple of 8, as in DVSNet.

    Raises:
        BadInputError: no such grid.
    """

    rows: int
    columns: int
    overlap_px: int = DEFAULT_OVERLAP_PX

    def __post_init__(self) -> None:
        if min(self.rows, self.columns) < 1:
            raise BadInputError(
                f"{argument('regions', f'{self.rows}x{self.columns}')}",
                "1x1 or more",
                f"pass {argument('regions', '2x2')}",
            )
        if self.overlap_px < 0 or self.overlap_px % OVERLAP_UNIT_PX:
            raise BadInputError(
                argument("overlap", self.overlap_px),
                f"0 or a multiple of {OVERLAP_UNIT_PX} px",
                f"pass {argument('overlap', DEFAULT_OVERLAP_PX)}",
            )

    @classmethod
    def parse(cls, text: str, overlap_px: int = DEFAULT_OVERLAP_PX) -> RegionGrid:
        """Make a grid of rows x columns in words, such as ``2x2``.

        Raises:
            BadInputError: the text says something else, or there is no such grid.
        """
        sides = re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text.strip().lower())
        if sides is None:
            raise BadInputError(
                argument("regions", text), "ROWSxCOLUMNS", f"pass {argument('regions', '2x2')}"
            )
        return cls(int(sides[1]), int(sides[2]), overlap_px)

    def boxes(self, hw: tuple[int, int]) -> list[Box]:
        """The regions of a frame of ``hw`` px, row by row; together they cover it.

        Raises:
            BadInputError: the frame has fewer px than the grid has cells.
        """
        if hw[0] < self.rows or hw[1] < self.columns:
            raise BadInputError(
                f"{argument('regions', f'{self.rows}x{self.columns}')} for a frame of "
                f"{hw[1]}x{hw[0]} px",
                "no more rows and columns than the frame has px",
                "pass fewer regions",
            )
        return [
            Box(left, top, right, bottom)
            for top, bottom in self._spans(hw[0], self.rows)
            for left, right in self._spans(hw[1], self.columns)
        ]

    def _spans(self, length: int, cells: int) -> list[tuple[int, int]]:
        edges = [length * cell // cells for cell in range(cells + 1)]
        return [
            (max(start - self.overlap_px, 0), min(end + self.overlap_px, length))
            for start, end in pairwise(edges)
        ]


class RegionSegmenter(Segmenter):
    """Segments each region of the frames on its own; where they overlap, the more probable wins.

    Where little moves, a region keeps its key frame while others are segmented anew.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        make_segmenter: makes the segmenter of a region, with a schedule of its own.
        grid: how frames are split.
    """

    def __init__(self, make_segmenter: Callable[[], AdaptiveSegmenter], grid: RegionGrid) -> None:
        self._segmenters = [make_segmenter() for _ in range(grid.rows * grid.columns)]
        self._grid = grid
        self._caller = OneThread()
        self._hw: tuple[int, int] | None = None

    def reset(self) -> None:
        """Forget the stream; every region of the next frame is segmented."""
        with self._caller.inside():
            self._hw = None
            for segmenter in self._segmenters:
                segmenter.reset()

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Process the next frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR; a stream's frames are of one size.

        Returns:
            See :meth:`vssn.streaming.segmenter.AdaptiveSegmenter.step`; seconds are summed over
            the regions, and ``region_paths`` tells how each region's labels came about.

        Raises:
            BadInputError: no such frame, another size than the stream's, or another thread is
                processing one.
        """
        with self._caller.inside():
            check_frame(frame_bgr, self._hw)
            self._hw = size_hw(frame_bgr)
            return self._processed(frame_bgr, self._hw)

    def _processed(self, frame_bgr: UInt8Array, hw: tuple[int, int]) -> FrameResult:
        boxes = self._grid.boxes(hw)
        regions = [
            segmenter.step_probabilities(frame_bgr[box.top : box.bottom, box.left : box.right])
            for segmenter, box in zip(self._segmenters, boxes, strict=True)
        ]
        clock = StageClock(_summed_seconds(regions))
        with clock.stage("labels"):
            labels = merge_labels([region.probabilities for region in regions], boxes, hw)
        expected = [r.predicted_confidence for r in regions if r.predicted_confidence is not None]
        paths = tuple(region.path for region in regions)
        return FrameResult(
            index=regions[0].index,
            labels=labels,
            path=FramePath.SEGMENT if FramePath.SEGMENT in paths else FramePath.WARP,
            predicted_confidence=min(expected, default=None),
            key_distance=max(region.key_distance for region in regions),
            seconds=clock.seconds,
            region_paths=paths,
        )


def _summed_seconds(regions: Sequence[FrameProbabilities]) -> dict[str, float]:
    total: Counter[str] = Counter()
    for region in regions:
        total.update(region.seconds)
    return dict(total)


def merge_labels(
    probabilities: Sequence[Float32Array], boxes: Sequence[Box], hw: tuple[int, int]
) -> UInt8Array:
    """Enlarge each region's probabilities to its box; the most probable class of any region wins.

    Args:
        probabilities: (h, w, classes) float32 per region.
        boxes: where the regions lie; of equal probabilities the first region's counts.
        hw: the frame's height and width.

    Returns:
        (H, W) uint8 class indices.
    """
    labels = np.zeros(hw, np.uint8)
    largest = np.full(hw, -np.inf, np.float32)
    for region, box in zip(probabilities, boxes, strict=True):
        place = np.s_[box.top : box.bottom, box.left : box.right]
        enlarged = resize_bilinear(region, (box.bottom - box.top, box.right - box.left))
        highest = enlarged.max(axis=-1)
        more_probable = highest > largest[place]
        labels[place][more_probable] = enlarged.argmax(axis=-1)[more_probable]
        largest[place][more_probable] = highest[more_probable]
    return labels
