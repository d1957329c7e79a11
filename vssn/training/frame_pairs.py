"""Neighbouring frames of unlabelled clips, whose predictions should agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from vssn.data.clips import iter_clip
from vssn.errors import MediaError
from vssn.flow.warp import NO_ARRAY
from vssn.labels import VOID
from vssn.models.layout import OUTPUT_STRIDE
from vssn.preprocess import SEGNET_INPUT_HW, resize_bilinear
from vssn.training.augment import ViewRange, random_view
from vssn.training.clip_pairs import consistent
from vssn.training.photometric import jitter_colour, other_camera
from vssn.types import Float32Array, UInt8Array

OWN_EXPOSURE = 0.1  # how far the two frames' colours differ, as a camera's exposure does


@dataclass(frozen=True)
class PairViews:
    """The same view of two frames.

    Attributes:
        images_rgb: (2, h, w, 3) uint8: the later frame and the one before.
        flow: (h/2, w/2, 2) float32 cells of this grid, from the later frame to the one before.
        known: (h/2, w/2) float32: 1 where the flow is consistent both ways.
    """

    images_rgb: UInt8Array
    flow: Float32Array
    known: Float32Array


class FramePairs:
    """Pairs of neighbouring frames, spread evenly over clips and held in memory.

    Args:
        clips: see :func:`vssn.data.clips.iter_clip`.
        per_clip: most pairs to keep of each.

    Raises:
        MediaError: a clip can't be read, or has one frame.
    """

    def __init__(self, clips: Sequence[Path], per_clip: int) -> None:
        self.pairs = [pair for clip in clips for pair in _pairs(clip, per_clip)]
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def draw(self, seed: int, crop_hw: tuple[int, int], views: ViewRange) -> PairViews:
        """Draw a view of a pair, both frames under the same camera and weather."""
        rng = np.random.default_rng(seed)
        pair = self.pairs[rng.integers(len(self.pairs))]
        void = np.full(SEGNET_INPUT_HW, VOID, np.uint8)
        plain = replace(views, colour=0.0)
        # The same seed gives both frames the same view and the same weather.
        seen, weather = rng.integers(2**63, size=2)
        crops = [
            random_view(np.random.default_rng(seen), frame, void, crop_hw, plain).plain_rgb
            for frame in pair
        ]
        flow, known = self._trusted_flow(crops)
        changed = [
            jitter_colour(
                rng, other_camera(np.random.default_rng(weather), crop, views.colour), OWN_EXPOSURE
            )
            for crop in crops
        ]
        return PairViews(np.stack(changed), flow, known)

    def _trusted_flow(self, crops_rgb: Sequence[UInt8Array]) -> tuple[Float32Array, Float32Array]:
        later, before = (cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops_rgb)
        there = np.asarray(self._flow.calc(later, before, NO_ARRAY), np.float32)
        back = np.asarray(self._flow.calc(before, later, NO_ARRAY), np.float32)
        known = consistent(there, back) * _inside(there)
        size = (later.shape[1] // OUTPUT_STRIDE, later.shape[0] // OUTPUT_STRIDE)
        small = cv2.resize(there, size, interpolation=cv2.INTER_AREA) / np.float32(OUTPUT_STRIDE)
        trusted = cv2.resize(known, size, interpolation=cv2.INTER_AREA) == 1
        return np.asarray(small, np.float32), trusted.astype(np.float32)


def _pairs(clip: Path, most: int) -> list[tuple[UInt8Array, UInt8Array]]:
    """Later frame and the one before, (416, 608, 3) uint8 RGB each."""
    count = sum(1 for _ in iter_clip(clip))
    if count < 2:
        raise MediaError(f"clip '{clip}' of {count} frames", "two or more", "pass a longer clip")
    wanted = set(np.linspace(1, count - 1, min(most, count - 1)).round().astype(int).tolist())
    pairs = []
    before: UInt8Array | None = None
    for index, frame in enumerate(iter_clip(clip)):
        if index in wanted and before is not None:
            pairs.append((_view(frame), _view(before)))
        before = frame
    return pairs


def _view(frame_bgr: UInt8Array) -> UInt8Array:
    small = resize_bilinear(frame_bgr, SEGNET_INPUT_HW)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _inside(flow: Float32Array) -> Float32Array:
    """1 where the flow ends within the picture."""
    height, width = flow.shape[:2]
    x = np.arange(width, dtype=np.float32) + flow[..., 0]
    y = np.arange(height, dtype=np.float32)[:, np.newaxis] + flow[..., 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return np.asarray(inside, np.float32)
