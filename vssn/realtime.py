"""Live streams: the public calls."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vssn.api import OnResult, open_source
from vssn.assembly import LiveAssembly, assemble_live
from vssn.config import SegmenterConfig, configured
from vssn.evaluation.live_statistics import LiveStatistics
from vssn.evaluation.runs import LiveRun
from vssn.media import outputs
from vssn.media.live_feed import LiveFeed
from vssn.media.pipeline import WriteBehind
from vssn.media.video import VideoSource
from vssn.runtime.load import Networks
from vssn.scene.annotation import FrameSink, PictureSink, open_annotation
from vssn.scene.camera import Camera
from vssn.scene.style import Style
from vssn.streaming.live import LiveSegmenter
from vssn.streaming.punctuality import DEFAULT_MAX_LATENCY_MS
from vssn.types import FrameResult, TimedFrame, UInt8Array

# OpenCV's, for flow and warping: the other cores are the segmentation network's.
STREAM_THREADS = 1
# What may wait to be drawn and written: memory for frames with their labels, and how many.
WAITING_BYTES = 64 << 20
LEAST_WAITING, MOST_WAITING = 4, 64
WARM_UP_FRAMES = 2  # one is segmented, one is warped


def live(
    source: str | Path | int | VideoSource,
    config: SegmenterConfig | None = None,
    *,
    max_latency_ms: float = DEFAULT_MAX_LATENCY_MS,
    pace: bool | None = None,
    networks: Networks | None = None,
    **changes: Any,
) -> Generator[tuple[UInt8Array, FrameResult], None, None]:
    """Segment a live stream: every frame leaves on time.

    Segmentations are made beside the stream; the frames meanwhile are warped, and a segmentation
    that is done is brought forward along their flows. Where frames come faster than they can be
    warped, the newest is taken. The time spent in the loop over this generator counts too.

    Args:
        source: see :class:`vssn.VideoSource`; one that is already open stays open.
        config: see :func:`vssn.load_segmenter`. Without ``threads`` the segmentation network gets
            all cores but one.
        max_latency_ms: from a frame's arrival, decoded, to its result leaving.
        pace: give the frames at the source's own rate, as a camera would; None does so for files.
        networks: use these, as :func:`vssn.load_networks` gives them.
        changes: see :func:`vssn.load_segmenter`.

    Yields:
        Each frame, (H, W, 3) uint8 BGR, and its result, whose ``live`` tells the latency, whether
        a segmentation arrived, the age of the key result, and how many frames were dropped before.
        While it runs, OpenCV works with one thread in the whole process.

    Raises:
        BadInputError: regions, a pace or a budget, which live streams don't have; or as
            :func:`vssn.stream`.

    Example:
        >>> for frame_bgr, result in vssn.live("street.mp4", max_latency_ms=33):
        ...     print(result.live.latency_ms, result.path.value, result.live.corrected)
    """
    changed = configured(config, changes)
    with ExitStack() as stack:
        opened = open_source(source, stack)
        assembly = _assembled(changed, max_latency_ms, networks, stack)
        owned = opened is not source
        with closing(_processed(opened, owned, assembly, pace)) as results:
            for frame, result in results:
                yield frame.frame_bgr, result


def annotate_live(
    source: str | Path | int | VideoSource,
    output: str | Path | None = None,
    config: SegmenterConfig | None = None,
    *,
    max_latency_ms: float = DEFAULT_MAX_LATENCY_MS,
    pace: bool | None = None,
    networks: Networks | None = None,
    style: Style | None = None,
    camera: Camera | None = None,
    records: str | Path | None = None,
    sinks: Sequence[FrameSink] = (),
    pictures: Sequence[PictureSink] = (),
    on_result: OnResult = lambda result: None,
    **changes: Any,
) -> LiveRun:
    """Segment a live stream, and show or write it annotated.

    Drawing and writing have threads of their own and never hold a frame up: what they are too slow
    for is left out and counted. Ctrl-C ends the stream as its source would.

    Args:
        source: see :func:`live`, as for the next ones.
        config: likewise.
        max_latency_ms: likewise.
        pace: likewise.
        networks: likewise.
        changes: likewise.
        output: see :func:`vssn.annotate_video`, as for the next ones.
        style: likewise.
        camera: likewise.
        records: likewise.
        sinks: likewise.
        pictures: likewise.
        on_result: called after each frame, before the next is taken.

    Returns:
        The figures, with every frame's latency in a histogram.

    Raises:
        BadInputError: see :func:`live` and :func:`vssn.annotate_video`.

    Example:
        >>> run = vssn.annotate_live("street.mp4", "annotated.mp4", max_latency_ms=33)
        >>> print(run.statistics.latency_ms()["p99"], run.statistics.dropped)
    """
    changed = configured(config, changes)
    interrupted = False
    run = None
    try:
        with ExitStack() as stack:
            opened = open_source(source, stack)
            assembly = _assembled(changed, max_latency_ms, networks, stack)
            statistics = LiveStatistics(assembly.max_latency_ms)
            run = _Annotation(opened, assembly, statistics)
            taking = run.open(stack, output, style, camera, records, sinks, pictures)
            owned = opened is not source
            results = stack.enter_context(closing(_processed(opened, owned, assembly, pace)))
            for frame, result in results:
                statistics.add(result)
                taking.write(frame, result)
                on_result(result)
    except KeyboardInterrupt:
        if run is None or not run.statistics.frames:
            raise
        interrupted = True
    return run.done(interrupted)


def _assembled(
    config: SegmenterConfig, max_latency_ms: float, networks: Networks | None, stack: ExitStack
) -> LiveAssembly:
    assembly = assemble_live(config, max_latency_ms, networks)
    stack.callback(assembly.background.close)
    return assembly


def _processed(
    source: VideoSource, owned: bool, assembly: LiveAssembly, pace: bool | None
) -> Generator[tuple[TimedFrame, FrameResult], None, None]:
    """The one loop of live streams.

    Frames are read from the beginning, so that none waits in a network's buffers, but for those
    that are paced.
    """
    paced = not source.live if pace is None else pace
    feed = LiveFeed(source.iter_timed(), paced)
    with ExitStack() as stack:
        stack.enter_context(_stream_threads())
        stack.callback(feed.close)
        if owned:
            stack.callback(source.close)  # first, as a source may be silent
        if not paced:
            feed.start()
        _warm_up(assembly.segmenter, source)
        if paced:
            feed.start()
        yield from assembly.segmenter.follow(feed)


@contextmanager
def _stream_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(STREAM_THREADS)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _warm_up(segmenter: LiveSegmenter, source: VideoSource) -> None:
    """Run everything once: the first run of a network or of DIS takes longer."""
    blank = np.zeros((source.info.height_px, source.info.width_px, 3), np.uint8)
    segmenter.reset()
    for index in range(WARM_UP_FRAMES):
        segmenter.step(TimedFrame(index, Fraction(index), blank), 0.0)
    segmenter.reset()


class _Leaving:
    """Hands frames on to a thread, as far as that has room for them; counts the others."""

    def __init__(
        self, behind: WriteBehind[[TimedFrame, FrameResult]] | None, statistics: LiveStatistics
    ) -> None:
        self._behind = behind
        self._statistics = statistics

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Hand a frame on, without waiting."""
        if self._behind and not self._behind.offer(frame, result):
            self._statistics.not_written += 1


