"""``vssn video``: turn videos into annotated ones."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vssn.cli.options import (
    FLAGS,
    add_network_arguments,
    add_output_arguments,
    boolean,
    check_summary,
    directory_or_none,
    number,
    positive,
    positive_number,
    progress,
    segmenter_config,
    write_summary,
)
from vssn.errors import BadInputError, VssnError
from vssn.files import check_writable

if TYPE_CHECKING:
    from vssn.api import Assembly
    from vssn.evaluation.runs import VideoRun
    from vssn.media.video import VideoSource
    from vssn.scene.camera import Camera
    from vssn.types import VideoInfo

EXIT_BAD_INPUT = 2
ORIGINAL_SOURCE = Path("01TP_extract.avi")
ORIGINAL_NAMES = {True: "output-video-original.avi", False: "output-video-segmented.avi"}

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    parser.add_argument(
        "sources",
        nargs="*",
        metavar="SOURCE",
        help="videos, folders or globs of images, lists of them (.txt), camera numbers, URLs, or - "
        "for a video on the standard input",
    )
    parser.add_argument(
        "--video_file",
        metavar="SOURCE",
        help="a source whose result gets the original's name, output-video-original.avi or "
        f"output-video-segmented.avi (default without SOURCE: {ORIGINAL_SOURCE})",
    )
    parser.add_argument(
        "--process_original",
        type=boolean,
        default=True,
        metavar="True|False",
        help="draw on the frames themselves, or on their masks (default: %(default)s)",
    )
    _add_destination_arguments(parser)
    _add_span_arguments(parser)
    _add_camera_arguments(parser)
    add_network_arguments(parser)
    add_output_arguments(parser)


def _add_destination_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save_dir",
        type=directory_or_none,
        default=Path("video-output"),
        metavar="DIR|none",
        help="where results go, as SOURCE's name with .mp4; none writes nothing "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write the result of one source here: .mp4, .mkv, .webm, .avi, an animated .gif or "
        ".webp, or images such as frames/%%06d.png",
    )
    parser.add_argument(
        "--resume", action="store_true", help="leave out sources whose result is already there"
    )
    parser.add_argument("--show", action="store_true", help="show the result in a window as well")


def _add_span_arguments(parser: argparse.ArgumentParser) -> None:
    for name, what in (("start", "begin"), ("end", "end")):
        parser.add_argument(
            f"--{name}", type=number, metavar="SECONDS", help=f"{what} at this time of the source"
        )
    parser.add_argument(
        "--stride", type=positive, default=1, metavar="N", help="take every N-th frame only"
    )
    parser.add_argument("--max_frames", type=positive, metavar="N", help="stop after N frames")
    parser.add_argument(
        "--image_fps",
        type=positive_number,
        default=25.0,
        metavar="FPS",
        help="frames per second of images (default: %(default)s)",
    )


def _add_camera_arguments(parser: argparse.ArgumentParser) -> None:
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


@dataclass(frozen=True)
class Job:
    """A source and where its result goes; None for nowhere."""

    source: str
    output: Path | None


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream the sources one after another."""
    from vssn.api import assemble
    from vssn.media.window import check_display
    from vssn.original.preset import VIDEO_PRESETS

    check_summary(args.summary)
    if (args.focal_px is None) != (args.camera_height_m is None):
        raise BadInputError(
            "a camera half described",
            "both --focal_px and --camera_height_m",
            "give both or neither",
        )
    if args.show:
        check_display()
    jobs = _jobs(args)
    for job in jobs:
        if job.output:
            check_writable(job.output.parent)
    config = segmenter_config(args)
    if len(jobs) == 1:
        # Of a single source that can't be read, this is said before any network is loaded.
        with _open(args, jobs[0]) as source:
            figures = _annotated(args, source, jobs[0], assemble(config, VIDEO_PRESETS))
        write_summary(args.summary, figures)
        return EXIT_BAD_INPUT if figures["truncated"] else 0
    rows = _all(args, jobs, assemble(config, VIDEO_PRESETS)) if jobs else []
    write_summary(args.summary, {"videos": rows})
    return EXIT_BAD_INPUT if any("error" in row or row["truncated"] for row in rows) else 0


