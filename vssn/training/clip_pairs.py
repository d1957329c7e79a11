"""Training pairs from unlabelled video, with DIS flow as pseudo ground truth."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from vssn.data.clips import iter_clip
from vssn.errors import MediaError
from vssn.flow.warp import NO_ARRAY, resize_flow, warp
from vssn.preprocess import FLOW_INPUT_HW, resize_bilinear
from vssn.training.synthetic_motion import FlowExample
from vssn.types import Float32Array, UInt8Array

TEACHER_HW = (312, 456)
STORED_HW = (104, 152)  # of the teacher's flow


@dataclass(frozen=True)
class ClipPair:
    """Two frames of a clip with pseudo ground truth.

    Attributes:
        current, key: indices of the frames in the clip.
        flow: (104, 152, 2) float16 cells of this grid, current -> key.
        weight: (104, 152) bool, where forward and backward flow agree.
    """

    current: int
    key: int
    flow: npt.NDArray[Any]
    weight: npt.NDArray[Any]


class PseudoLabelledClip:
    """Pairs of a clip's frames with the teacher's flow; other frames are not kept.

    Args:
        path: see :func:`vssn.data.clips.iter_clip`.
        pairs: how many pairs to prepare, drawn at random; each is used in both directions.
        max_distance: largest distance within a pair, in frames.
        rng: source of all randomness.

    Attributes:
        frames_rgb: (208, 304, 3) uint8 RGB frames of the pairs, by index in the clip.
        pairs: all pairs.
    """

    def __init__(self, path: Path, pairs: int, max_distance: int, rng: np.random.Generator) -> None:
        frames = sum(1 for _ in iter_clip(path))
        if frames < 2:
            raise MediaError(f"clip '{path}'", "two frames or more", "pass a longer clip")
        reach = min(max_distance, frames - 1)
        drawn = [self._draw(rng, frames, reach) for _ in range(pairs)]
        self.frames_rgb: dict[int, UInt8Array] = {}
        greys: dict[int, UInt8Array] = {}
        for index, frame_bgr in chosen_frames(path, itertools.chain.from_iterable(drawn)):
            small = cv2.resize(frame_bgr, FLOW_INPUT_HW[::-1], interpolation=cv2.INTER_AREA)
            self.frames_rgb[index] = cv2.cvtColor(small, cv2.COLOR_BGR2RGB)  # type: ignore[assignment]
            grey = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2GRAY)
            greys[index] = cv2.resize(grey, TEACHER_HW[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        teacher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        self.pairs = [
            pair
            for first, second in drawn
            for pair in _pseudo_ground_truth(teacher, greys, first, second)
        ]

    @staticmethod
    def _draw(rng: np.random.Generator, frames: int, reach: int) -> tuple[int, int]:
        distance = int(rng.integers(1, reach + 1))
        first = int(rng.integers(frames - distance))
        return first, first + distance

    def example(self, pair: ClipPair, flip: bool) -> FlowExample:
        """The pair as a training example, mirrored if ``flip``."""
        step = -1 if flip else 1
        flow = resize_flow(pair.flow.astype(np.float32), FLOW_INPUT_HW)[:, ::step]
        weight = resize_bilinear(pair.weight.astype(np.float32), FLOW_INPUT_HW)[:, ::step]
        return FlowExample(
            np.ascontiguousarray(self.frames_rgb[pair.current][:, ::step]),
            np.ascontiguousarray(self.frames_rgb[pair.key][:, ::step]),
            flow * np.array([step, 1], np.float32),
            np.ascontiguousarray(weight),
        )


def chosen_frames(path: Path, indices: Iterable[int]) -> Iterator[tuple[int, UInt8Array]]:
    """The frames of a clip that have one of the indices, in order, with their index."""
    chosen = set(indices)
    return ((index, frame) for index, frame in enumerate(iter_clip(path)) if index in chosen)


def _pseudo_ground_truth(
    teacher: cv2.DISOpticalFlow, greys: dict[int, UInt8Array], first: int, second: int
) -> Iterator[ClipPair]:
    """Both directions of a pair, each with weight where the other one returns to the start."""
    forward = np.asarray(teacher.calc(greys[first], greys[second], NO_ARRAY), np.float32)
    backward = np.asarray(teacher.calc(greys[second], greys[first], NO_ARRAY), np.float32)
    for current, key, there, back in (
        (first, second, forward, backward),
        (second, first, backward, forward),
    ):
        size = STORED_HW[::-1]
        gain = STORED_HW[0] / TEACHER_HW[0]
        flow = cv2.resize(there, size, interpolation=cv2.INTER_AREA) * gain
        weight = cv2.resize(consistent(there, back), size, interpolation=cv2.INTER_AREA) > 0.5
        yield ClipPair(current, key, flow.astype(np.float16), weight)


def consistent(there: Float32Array, back: Float32Array) -> Float32Array:
    """1 where ``there`` and then ``back`` returns to the start; 0 at occlusions and errors.

    Args:
        there: (h, w, 2) float32 px, from one frame to another.
        back: the same the other way.

    Returns:
        (h, w) float32.

    Source of the bound: Sundaram et al., "Dense point trajectories" (ECCV 2010).
    """
    returned = warp(back, there)
    error = ((there + returned) ** 2).sum(-1)
    length = (there**2).sum(-1) + (returned**2).sum(-1)
    return np.asarray(error < 0.01 * length + 1.0, np.float32)
