"""The adaptive segmenter: key frames segmented, the frames between them warped."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

from vssn.datatypes import Float32Array, FramePath, FrameResult, KeyFrame, UInt8Array
from vssn.runtime.protocols import FlowComparison, FlowNetwork, SegmentationNetwork
from vssn.streaming.schedule import Schedule
from vssn.streaming.scores import labels_from_scores
from vssn.streaming.warp import warp_scores


class AdaptiveSegmenter:
    """Segments a stream of frames, spending the expensive network only where it is needed.

    The first frame is segmented. For each later one the flow network looks at it and the key
    frame, the schedule decides, and either the frame is segmented and becomes the key frame, or
    the key frame's class scores are warped to it.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        segmentation: network for key frames.
        flow: network for the frames between them.
        schedule: decides which is which.

    Example:
        >>> for result in segmenter.stream(frames_bgr):
        ...     print(result.index, result.path.value, result.labels.shape)
    """

    def __init__(
        self, segmentation: SegmentationNetwork, flow: FlowNetwork, schedule: Schedule
    ) -> None:
        self._segmentation = segmentation
        self._flow = flow
        self._schedule = schedule
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
        clock = _StageClock()
        with clock.stage("prepare"):
            view = self._flow.prepare(frame_bgr)
        scores, expected_score = self._warped(view, clock)
        path = FramePath.WARP
        if scores is None:
            with clock.stage("segment"):
                scores = self._segmentation.scores(frame_bgr)
            self._key = KeyFrame(self._index, view, scores)
            path = FramePath.SEGMENT
        with clock.stage("labels"):
            labels = labels_from_scores(scores, frame_bgr.shape[:2])
        index, self._index = self._index, self._index + 1
        distance = index - self._key.index if self._key else 0
        return FrameResult(index, labels, path, expected_score, distance, clock.seconds)

    def _warped(
        self, view: Float32Array, clock: _StageClock
    ) -> tuple[Float32Array | None, float | None]:
        """Scores warped to the current frame, or None where it must be segmented."""
        if self._key is None:
            return None, None
        with clock.stage("decide"):
            comparison: FlowComparison = self._flow.compare(view, self._key.flow_input)
            decision = self._schedule.decide(comparison, self._index - self._key.index)
        if decision.segment:
            return None, decision.expected_score
        with clock.stage("warp"):
            scores = warp_scores(self._key.scores, comparison.estimate())
        return scores, decision.expected_score

    def stream(self, frames_bgr: Iterable[UInt8Array]) -> Generator[FrameResult, None, None]:
        """Process frames one by one, lazily; see :meth:`step`."""
        for frame_bgr in frames_bgr:
            yield self.step(frame_bgr)


class _StageClock:
    """Adds up seconds by stage name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
