"""``vssn bench``: what this machine can do, and which settings suit it."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import FLAGS, add_machine_arguments, add_output_arguments
from vssn.cli.printing import check_summary, write_summary
from vssn.cli.values import frame_rate, seconds
from vssn.config import SegmenterConfig
from vssn.models.architectures import SEGMENTER_NAMES

if TYPE_CHECKING:
    from vssn.errors import BadInputError
    from vssn.evaluation.bench import Candidate, Measurement
    from vssn.evaluation.bench_report import BenchReport
    from vssn.runtime.load import Networks
    from vssn.streaming.segmenter import Segmenter
    from vssn.types import UInt8Array

logger = logging.getLogger(__name__)

DEFAULT_FPS = 25.0
DEFAULT_SECONDS = 60.0
# Of the time, for trying numbers of threads where there are more than two cores.
THREADS_SHARE = 0.25
ASSEMBLER_LOG = "vssn.streaming.assemble"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is measured, for how long and on what."""
    parser.add_argument(
        "--clip",
        type=Path,
        metavar="FILE",
        help="a video like yours (default: the demo's clip, or made frames without it)",
    )
    parser.add_argument(
        "--fps",
        type=frame_rate,
        default=DEFAULT_FPS,
        help="frames per second that the recommended settings have to reach in the segmenter "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--seconds",
        type=seconds,
        default=DEFAULT_SECONDS,
        help="time to measure in; the first time, networks are compiled before "
        "(default: %(default)g)",
    )
    parser.add_argument(
        "--segmenter",
        nargs="+",
        metavar="NAME|PATH",
        help="measure these alone: names, or files of weights (default: "
        f"{' '.join(SEGMENTER_NAMES)}, in every precision that is possible)",
    )
    add_machine_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Measure, print the front and recommend."""
    check_summary(args.summary)
    report = _measured(args)
    print("\n".join(report.lines(_said)))
    write_summary(args.summary, report.summary(_said))
    return 0


def _said(error: BadInputError) -> str:
    return error.for_command(FLAGS)


def _measured(args: argparse.Namespace) -> BenchReport:
    from vssn.evaluation.bench import load_candidates, measure, thread_counts
    from vssn.evaluation.bench_clip import read_bench_clip
    from vssn.evaluation.bench_report import BenchReport
    from vssn.evaluation.measured_front import MeasuredFront

    front, clip = MeasuredFront.read(), read_bench_clip(args.clip)
    config = SegmenterConfig(device=args.device, threads=args.threads)
    names = args.segmenter or SEGMENTER_NAMES
    counts = [] if args.threads else thread_counts()
    for_threads = args.seconds * THREADS_SHARE if counts else 0.0
    with _assembled_quietly():
        candidates = load_candidates(names, config, _load, _make, required=bool(args.segmenter))
        seconds = args.seconds - for_threads
        logger.info("measuring %d candidates for %g s", len(candidates.segmenters), seconds)
        measurements = measure(candidates.segmenters, clip.frames_bgr, seconds)
        chosen = front.recommended(measurements, args.fps).candidate
        by_threads = _by_threads(chosen, counts, config, clip.frames_bgr, for_threads)
    return BenchReport(clip, candidates, measurements, front, args.fps, by_threads, args.device)


def _by_threads(
    candidate: Candidate,
    counts: Sequence[int],
    config: SegmenterConfig,
    frames_bgr: Sequence[UInt8Array],
    seconds: float,
) -> list[Measurement]:
    from vssn.evaluation.bench import load_threads, measure

    if not counts:
        return []
    segmenters = load_threads(candidate, counts, config, _load, _make)
    logger.info("measuring %d numbers of threads for %g s", len(segmenters), seconds)
    return measure(segmenters, frames_bgr, seconds)


def _load(config: SegmenterConfig) -> Networks:
    from vssn.api import load_networks

    return load_networks(config)


def _make(config: SegmenterConfig, networks: Networks) -> Segmenter:
    from vssn.api import load_segmenter

    return load_segmenter(config, networks=networks)


@contextmanager
def _assembled_quietly() -> Iterator[None]:
    """Leave out the assembler's line, which is the same for each candidate."""
    assembler = logging.getLogger(ASSEMBLER_LOG)
    before = assembler.level
    assembler.setLevel(logging.WARNING)
    try:
        yield
    finally:
        assembler.setLevel(before)
