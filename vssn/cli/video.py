"""``vssn video``: turn a video into one with objects boxed, named and, some, measured."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vssn.cli.options import (
    add_network_arguments,
    add_output_arguments,
    boolean,
    check_summary,
    directory_or_none,
    number,
    positive_number,
    progress,
    runtime_options,
    segmenter_plan,
    write_summary,
)
from vssn.files import check_writable

if TYPE_CHECKING:
    from vssn.media.pipeline import WriteBehind
    from vssn.media.video import VideoSource
    from vssn.networks import RuntimeOptions
    from vssn.original.preset import Preset
    from vssn.runtime.load import WeightPaths
    from vssn.scene.annotate import Annotator
    from vssn.scene.distance import Camera
    from vssn.streaming.assemble import SegmenterPlan
    from vssn.types import FrameResult, TimedFrame, VideoInfo

EXIT_TRUNCATED = 2
OUTPUT_NAMES = {True: "output-video-original.avi", False: "output-video-segmented.avi"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    parser.add_argument(
        "--video_file",
        type=Path,
        default=Path("01TP_extract.avi"),
        help="any video that FFmpeg reads (default: %(default)s)",
    )
    parser.add_argument(
        "--process_original",
        type=boolean,
        default=True,
        metavar="True|False",
        help="draw on the frames themselves, or on their masks (default: %(default)s)",
    )
    parser.add_argument(
        "--save_dir",
        type=directory_or_none,
        default=Path("video-output"),
        metavar="DIR|none",
        help="where the video goes; none writes nothing (default: %(default)s)",
    )
    parser.add_argument(
        "--focal_px", type=positive_number, help="the camera's focal length, for true distances"
    )
    parser.add_argument("--camera_height_m", type=positive_number, help="its height above the road")
    parser.add_argument(
        "--camera_pitch_deg",
        type=number,
        default=0.0,
        help="how far it looks down (default: %(default)s)",
    )
    add_network_arguments(parser)
    add_output_arguments(parser)


@dataclass(frozen=True)
class VideoJob:
    """What to annotate and how."""

    source: VideoSource
    output: Path | None
    annotator: Annotator
    preset: Preset
    plan: SegmenterPlan
    options: RuntimeOptions
    quiet: bool


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream."""
    from vssn.media.video import VideoSource
    from vssn.original.preset import VIDEO_PRESETS
    from vssn.runtime.load import WeightPaths
    from vssn.scene.annotate import Annotator

    check_summary(args.summary)
    if args.save_dir:
        check_writable(args.save_dir)
    preset = VIDEO_PRESETS[args.preset]
    plan = segmenter_plan(args, preset)
    weights = WeightPaths.locate(
        args.segnet_chkpt, args.dvs_flownet_chkpt, args.decision_chkpt, plan.propagation
    )
    output = args.save_dir and args.save_dir / OUTPUT_NAMES[args.process_original]
    with VideoSource(args.video_file) as source:
        annotator = Annotator(source.info, args.process_original, _camera(args, source.info))
        job = VideoJob(source, output, annotator, preset, plan, runtime_options(args), args.quiet)
        figures = annotate(job, weights)
    write_summary(args.summary, {"preset": args.preset, **figures})
    return EXIT_TRUNCATED if source.truncated else 0


def _camera(args: argparse.Namespace, info: VideoInfo) -> Camera | None:
    """The camera that the user described, or None."""
    from vssn.errors import BadInputError
    from vssn.scene.distance import Camera

    given = (args.focal_px, args.camera_height_m)
    if given == (None, None):
        return None
    if None in given:
        raise BadInputError(
            "a camera half described",
            "both --focal_px and --camera_height_m",
            "give both or neither",
        )
    centre_px = (info.width_px / 2, info.height_px / 2)
    return Camera(args.focal_px, args.camera_height_m, centre_px, args.camera_pitch_deg)


def annotate(job: VideoJob, weights: WeightPaths) -> dict[str, Any]:
    """Annotate a video; print and return the figures."""
    from vssn.media.pipeline import read_ahead
    from vssn.runtime.load import load_networks

    networks = load_networks(weights, job.preset.conventions, job.options)
    segmenter = job.plan.build(networks)
    info = job.source.info
    with ExitStack() as stack:
        writer = _writer(job, stack)
        statistics = job.preset.make_statistics()
        frames = read_ahead(job.source.iter_timed())
        for frame in progress(frames, info.total_frames, job.quiet):
            result = segmenter.step(frame.frame_bgr)
            statistics.add(result)
            if writer is not None:
                writer.write(frame, result)
    statistics.stop()
    print("\n".join(statistics.lines()))
    provenance = {"runtime": networks.runtime, "weights": weights.sha256()}
    return {**statistics.summary(), **job.plan.propagation.summary(), **provenance}


def _writer(job: VideoJob, stack: ExitStack) -> WriteBehind[[TimedFrame, FrameResult]] | None:
    """Start drawing and encoding, each in a thread of its own; the stack ends them."""
    from vssn.media.pipeline import WriteBehind
    from vssn.media.sink import VideoSink
    from vssn.scene.annotate import DrawingSink

    if job.output is None:
        return None
    sink = VideoSink(job.output, job.source.info, audio_from=job.source)
    # Runs also on Ctrl-C or an error: the video is then closed and holds what was written.
    stack.callback(lambda: sink.frames and print(f"{sink.path}: {sink.frames} frames"))
    encoder = stack.enter_context(WriteBehind(sink))
    return stack.enter_context(WriteBehind(DrawingSink(job.annotator, encoder)))
