"""How fast each network, precision and target is on this machine."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median

import cv2

from vssn.config import PROFILES, SegmenterConfig
from vssn.errors import BadInputError, CheckpointError
from vssn.networks import Precision
from vssn.runtime.load import Networks
from vssn.runtime.processor import usable_cores
from vssn.streaming.segmenter import Segmenter
from vssn.types import FramePath, UInt8Array

PRECISIONS: tuple[Precision, ...] = ("f32", "bf16", "int8")
# Frames that a candidate processes before the next one has its turn.
TURN_FRAMES = 5
# What fewer threads must gain before they are worth a flag: less is within a run's noise.
THREADS_GAIN = 1.05

LoadNetworks = Callable[[SegmenterConfig], Networks]
MakeSegmenter = Callable[[SegmenterConfig, Networks], Segmenter]


@dataclass(frozen=True)
class Candidate:
    """What is measured.

    Attributes:
        segmenter: see :class:`vssn.SegmenterConfig`.
        precision: "f32", "bf16" or "int8".
        target: predicted confidence, 0-100; 100 segments every frame.
        threads: None for one per core.
    """

    segmenter: str
    precision: Precision
    target: float
    threads: int | None = None


@dataclass(frozen=True)
class LeftOut:
    """What can't be measured here.

    Attributes:
        segmenter: see :class:`Candidate`.
        precision: the one that is refused; None where the whole network is.
        error: why.
    """

    segmenter: str
    precision: Precision | None
    error: BadInputError


@dataclass(frozen=True)
class Candidates:
    """What is measured, ready to run.

    Attributes:
        segmenters: by candidate.
        automatic: by segmenter's name, the precision that "auto" takes here.
        left_out: what can't be measured.
    """

    segmenters: dict[Candidate, Segmenter] = field(default_factory=dict)
    automatic: dict[str, Precision] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True)
class Measurement:
    """What a candidate took.

    Attributes:
        candidate: the candidate.
        frames: how many it processed.
        segmented: how many of them it segmented.
        fps: frames per second in the segmenter, labels at the frame's size included.
        segmented_ms: median of the segmented frames; None without one.
        propagated_ms: median of the others; None without one.
    """

    candidate: Candidate
    frames: int
    segmented: int
    fps: float
    segmented_ms: float | None
    propagated_ms: float | None

    @property
    def segmented_share(self) -> float:
        """The share of segmented frames, 0-1."""
        return self.segmented / self.frames


def profile_targets() -> list[float]:
    """The targets to measure, the highest first: every frame, and the profiles' with DIS."""
    ours = (settings for settings in PROFILES.values() if "flow" not in settings)
    return sorted({100.0, *(settings["target"] for settings in ours)}, reverse=True)


def load_candidates(
    names: Iterable[str],
    config: SegmenterConfig,
    load: LoadNetworks,
    make: MakeSegmenter,
    required: bool,
) -> Candidates:
    """Load each network in each precision that this machine and its weights allow.

    Args:
        names: segmenters, see :class:`Candidate`.
        config: what all have in common.
        load: loads the networks of a configuration.
        make: makes a segmenter of them.
        required: whether each network's weights must be there.

    Raises:
        CheckpointError: weights that are required, or all, can't be used.
        BadInputError: the device or the runtime can't be used.
    """
    found = Candidates()
    for name in names:
        try:
            _load_segmenter(name, config, load, make, found)
        except CheckpointError as error:
            if required:
                raise
            found.left_out.append(LeftOut(name, None, error))
    if not found.segmenters:
        raise found.left_out[0].error
    return found


def _load_segmenter(
    name: str,
    config: SegmenterConfig,
    load: LoadNetworks,
    make: MakeSegmenter,
    found: Candidates,
) -> None:
    """Add a segmenter's candidates to those found."""
    allowed: list[Precision] = []
    for precision in PRECISIONS:
        chosen = config.changed({"segmenter": name, "precision": precision})
        try:
            networks = load(chosen)
        except CheckpointError:
            raise
        except BadInputError as error:
            if precision == "f32":  # which every machine has, so something else is wrong
                raise
            found.left_out.append(LeftOut(name, precision, error))
            continue
        allowed.append(precision)
        for target in profile_targets():
            candidate = Candidate(name, precision, target, config.threads)
            found.segmenters[candidate] = make(replace(chosen, target=target), networks)
    found.automatic[name] = _automatic(allowed)


