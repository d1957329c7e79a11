"""Unlabelled real video as training pairs, with a classical flow as teacher."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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

# The teacher looks at more pixels than the student; its flow is kept on a grid in between.
TEACHER_HW = (312, 456)
STORED_HW = (104, 152)


@dataclass(frozen=True)
class ClipPair:
    """Two frames of a clip, where the teacher saw them move, and how far it is to be trusted.

    Attributes:
        current, key: indices into the clip's frames.
        flow: (104, 152, 2) float16 cells of this grid, current -> key.
        weight: (104, 152) bool, where forward and backward flow agree.
    """

    current: int
    key: int
    flow: npt.NDArray[Any]
    weight: npt.NDArray[Any]


class PseudoLabelledClip:
    """A clip's frames at the flow network's size, and pairs of them with the teacher's flow.

    Args:
        path: see :func:`vssn.data.clips.iter_clip`.
        pairs: how many pairs to prepare, drawn at random; each is used in both directions.
        max_distance: largest distance within a pair, in frames.
        rng: source of all randomness.
    """

    def __init__(self, path: Path, pairs: int, max_distance: int, rng: np.random.Generator) -> None:
        self.frames_rgb: list[UInt8Array] = []
        greys: list[UInt8Array] = []
        for frame_bgr in iter_clip(path):
            small = cv2.resize(frame_bgr, FLOW_INPUT_HW[::-1], interpolation=cv2.INTER_AREA)
            self.frames_rgb.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))  # type: ignore[arg-type]
            grey = cv2.cvtColor(frame_bgr, cv2.COLOR_BGR2GRAY)
            greys.append(cv2.resize(grey, TEACHER_HW[::-1], interpolation=cv2.INTER_AREA))  # type: ignore[arg-type]
        if len(greys) < 2:
            raise MediaError(f"clip '{path}'", "two frames or more", "pass a longer clip")
        teacher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        reach = min(max_distance, len(greys) - 1)
        drawn = (self._draw(rng, len(greys), reach) for _ in range(pairs))
        self.pairs = list(
            itertools.chain.from_iterable(_teach(teacher, greys, a, b) for a, b in drawn)
        )

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


def _teach(
    teacher: cv2.DISOpticalFlow, greys: list[UInt8Array], first: int, second: int
) -> Iterator[ClipPair]:
    """Both directions of a pair, each trusted where the other one leads back."""
    forward = np.asarray(teacher.calc(greys[first], greys[second], NO_ARRAY), np.float32)
    backward = np.asarray(teacher.calc(greys[second], greys[first], NO_ARRAY), np.float32)
    for current, key, there, back in (
        (first, second, forward, backward),
        (second, first, backward, forward),
    ):
        trusted = consistent(there, back)
        size = STORED_HW[::-1]
        gain = STORED_HW[0] / TEACHER_HW[0]
        flow = cv2.resize(there, size, interpolation=cv2.INTER_AREA) * gain
        weight = cv2.resize(trusted, size, interpolation=cv2.INTER_AREA) > 0.5
        yield ClipPair(current, key, flow.astype(np.float16), weight)


def consistent(there: Float32Array, back: Float32Array) -> Float32Array:
    """1 where ``there`` and then ``back`` returns to the start, 0 at occlusions and mistakes.

    Args:
        there: (h, w, 2) float32 px, from one frame to another.
        back: the same the other way.

    Returns:
        (h, w) float32.

    Source of the bound: Sundaram et al., "Dense point trajectories" (ECCV 2010).
    """
    returned = warp(back, there)
    miss = ((there + returned) ** 2).sum(-1)
    length = (there**2).sum(-1) + (returned**2).sum(-1)
    return np.asarray(miss < 0.01 * length + 1.0, np.float32)
