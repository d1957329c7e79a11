"""The adaptive segmenter: key frames segmented, results warped to the frames between them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from vssn.flow.warp import warp_probabilities
from vssn.networks import FlowComparison, FlowNetwork, SegmentationNetwork, View
from vssn.preprocess import size_hw
from vssn.streaming.agreement import class_agreement
from vssn.streaming.blending import blend_weight, blended, check_blend
from vssn.streaming.callers import OneThread, check_frame
from vssn.streaming.labelling import labels_from_probabilities
from vssn.streaming.schedule import Schedule
from vssn.streaming.stage_clock import StageClock
from vssn.types import (
    Float32Array,
    FlowEstimate,
    FramePath,
    FrameResult,
    Propagate,
    ReferenceFrame,
    UInt8Array,
)


class Segmenter(Protocol):
    """Segments a stream of frames, one by one."""

    def reset(self) -> None:
        """Forget the stream; the next frame is segmented."""

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Process the next frame, (H, W, 3) uint8 BGR."""

    def stream(self, frames_bgr: Iterable[UInt8Array]) -> Generator[FrameResult, None, None]:
        """Process a stream from its first frame, one by one, lazily; see :meth:`step`."""
        self.reset()
        for frame_bgr in frames_bgr:
            yield self.step(frame_bgr)


def _itself(frame_bgr: UInt8Array) -> UInt8Array:
    return frame_bgr


@dataclass(frozen=True)
class StreamRules:
    """What is done between the networks.

    Attributes:
        warp: brings the reference frame's probabilities to the current frame.
        labels: makes labels of probabilities, for a frame of the height and width given.
        first_key: the picture that the flow network is shown of the stream's first frame, given
            that frame.
        agreement: the measured agreement, 0-100, of propagated probabilities with segmented ones;
            None where it can't be measured.
    """

    warp: Callable[[Float32Array, FlowEstimate], Float32Array] = warp_probabilities
    labels: Callable[[Float32Array, tuple[int, int]], UInt8Array] = labels_from_probabilities
    first_key: Callable[[UInt8Array], UInt8Array] = _itself
    agreement: Callable[[Float32Array, Float32Array], float | None] = class_agreement

    def worth(
        self, reference: Float32Array, estimate: FlowEstimate, segmented: Float32Array
    ) -> float | None:
        """The measured agreement of what warping would have made of a frame that was segmented.

        Every fourth pixel tells nearly as well as all.

        Args:
            reference: (h, w, 11) float32 probabilities of the reference frame.
            estimate: from the segmented frame back to it.
            segmented: (h, w, 11) float32 of the segmented frame.
        """
        propagated = self.warp(np.ascontiguousarray(reference[::2, ::2]), estimate)
        return self.agreement(propagated, segmented[::2, ::2])


VSSN_RULES = StreamRules()


@dataclass(frozen=True)
class FrameProbabilities:
    """A frame's class probabilities; :class:`vssn.types.FrameResult` tells of the other attributes.

    Attributes:
        probabilities: (h, w, 11) float32, at the networks' resolution.
    """

    index: int
    probabilities: Float32Array
    path: FramePath
    predicted_confidence: float | None
    key_distance: int
    seconds: dict[str, float]