class _Annotation:
    """What is made of a live stream, and the figures."""

    def __init__(
        self, source: VideoSource, assembly: LiveAssembly, statistics: LiveStatistics
    ) -> None:
        self.statistics = statistics
        self._source = source
        self._assembly = assembly
        self._writer: outputs.OutputSink | None = None

    def open(
        self,
        stack: ExitStack,
        output: str | Path | None,
        style: Style | None,
        camera: Camera | None,
        records: str | Path | None,
        sinks: Sequence[FrameSink],
        pictures: Sequence[PictureSink],
    ) -> _Leaving:
        """Open everything that is asked for, to be closed by ``stack``."""
        made = self._assembly.preset.make_scene(self._source.info, style, camera)
        scene, self._writer = open_annotation(
            stack, self._source, made, output, records, sinks, pictures
        )
        if scene is None:
            return _Leaving(None, self.statistics)
        each_bytes = 4 * self._source.info.width_px * self._source.info.height_px
        depth = min(max(WAITING_BYTES // each_bytes, LEAST_WAITING), MOST_WAITING)
        behind = stack.enter_context(WriteBehind(scene, depth))
        return _Leaving(behind, self.statistics)

    def done(self, interrupted: bool) -> LiveRun:
        """The figures, once everything is closed."""
        assembly, writer, source = self._assembly, self._writer, self._source
        return LiveRun(
            self.statistics,
            assembly.provenance() if assembly.weights else {},
            writer.path if writer else None,
            writer.frames if writer else 0,
            source.truncated,
            source.lost_frames,
            interrupted,
        )
