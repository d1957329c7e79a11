"""The adaptive segmenter: key frames segmented, the frames between them warped."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from vssn.datatypes import (
    Float32Array,
    FlowEstimate,
    FramePath,
    FrameResult,
    KeyFrame,
    UInt8Array,
)
from vssn.preprocess import size_hw
from vssn.runtime.protocols import FlowComparison, FlowNetwork, SegmentationNetwork
from vssn.streaming.schedule import Schedule
from vssn.streaming.scores import labels_from_scores
from vssn.streaming.warp import warp_scores


class Segmenter(Protocol):
    """Segments a stream of frames, one by one."""

    def reset(self) -> None:
        """Forget the stream; the next frame is segmented."""

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Process the next frame, (H, W, 3) uint8 BGR."""

    def stream(self, frames_bgr: Iterable[UInt8Array]) -> Generator[FrameResult, None, None]:
        """Process frames one by one, lazily; see :meth:`step`."""
        for frame_bgr in frames_bgr:
            yield self.step(frame_bgr)


def _itself(frame_bgr: UInt8Array) -> UInt8Array:
    return frame_bgr


@dataclass(frozen=True)
class StreamRules:
    """What is done between the networks.

    Attributes:
        carry: brings the key frame's scores to the current frame.
        labels: makes labels of scores, for a frame of the height and width given.
        first_key: the picture that the flow network is shown of the stream's first frame, given
            that frame.
    """

    carry: Callable[[Float32Array, FlowEstimate], Float32Array] = warp_scores
    labels: Callable[[Float32Array, tuple[int, int]], UInt8Array] = labels_from_scores
    first_key: Callable[[UInt8Array], UInt8Array] = _itself


VSSN_RULES = StreamRules()


@dataclass(frozen=True)
class FrameScores:
    """A frame's class scores; :class:`vssn.datatypes.FrameResult` tells of the other attributes.

    Attributes:
        scores: (h, w, 11) float32, at the networks' resolution.
    """

    index: int
    scores: Float32Array
    path: FramePath
    expected_score: float | None
    key_distance: int
    seconds: dict[str, float]


class AdaptiveSegmenter(Segmenter):
    """Segments a stream of frames, spending the expensive network only where it is needed.

    The first frame is segmented. For each later one the flow network looks at it and the key
    frame, the schedule decides, and either the frame is segmented and becomes the key frame, or
    the key frame's class scores are warped to it.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        segmentation: network for key frames.
        flow: network for the frames between them.
        schedule: decides which is which.
        rules: what is done between the networks.

    Example:
        >>> for result in segmenter.stream(frames_bgr):
        ...     print(result.index, result.path.value, result.labels.shape)
    """

    def __init__(
        self,
        segmentation: SegmentationNetwork,
        flow: FlowNetwork,
        schedule: Schedule,
        rules: StreamRules = VSSN_RULES,
    ) -> None:
        self._segmentation = segmentation
        self._flow = flow
        self._schedule = schedule
        self._rules = rules
        self.reset()

    def reset(self) -> None:
        """Forget the stream; the next frame is segmented."""
        self._key: KeyFrame | None = None
        self._index = 0

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Process the next frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR.

        Returns:
            Its labels at (H, W), how they came about and the seconds spent per stage:
            ``prepare``, ``decide`` (flow encoder and decision), ``segment`` or ``warp`` (flow
            refinement and warp), ``labels`` (enlarging and picking the class).
        """
        done = self.step_scores(frame_bgr)
        clock = StageClock(done.seconds)
        with clock.stage("labels"):
            labels = self._rules.labels(done.scores, size_hw(frame_bgr))
        return FrameResult(
            done.index, labels, done.path, done.expected_score, done.key_distance, clock.seconds
        )

    def step_scores(self, frame_bgr: UInt8Array) -> FrameScores:
        """Process the next frame as far as its class scores; see :meth:`step`."""
        clock = StageClock({})
        index = self._index
        with clock.stage("prepare"):
            shown = frame_bgr if self._key else self._rules.first_key(frame_bgr)
            view = self._flow.prepare(shown)
        scores, expected_score, path = None, None, FramePath.WARP
        if self._key:
            scores, expected_score = self._carried(self._key, view, index, clock)
        if scores is None:
            with clock.stage("segment"):
                scores = self._segmentation.scores(frame_bgr)
            self._key = KeyFrame(index, view, scores)
            path = FramePath.SEGMENT
        self._index += 1
        distance = index - self._key.index if self._key else 0
        return FrameScores(index, scores, path, expected_score, distance, clock.seconds)

    def _carried(
        self, key: KeyFrame, view: Float32Array, index: int, clock: StageClock
    ) -> tuple[Float32Array | None, float | None]:
        """Scores carried to the current frame, or None where it must be segmented."""
        with clock.stage("decide"):
            comparison: FlowComparison = self._flow.compare(view, key.flow_input)
            decision = self._schedule.decide(comparison, index - key.index)
        if decision.segment:
            return None, decision.expected_score
        with clock.stage("warp"):
            scores = self._rules.carry(key.scores, comparison.estimate())
        return scores, decision.expected_score


class StageClock:
    """Adds up seconds by stage name, onto those given."""

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = dict(seconds)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside towards ``name``."""
        start = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
