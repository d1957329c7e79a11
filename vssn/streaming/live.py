"""Live streams: every frame leaves on time, and segmentations made beside it catch up."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from vssn.networks import FlowComparison, FlowNetwork, View
from vssn.preprocess import size_hw
from vssn.streaming.arrivals import Arrivals, Arrived, first_on_time
from vssn.streaming.background import BackgroundSegmentation
from vssn.streaming.callers import OneThread, check_frame
from vssn.streaming.key_frames import KeyFrame, Moment, NextKeyFrame, Reference
from vssn.streaming.propagated import KeyResult, Propagated
from vssn.streaming.punctuality import (
    DEFAULT_MAX_LATENCY_MS,
    RESERVE,
    TypicalTime,
    check_latency_ms,
)
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.streaming.schedule import Schedule
from vssn.streaming.stage_clock import StageClock
from vssn.types import (
    FramePath,
    FrameResult,
    LiveFrame,
    Propagate,
    TimedFrame,
    UInt8Array,
)


@dataclass
class _Current:
    """The frame being processed, and how its result comes about."""

    at: Moment
    frame_bgr: UInt8Array
    view: View
    stages: StageClock
    path: FramePath = FramePath.WARP
    confidence: float | None = None
    corrected: bool = False


class LiveSegmenter:
    """Labels every frame of a live stream on time, while segmentations are made beside it.

    Each frame's result is warped from the one before. When the segmentation of an earlier frame is
    done, it is warped to the current frame along the flows of the frames that passed meanwhile, and
    takes over. Where a segmentation is expected within the latency allowed, it is waited for.

    The schedule says when to segment, as in :class:`vssn.AdaptiveSegmenter`; while the segmenter
    is busy it is not asked. With a segmenter that takes no time both give the same labels.

    Args:
        background: segments beside the stream.
        flow: finds the motion between frames.
        schedule: says which frames are to be segmented.
        max_latency_ms: from a frame's arrival to its result leaving.
        rules: what is done between the networks.
        propagate: which frame results are warped from.
        clock: tells seconds, as the arrivals do.

    Raises:
        BadInputError: there is no such latency.
    """

    def __init__(
        self,
        background: BackgroundSegmentation,
        flow: FlowNetwork,
        schedule: Schedule,
        max_latency_ms: float = DEFAULT_MAX_LATENCY_MS,
        rules: StreamRules = VSSN_RULES,
        propagate: Propagate = Propagate.CHAIN,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._allowed_s = check_latency_ms(max_latency_ms) / 1000 * (1 - RESERVE)
        self._flow = flow
        self._schedule = schedule
        self._rules = rules
        self._chains = propagate is Propagate.CHAIN
        self._clock = clock
        self._caller = OneThread()
        self._key_frames = NextKeyFrame(background, clock)
        self.reset()

    def reset(self) -> None:
        """Forget the stream, what was learned of it and all times; the next frame is segmented."""
        with self._caller.inside():
            self._key_frames.reset()
            self._whole, self._finding = TypicalTime(), TypicalTime()
            self._finishing, self._period = TypicalTime(), TypicalTime()
            self._lesson: KeyFrame | None = None
            self._reference: Reference | None = None
            self._hw: tuple[int, int] | None = None
            self._last: Moment | None = None
            self._compares = False
            self._predictions = 0
            self._schedule.reset()

    def follow(self, arrivals: Arrivals) -> Generator[tuple[TimedFrame, FrameResult], None, None]:
        """Process frames as they arrive.

        Where several wait, the oldest is taken from which on all can leave on time, or else the
        newest; the others are left out.

        Yields:
            Each frame that was taken, and its result.
        """
        waiting: list[Arrived] = []
        while True:
            waiting += arrivals.take(wait=not waiting)
            if not waiting:
                return
            taken = first_on_time(waiting, self._clock(), self._whole.slow_s, self._allowed_s)
            arrived = waiting[taken]
            del waiting[: taken + 1]
            yield arrived.frame, self.step(arrived.frame, arrived.at_s)
            self.learn()

    def step(self, frame: TimedFrame, arrived_s: float) -> FrameResult:
        """Process the next frame.

        Args:
            frame: with its index; a gap since the one before counts as dropped frames.
            arrived_s: when it arrived, by the clock.

        Returns:
            Its labels at (H, W), and the seconds spent per stage: ``prepare``, ``decide`` (with
            the flow), ``wait`` (for a segmentation), ``warp`` and ``labels``.

        Raises:
            BadInputError: see :meth:`vssn.AdaptiveSegmenter.step`.
        """
        with self._caller.inside():
            check_frame(frame.frame_bgr, self._hw)
            self._learn()
            began_s, last = self._clock(), self._last
            at = Moment(last.step + 1 if last else 0, frame.index, arrived_s)
            if last and frame.index > last.index:
                self._period.add((arrived_s - last.arrived_s) / (frame.index - last.index))
            current = self._prepared(at, frame.frame_bgr)
            key, result = self._processed(current)
            hw = size_hw(frame.frame_bgr)
            with current.stages.stage("labels"):
                labels = self._rules.labels_of(result, hw)
            self._compares = self._schedule.compares_next(at.step - key.step)
            self._hw, self._last = hw, at
            left_s = self._clock()
            self._remember_times(current.stages.seconds, left_s - began_s)
        live = LiveFrame(
            latency_ms=1000 * (left_s - arrived_s),
            corrected=current.corrected,
            key_age_ms=1000 * (arrived_s - key.arrived_s),
            dropped=at.index - last.index - 1 if last else 0,
        )
        return FrameResult(
            frame.index,
            labels,
            current.path,
            None if current.corrected else current.confidence,
            at.index - key.index,
            current.stages.seconds,
            time_s=frame.time_s,
            live=live,
        )

    def learn(self) -> None:
        """Tell the schedule what the last segmentation showed; done at the next frame otherwise."""
        with self._caller.inside():
            self._learn()

    def _learn(self) -> None:
        key, self._lesson = self._lesson, None
        if key is None or key.warped is None or key.probabilities is None:
            return
        reference, comparison = key.warped
        worth = self._rules.worth(reference.along(comparison.estimate()), key.probabilities)
        if worth is not None:
            self._schedule.observe(worth, self._predictions - key.predictions)

    def _remember_times(self, stages: dict[str, float], seconds: float) -> None:
        self._whole.add(seconds - stages.get("wait", 0.0))
        if "warp" in stages:
            self._finding.add(stages["decide"])
            self._finishing.add(stages["warp"] + stages["labels"])

    def _prepared(self, at: Moment, frame_bgr: UInt8Array) -> _Current:
        stages = StageClock({}, self._clock)
        with stages.stage("prepare"):
            shown = frame_bgr if self._reference else self._rules.first_key(frame_bgr)
            return _Current(at, frame_bgr, self._flow.prepare(shown), stages)

    def _processed(self, current: _Current) -> tuple[Moment, Propagated]:
        """The current frame's result, and the key frame that it comes from."""
        reference = self._reference
        if reference is None:
            self._start(current)
            self._key_frames.collect(None)
        elif not self._compares and self._key_frames.free:
            self._start(current)
            self._collect(current, self._finding.slow_s + self._finishing.slow_s)
        done = self._segmented(current)
        if done:
            return done
        assert reference is not None, "the first frame's segmentation was waited for"
        return self._warped(current, reference)

    def _warped(self, current: _Current, reference: Reference) -> tuple[Moment, Propagated]:
        if not self._chains:
            self._key_frames.collect(0.0)
            reference = self._caught_up(current) or reference
        with current.stages.stage("decide"):
            comparison = self._flow.compare(current.view, reference.view)
            self._decide(current, reference, comparison)
            estimate = comparison.estimate()
        if self._chains:
            with current.stages.stage("warp"):
                self._key_frames.extend(current.at, estimate)
        self._collect(current, self._finishing.slow_s)
        if done := self._segmented(current):
            return done
        if self._chains and (caught_up := self._caught_up(current)):
            reference, estimate = caught_up, caught_up.back or estimate
        with current.stages.stage("warp"):
            result = reference.result.along(estimate)
        if self._chains:
            self._reference = Reference(reference.key, current.view, result)
        return reference.key, result

    def _decide(self, current: _Current, reference: Reference, comparison: FlowComparison) -> None:
        """Ask the schedule; start segmenting the frame where it says so and the segmenter is free.

        A frame that was not to be compared has been started already, or finds the segmenter busy.
        """
        distance = current.at.step - reference.key.step
        if self._compares and self._key_frames.free:
            decision = self._schedule.decide(comparison, distance)
            current.confidence = decision.predicted_confidence
            self._predictions += 1
            if decision.segment:
                warped = (reference.result, comparison) if decision.learns else None
                self._start(current, warped)
        else:
            current.confidence = self._schedule.predict(comparison, distance)
            self._predictions += 1

    def _start(
        self, current: _Current, warped: tuple[Propagated, FlowComparison] | None = None
    ) -> None:
        key = KeyFrame(current.at, current.view, warped, self._predictions)
        self._key_frames.start(key, current.frame_bgr)

    def _collect(self, current: _Current, then_s: float) -> None:
        """Wait for the segmentation as far as the latency allows, with so much to do after it."""
        wait_s = self._allowed_s
        if self._period.mean_s:  # waiting must not cost the next frame its turn
            wait_s = min(wait_s, self._period.mean_s * (1 - RESERVE))
        until_s = current.at.arrived_s + wait_s - then_s
        if not self._chains and not self._key_frames.holds(current.at):
            until_s = 0.0  # its turn is at the next frame, before that is compared
        with current.stages.stage("wait"):
            self._key_frames.collect(until_s)

    def _segmented(self, current: _Current) -> tuple[Moment, Propagated] | None:
        """The current frame, where its own segmentation is done."""
        key = self._key_frames.take(only=current.at)
        if key is None or key.probabilities is None:
            return None
        self._lesson = key
        self._reference = Reference(key.at, key.view, Propagated(KeyResult(key.probabilities)))
        current.path = FramePath.SEGMENT
        return key.at, self._reference.result

    def _caught_up(self, current: _Current) -> Reference | None:
        """An earlier frame, where its segmentation is done: what the current one is warped from."""
        key = self._key_frames.take()
        if key is None or key.probabilities is None:
            return None
        self._lesson = key
        result = Propagated(KeyResult(key.probabilities))
        self._reference = Reference(key.at, key.view, result, key.back)
        current.corrected = True
        return self._reference