def _all(args: argparse.Namespace, jobs: list[Job], assembly: Assembly) -> list[dict[str, Any]]:
    """Annotate several sources; one that fails does not keep the others from their results."""
    rows: list[dict[str, Any]] = []
    for job in jobs:
        try:
            with _open(args, job) as source:
                figures = _annotated(args, source, job, assembly)
        except VssnError as error:
            figures = {"error": error.for_command(FLAGS)}
            logger.error("error: %s", figures["error"])
        rows.append({"source": job.source, **figures})
    failed = sum("error" in row for row in rows)
    frames = sum(row.get("frames", 0) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} sources done, {frames} frames")
    return rows


def _jobs(args: argparse.Namespace) -> list[Job]:
    """What is to be done, less what is done already.

    Raises:
        BadInputError: one output for several sources.
    """
    sources = list(args.sources)
    original = None
    if args.video_file or not sources:
        original = args.video_file or str(ORIGINAL_SOURCE)
        sources.insert(0, original)
    if args.output and len(sources) > 1:
        raise BadInputError(
            f"--output {args.output} for {len(sources)} sources",
            "one source",
            "name a folder with --save_dir instead",
        )
    names = _names([source for source in sources if source is not original])
    if original is not None:
        names.insert(0, ORIGINAL_NAMES[args.process_original])
    jobs = []
    for source, name in zip(sources, names, strict=True):
        output = Path(args.output) if args.output else args.save_dir and args.save_dir / name
        if args.resume and output and output.exists():
            print(f"{output}: done before")
        else:
            jobs.append(Job(source, output))
    return jobs


def _names(sources: list[str]) -> list[str]:
    """A result's name for each source, no two alike."""
    stems = [_stem(source) for source in sources]
    shared = Counter(stems)
    taken: Counter[str] = Counter()
    names = []
    for source, stem in zip(sources, stems, strict=True):
        parent = Path(source).parent.name
        name = f"{parent}-{stem}" if shared[stem] > 1 and parent else stem
        taken[name] += 1
        names.append(f"{name}-{taken[name]}.mp4" if taken[name] > 1 else f"{name}.mp4")
    return names


def _stem(source: str) -> str:
    """The part of a source's name that its result keeps."""
    if source == "-":
        return "standard-input"
    if source.isdecimal():
        return f"camera-{source}"
    name = Path(source.split("?")[0].rstrip("/")).stem
    safe = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    return safe.strip("._ ") or "video"


def _open(args: argparse.Namespace, job: Job) -> VideoSource:
    from vssn.media.video import VideoSource

    return VideoSource(
        job.source,
        start=args.start,
        end=args.end,
        stride=args.stride,
        max_frames=args.max_frames,
        image_fps=args.image_fps,
    )


def _annotated(
    args: argparse.Namespace, source: VideoSource, job: Job, assembly: Assembly
) -> dict[str, Any]:
    """Annotate a source, print the figures, and return them."""
    from vssn.api import annotate_video
    from vssn.media.window import Window
    from vssn.scene.analysis import SceneAnalyser
    from vssn.scene.annotators import Annotator
    from vssn.scene.style import ORIGINAL_STYLES

    annotator = Annotator(
        source.info,
        ORIGINAL_STYLES[args.process_original],
        analyser=SceneAnalyser(source.info, _camera(args, source.info)),
    )
    with progress((), source.info.total_frames, args.quiet) as bar:
        done = annotate_video(
            source,
            job.output,
            assembly.config,
            segmenter=assembly.segmenter,
            annotator=annotator,
            pictures=[Window()] if args.show else [],
            on_result=lambda _: bar.update(),
        )
    print("\n".join(_lines(done)))
    return {**assembly.provenance(), **done.summary()}


def _lines(done: VideoRun) -> list[str]:
    lines = done.statistics.lines()
    if done.written_frames:
        lines.append(f"{done.output}: {done.written_frames} frames")
    return lines


def _camera(args: argparse.Namespace, info: VideoInfo) -> Camera | None:
    """The camera that the user described, or None."""
    from vssn.scene.camera import Camera

    if args.focal_px is None:
        return None
    centre_px = (info.width_px / 2, info.height_px / 2)
    return Camera(args.focal_px, args.camera_height_m, centre_px, args.camera_pitch_deg)