class AdaptiveSegmenter(Segmenter):
    """Segments a stream of frames, spending the expensive network only where it is needed.

    The first frame is segmented. For each later one the flow network looks at it and at the
    reference frame, the schedule decides, and either the frame is segmented and becomes the key
    frame, or the reference frame's class probabilities are warped to it.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018); their reference is the key
    frame.

    Args:
        segmentation: network for key frames.
        flow: network for the frames between them.
        schedule: decides which is which.
        rules: what is done between the networks.
        propagate: which frame is the reference.
        blend: weight, 0 to below 1, of the propagated probabilities in those of a segmented frame
            where both agree; see :mod:`vssn.streaming.blending`. Above 0 every frame is compared
            with its reference, even where the schedule asks for no comparison.

    Raises:
        BadInputError: there is no such weight.

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
        propagate: Propagate = Propagate.CHAIN,
        blend: float = 0.0,
    ) -> None:
        check_blend(blend)
        self._segmentation = segmentation
        self._flow = flow
        self._schedule = schedule
        self._rules = rules
        self._propagate = propagate
        self._blend = blend
        self._caller = OneThread()
        self.reset()

    def reset(self) -> None:
        """Forget the stream and what was learned of it; the next frame is segmented.

        Raises:
            BadInputError: another thread is processing a frame.
        """
        with self._caller.inside():
            self._reference: ReferenceFrame | None = None
            self._hw: tuple[int, int] | None = None
            self._compares = False
            self._index = 0
            self._schedule.reset()

    def step(self, frame_bgr: UInt8Array) -> FrameResult:
        """Process the next frame.

        Args:
            frame_bgr: (H, W, 3) uint8 BGR.

        Returns:
            Its labels at (H, W), how they came about and the seconds spent per stage:
            ``prepare``, ``decide`` (with as much of the flow as the schedule asks for),
            ``segment`` or ``warp`` (with the rest of the flow), ``learn`` (measuring what warping
            would have been worth), ``blend`` (with what is warped), ``labels`` (enlarging and
            picking the class).

        Raises:
            BadInputError: no such frame, another size than the stream's, or another thread is
                processing one.
        """
        with self._caller.inside():
            done = self._processed(frame_bgr)
            clock = StageClock(done.seconds)
            with clock.stage("labels"):
                labels = self._rules.labels(done.probabilities, size_hw(frame_bgr))
            self._schedule.spent(clock.seconds["labels"], None)
        return FrameResult(
            done.index,
            labels,
            done.path,
            done.predicted_confidence,
            done.key_distance,
            clock.seconds,
        )

    def step_probabilities(self, frame_bgr: UInt8Array) -> FrameProbabilities:
        """Process the next frame as far as its class probabilities; see :meth:`step`."""
        with self._caller.inside():
            return self._processed(frame_bgr)

    def _processed(self, frame_bgr: UInt8Array) -> FrameProbabilities:
        check_frame(frame_bgr, self._hw)
        clock = StageClock({})
        predicted_confidence = None
        if self._reference and self._compares:
            frame, predicted_confidence = self._compared(self._reference, frame_bgr, clock)
        elif self._reference and self._blend:
            frame = self._blended(self._reference, frame_bgr, clock)
        else:
            frame = self._segmented(frame_bgr, None, clock)
        distance = self._index - frame.key_index
        compares = self._schedule.compares_next(distance)
        if (compares or self._blend) and frame.view is None:
            frame = replace(frame, view=self._prepared(frame_bgr, clock))
        path = FramePath.WARP if distance else FramePath.SEGMENT
        done = FrameProbabilities(
            self._index, frame.probabilities, path, predicted_confidence, distance, clock.seconds
        )
        if distance == 0 or self._propagate is Propagate.CHAIN:
            self._reference = frame
        self._compares = compares
        self._hw = size_hw(frame_bgr)
        self._index += 1
        self._schedule.spent(sum(clock.seconds.values()), path)
        return done

    def _prepared(self, frame_bgr: UInt8Array, clock: StageClock) -> View:
        """What the flow method sees of the current frame."""
        with clock.stage("prepare"):
            shown = frame_bgr if self._reference else self._rules.first_key(frame_bgr)
            return self._flow.prepare(shown)

    def _segmented(
        self, frame_bgr: UInt8Array, view: View | None, clock: StageClock
    ) -> ReferenceFrame:
        """The current frame, segmented."""
        with clock.stage("segment"):
            return ReferenceFrame(self._index, view, self._segmentation.probabilities(frame_bgr))

    def _compared(
        self, reference: ReferenceFrame, frame_bgr: UInt8Array, clock: StageClock
    ) -> tuple[ReferenceFrame, float | None]:
        """The current frame, warped or segmented, and the confidence predicted for warping it."""
        view = self._prepared(frame_bgr, clock)
        assert reference.view is not None, "a frame that another is compared with is prepared"
        with clock.stage("decide"):
            comparison = self._flow.compare(view, reference.view)
            decision = self._schedule.decide(comparison, self._index - reference.key_index)
        if decision.segment:
            frame = self._segmented(frame_bgr, view, clock)
            if self._blend:
                frame, agreement = self._mixed(reference, comparison, frame, clock)
                if decision.learns and agreement is not None:
                    self._schedule.observe(agreement)
            elif decision.learns:
                with clock.stage("learn"):
                    self._learn(reference, comparison, frame)
        else:
            with clock.stage("warp"):
                probabilities = self._rules.warp(reference.probabilities, comparison.estimate())
            frame = ReferenceFrame(reference.key_index, view, probabilities)
        return frame, decision.predicted_confidence

    def _blended(
        self, reference: ReferenceFrame, frame_bgr: UInt8Array, clock: StageClock
    ) -> ReferenceFrame:
        """The current frame, segmented unseen by the schedule, and blended."""
        view = self._prepared(frame_bgr, clock)
        assert reference.view is not None, "every frame is prepared where frames are blended"
        comparison = self._flow.compare(view, reference.view)
        frame = self._segmented(frame_bgr, view, clock)
        return self._mixed(reference, comparison, frame, clock)[0]

    def _mixed(
        self,
        reference: ReferenceFrame,
        comparison: FlowComparison,
        segmented: ReferenceFrame,
        clock: StageClock,
    ) -> tuple[ReferenceFrame, float | None]:
        """A segmented frame blended with what is warped to it, and how well both agree."""
        with clock.stage("blend"):
            propagated = self._rules.warp(reference.probabilities, comparison.estimate())
            # Every fourth pixel tells nearly as well as all.
            agreement = self._rules.agreement(
                propagated[::2, ::2], segmented.probabilities[::2, ::2]
            )
            weight = blend_weight(self._blend, agreement)
            probabilities = blended(segmented.probabilities, propagated, weight)
        return replace(segmented, probabilities=probabilities), agreement

    def _learn(
        self, reference: ReferenceFrame, comparison: FlowComparison, segmented: ReferenceFrame
    ) -> None:
        """Tell the schedule what warping would have been worth."""
        worth = self._rules.worth(
            reference.probabilities, comparison.estimate(), segmented.probabilities
        )
        if worth is not None:
            self._schedule.observe(worth)
