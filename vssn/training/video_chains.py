"""Chains of frames from real video, with a network's labels and DIS flow as pseudo ground truth."""

from __future__ import annotations

from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vssn.data.clips import iter_clip
from vssn.errors import MediaError
from vssn.flow.warp import NO_ARRAY, resize_flow
from vssn.labels import VOID
from vssn.preprocess import FLOW_INPUT_HW, resize_bilinear
from vssn.training.clip_pairs import STORED_HW, chosen_frames, consistent
from vssn.training.probability_cache import PROBABILITY_ONE, Probabilities
from vssn.training.synthetic_chains import Chain, mirrored
from vssn.types import Float32Array, UInt8Array

VIEW_HW = (360, 480)  # CamVid's size: what the segmentation network and the teacher see
# Frames between neighbours of a chain, for video of 15 to 25 Hz; mostly 1, as in chain propagation.
STRIDES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 3, 4, 5, 6, 8)
REVERSED_SHARE = 0.3
CONFIDENT = 0.45 * PROBABILITY_ONE  # less probable labels become void

PseudoFlow = tuple[npt.NDArray[Any], npt.NDArray[Any]]


class VideoChains:
    """Chains drawn from a clip; frames of no chain are not kept.

    Args:
        path: see :func:`vssn.data.clips.iter_clip`.
        count: how many chains to draw.
        steps: warps in a chain.
        probabilities: the segmentation network's class probabilities of a frame.
        rng: source of all randomness.

    Raises:
        MediaError: the clip can't be read, or has too few frames.
    """

    def __init__(
        self,
        path: Path,
        count: int,
        steps: int,
        probabilities: Probabilities,
        rng: np.random.Generator,
    ) -> None:
        frames = sum(1 for _ in iter_clip(path))
        if frames <= steps:
            raise MediaError(
                f"clip '{path}' of {frames} frames", f"more than {steps}", "pass a longer clip"
            )
        self.chains = [_draw(rng, frames, steps) for _ in range(count)]
        self._views_rgb: dict[int, UInt8Array] = {}
        self._probabilities: dict[int, UInt8Array] = {}
        greys: dict[int, UInt8Array] = {}
        for index, frame_bgr in chosen_frames(path, chain.from_iterable(self.chains)):
            view = cv2.resize(frame_bgr, VIEW_HW[::-1], interpolation=cv2.INTER_AREA)
            view_bgr = np.asarray(view, np.uint8)
            self._views_rgb[index] = _view_rgb(view_bgr)
            self._probabilities[index] = probabilities(view_bgr)
            greys[index] = np.asarray(cv2.cvtColor(view_bgr, cv2.COLOR_BGR2GRAY), np.uint8)
        pseudo_flow = cache(_Teacher(greys))
        self._pseudo_truth = {
            (current, before): pseudo_flow(current, before)
            for indices in self.chains
            for before, current in pairwise(indices)
        }

    def chain(self, rng: np.random.Generator) -> Chain:
        """A random chain, mirrored in half of the cases."""
        indices = self.chains[rng.integers(len(self.chains))]
        pseudo_truth = [
            [part.astype(np.float32) for part in self._pseudo_truth[current, before]]
            for before, current in pairwise(indices)
        ]
        drawn = Chain(
            np.stack([self._views_rgb[index] for index in indices]),
            self._probabilities[indices[0]],
            np.stack([_confident_labels(self._probabilities[index]) for index in indices[1:]]),
            np.stack([resize_flow(flow, FLOW_INPUT_HW) for flow, _ in pseudo_truth]),
            np.stack([resize_bilinear(known, FLOW_INPUT_HW) for _, known in pseudo_truth]),
        )
        return mirrored(drawn) if rng.random() < 0.5 else drawn


def _draw(rng: np.random.Generator, frames: int, steps: int) -> tuple[int, ...]:
    """Indices of a chain's frames, equally spaced, in some chains backwards."""
    stride = min(int(rng.choice(STRIDES)), (frames - 1) // steps)
    first = int(rng.integers(frames - steps * stride))
    indices = tuple(range(first, first + steps * stride + 1, stride))
    return indices[::-1] if rng.random() < REVERSED_SHARE else indices


def _view_rgb(frame_bgr: UInt8Array) -> UInt8Array:
    small = resize_bilinear(frame_bgr, FLOW_INPUT_HW)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def _confident_labels(probabilities: UInt8Array) -> UInt8Array:
    labels: UInt8Array = probabilities.argmax(-1).astype(np.uint8)
    labels[probabilities.max(-1) < CONFIDENT] = VOID
    return labels


class _Teacher:
    """DIS medium flow between two frames, and where forward and backward flow agree."""

    def __init__(self, greys: dict[int, UInt8Array]) -> None:
        self._greys = greys
        self._method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self._flow = cache(self._search)

    def _search(self, current: int, before: int) -> Float32Array:
        flow = self._method.calc(self._greys[current], self._greys[before], NO_ARRAY)
        return np.asarray(flow, np.float32)

    def __call__(self, current: int, before: int) -> PseudoFlow:
        """(104, 152, 2) float16 cells of this grid, and (104, 152) bool."""
        there = self._flow(current, before)
        known = consistent(there, self._flow(before, current))
        size, gain = STORED_HW[::-1], STORED_HW[0] / VIEW_HW[0]
        # The grid and the frame have different aspect ratios.
        gains = np.array([STORED_HW[1] / VIEW_HW[1], gain], np.float32)
        flow = cv2.resize(there, size, interpolation=cv2.INTER_AREA) * gains
        return (
            flow.astype(np.float16),
            cv2.resize(known, size, interpolation=cv2.INTER_AREA) > 0.5,
        )