def _automatic(allowed: Sequence[Precision]) -> Precision:
    """What ``precision="auto"`` takes where these are possible."""
    from vssn.runtime.openvino_networks import choose_precision

    capabilities = ["BF16"] if "bf16" in allowed else []
    return choose_precision("auto", capabilities, has_ranges="int8" in allowed)


def thread_counts(cores: int | None = None) -> list[int]:
    """Numbers of threads worth trying: one, half of the cores, and all; none for two cores.

    Args:
        cores: how many there are; None for those that this process may use.
    """
    cores = usable_cores() if cores is None else cores
    return sorted({1, cores // 2, cores}) if cores > 2 else []


def load_threads(
    candidate: Candidate,
    counts: Iterable[int],
    config: SegmenterConfig,
    load: LoadNetworks,
    make: MakeSegmenter,
) -> dict[Candidate, Segmenter]:
    """Load a candidate for each number of threads; the arguments are :func:`load_candidates`'."""
    segmenters = {}
    for threads in counts:
        each = replace(candidate, threads=threads)
        names = ("segmenter", "precision", "target", "threads")
        chosen = config.changed({name: getattr(each, name) for name in names})
        segmenters[each] = make(chosen, load(chosen))
    return segmenters


def best_threads(measurements: Sequence[Measurement]) -> Measurement:
    """The fastest, or the one with most threads where fewer gain less than noise.

    Args:
        measurements: of one candidate, by rising number of threads.
    """
    most, fastest = measurements[-1], max(measurements, key=lambda each: each.fps)
    return fastest if fastest.fps >= THREADS_GAIN * most.fps else most


def measure(
    segmenters: Mapping[Candidate, Segmenter],
    frames_bgr: Sequence[UInt8Array],
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Measurement]:
    """Let the candidates take turns on the same frames.

    Each processes the whole clip, forwards and backwards, until the time is up; all process as
    many frames, at least :data:`TURN_FRAMES`.

    Args:
        segmenters: by candidate.
        frames_bgr: (H, W, 3) uint8 BGR each; at least one.
        seconds: how long to measure.
        clock: seconds, rising.

    Returns:
        One for each candidate, in order.
    """
    start = clock()
    for segmenter in segmenters.values():  # the first run of a network is slower
        segmenter.reset()
        segmenter.step(frames_bgr[0])
        segmenter.reset()
    times: dict[Candidate, list[tuple[FramePath, float]]] = {each: [] for each in segmenters}
    frames = back_and_forth(frames_bgr)
    while True:
        begun = clock()
        turn = list(itertools.islice(frames, TURN_FRAMES))
        for candidate, segmenter in segmenters.items():
            with _cv2_threads(candidate.threads):
                times[candidate] += [_timed(segmenter, frame, clock) for frame in turn]
        now = clock()
        if now - start + now - begun > seconds:
            return [_measurement(candidate, each) for candidate, each in times.items()]


def back_and_forth(frames_bgr: Sequence[UInt8Array]) -> Iterator[UInt8Array]:
    """Play a clip forwards, backwards and so on without end, so that there is no cut."""
    return itertools.cycle([*frames_bgr, *frames_bgr[-2:0:-1]])


def _timed(
    segmenter: Segmenter, frame_bgr: UInt8Array, clock: Callable[[], float]
) -> tuple[FramePath, float]:
    before = clock()
    path = segmenter.step(frame_bgr).path
    return path, clock() - before


@contextmanager
def _cv2_threads(threads: int | None) -> Iterator[None]:
    """Have OpenCV, which warps and finds the flow, use so many threads inside."""
    if threads is None:
        yield
        return
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _measurement(candidate: Candidate, times: Sequence[tuple[FramePath, float]]) -> Measurement:
    by_path = {path: [s for each, s in times if each is path] for path in FramePath}
    medians = {path: 1000 * median(each) if each else None for path, each in by_path.items()}
    return Measurement(
        candidate,
        len(times),
        len(by_path[FramePath.SEGMENT]),
        len(times) / sum(seconds for _, seconds in times),
        medians[FramePath.SEGMENT],
        medians[FramePath.WARP],
    )
