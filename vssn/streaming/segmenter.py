"""The adaptive segmenter: key frames segmented, results warped to the frames between them."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from vssn.networks import FlowNetwork, SegmentationNetwork, View
from vssn.preprocess import resize_bilinear, size_hw
from vssn.streaming.blending import blend_weight, blended, check_blend, propagated_share
from vssn.streaming.callers import OneThread, check_frame
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.streaming.schedule import Schedule
from vssn.streaming.stage_clock import StageClock
from vssn.types import (
    Float32Array,
    FramePath,
    FrameResult,
    Propagate,
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


@dataclass(frozen=True)
class _Frame:
    """A frame that was processed, and what others can be warped from.

    Attributes:
        key_index: number of the key frame that its result comes from; its own for a key frame.
        view: what the flow method sees of it; see :class:`vssn.networks.FlowNetwork`. None where
            no frame is compared with it.
        result: its own.
    """

    key_index: int
    view: View | None
    result: Propagated


@dataclass(frozen=True)
class UnlabelledFrame:
    """A frame's result; :class:`vssn.types.FrameResult` tells of the other attributes.

    Attributes:
        result: what labels or probabilities are made of; see :class:`StreamRules`.
    """

    index: int
    result: Propagated
    path: FramePath
    predicted_confidence: float | None
    key_distance: int
    seconds: dict[str, float]


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
    frame, or the key frame's class probabilities are warped to it, by way of the reference frame.

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
        companion: a cheaper network that sees every frame. Results are then the mean of both
            networks, in which the other one's share falls with the frames since its key frame;
            what is propagated and what the schedule learns are the other one's alone.

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
        companion: SegmentationNetwork | None = None,
    ) -> None:
        check_blend(blend)
        self._segmentation = segmentation
        self._flow = flow
        self._schedule = schedule
        self._rules = rules
        self._propagate = propagate
        self._blend = blend
        self._companion = companion
        self._caller = OneThread()
        self.reset()

    def reset(self) -> None:
        """Forget the stream and what was learned of it; the next frame is segmented.

        Raises:
            BadInputError: another thread is processing a frame.
        """
        with self._caller.inside():
            self._reference: _Frame | None = None
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
            would have been worth), ``blend`` (with what is warped), ``companion`` (the network
            that sees every frame, and the mean), ``labels`` (enlarging and picking the class).

        Raises:
            BadInputError: no such frame, another size than the stream's, or another thread is
                processing one.
        """
        with self._caller.inside():
            done = self._processed(frame_bgr)
            clock = StageClock(done.seconds)
            with clock.stage("labels"):
                labels = self._rules.labels_of(done.result, size_hw(frame_bgr))
            self._schedule.spent(clock.seconds["labels"], None)
        return FrameResult(
            done.index,
            labels,
            done.path,
            done.predicted_confidence,
            done.key_distance,
            clock.seconds,
        )

    def step_result(self, frame_bgr: UInt8Array) -> UnlabelledFrame:
        """Process the next frame as far as its labels can be made; see :meth:`step`."""
        with self._caller.inside():
            return self._processed(frame_bgr)

    def step_probabilities(self, frame_bgr: UInt8Array) -> FrameProbabilities:
        """Process the next frame as far as its class probabilities; see :meth:`step`."""
        with self._caller.inside():
            done = self._processed(frame_bgr)
            clock = StageClock(done.seconds)
            before_s = sum(clock.seconds.values())
            with clock.stage(done.path.value):
                probabilities = self._rules.probabilities_of(done.result)
            self._schedule.spent(sum(clock.seconds.values()) - before_s, None)
        return FrameProbabilities(
            done.index,
            probabilities,
            done.path,
            done.predicted_confidence,
            done.key_distance,
            clock.seconds,
        )

    def _processed(self, frame_bgr: UInt8Array) -> UnlabelledFrame:
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
        result = self._accompanied(frame.result, frame_bgr, distance, clock)
        done = UnlabelledFrame(
            self._index, result, path, predicted_confidence, distance, clock.seconds
        )
        if distance == 0 or self._propagate is Propagate.CHAIN:
            self._reference = frame
        self._compares = compares
        self._hw = size_hw(frame_bgr)
        self._index += 1
        self._schedule.spent(sum(clock.seconds.values()), path)
        return done

    def _accompanied(
        self, result: Propagated, frame_bgr: UInt8Array, distance: int, clock: StageClock
    ) -> Propagated:
        """The mean of a result and of what the companion, if any, makes of the frame."""
        if self._companion is None:
            return result
        with clock.stage("companion"):
            probabilities = self._rules.probabilities_of(result)
            own = self._companion.probabilities(frame_bgr)
            own = resize_bilinear(own, size_hw(probabilities))
            mean = blended(own, probabilities, propagated_share(distance))
            return Propagated(KeyResult(mean))

    def _prepared(self, frame_bgr: UInt8Array, clock: StageClock) -> View:
        """What the flow method sees of the current frame."""
        with clock.stage("prepare"):
            shown = frame_bgr if self._reference else self._rules.first_key(frame_bgr)
            return self._flow.prepare(shown)

    def _segmented(self, frame_bgr: UInt8Array, view: View | None, clock: StageClock) -> _Frame:
        """The current frame, segmented."""
        with clock.stage("segment"):
            result = Propagated(KeyResult(self._segmentation.probabilities(frame_bgr)))
        return _Frame(self._index, view, result)

    def _compared(
        self, reference: _Frame, frame_bgr: UInt8Array, clock: StageClock
    ) -> tuple[_Frame, float | None]:
        """The current frame, warped or segmented, and the confidence predicted for warping it."""
        view = self._prepared(frame_bgr, clock)
        assert reference.view is not None, "a frame that another is compared with is prepared"
        with clock.stage("decide"):
            comparison = self._flow.compare(view, reference.view)
            decision = self._schedule.decide(comparison, self._index - reference.key_index)
        if not decision.segment:
            with clock.stage("warp"):
                propagated = reference.result.along(comparison.estimate())
            return _Frame(reference.key_index, view, propagated), decision.predicted_confidence
        frame = self._segmented(frame_bgr, view, clock)
        if self._blend or decision.learns:
            with clock.stage("blend" if self._blend else "learn"):
                propagated = reference.result.along(comparison.estimate())
                if self._blend:
                    frame, agreement = self._mixed(propagated, frame)
                else:
                    agreement = self._rules.worth(propagated, frame.result.key.probabilities)
                if decision.learns and agreement is not None:
                    self._schedule.observe(agreement)
        return frame, decision.predicted_confidence

    def _blended(self, reference: _Frame, frame_bgr: UInt8Array, clock: StageClock) -> _Frame:
        """The current frame, segmented unseen by the schedule, and blended."""
        view = self._prepared(frame_bgr, clock)
        assert reference.view is not None, "every frame is prepared where frames are blended"
        comparison = self._flow.compare(view, reference.view)
        frame = self._segmented(frame_bgr, view, clock)
        with clock.stage("blend"):
            return self._mixed(reference.result.along(comparison.estimate()), frame)[0]

    def _mixed(self, propagated: Propagated, segmented: _Frame) -> tuple[_Frame, float | None]:
        """A segmented frame blended with what is warped to it, and how well both agree."""
        own, warped = segmented.result.key.probabilities, self._rules.probabilities_of(propagated)
        # Every fourth pixel tells nearly as well as all.
        agreement = self._rules.agreement(warped[::2, ::2], own[::2, ::2])
        mixed = blended(own, warped, blend_weight(self._blend, agreement))
        return replace(segmented, result=Propagated(KeyResult(mixed))), agreement
