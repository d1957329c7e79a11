"""``vssn video``: turn videos into annotated ones."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from dataclasses import dataclass, replace
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
    share,
    write_summary,
)
from vssn.errors import BadInputError, VssnError
from vssn.files import check_writable
from vssn.scene.style import VIEWS

if TYPE_CHECKING:
    from vssn.api import Assembly
    from vssn.evaluation.runs import VideoRun
    from vssn.media.video import VideoSource
    from vssn.scene.camera import Camera
    from vssn.scene.style import Style
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
    _add_look_arguments(parser)
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
    parser.add_argument(
        "--records",
        type=Path,
        metavar="FILE",
        help="write each frame's figures and objects: .jsonl, .csv or .parquet; of several sources "
        "into a file each, with the source's name",
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


def _add_look_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--process_original",
        type=boolean,
        metavar="True|False",
        help="draw boxes on the frames themselves, or on their masks, and nothing else "
        "(default with --video_file: True)",
    )
    parser.add_argument(
        "--view",
        choices=VIEWS,
        help="the frame under the classes' colours, as it is, the colours alone, both beside each "
        "other, or outlines (default: overlay)",
    )
    parser.add_argument(
        "--opacity", type=share, metavar="0-1", help="of the colours (default: 0.45)"
    )
    parser.add_argument(
        "--palette", metavar="camvid|colour_blind|FILE.json", help="the colours (default: camvid)"
    )
    parser.add_argument("--legend", action="store_true", default=None, help="name the colours")
    parser.add_argument(
        "--boxes", type=boolean, metavar="True|False", help="box the objects (default: True)"
    )
    parser.add_argument(
        "--status",
        type=boolean,
        metavar="True|False",
        help="tell how each frame was segmented (default: True)",
    )


def _add_camera_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE.json",
        help="the camera that distances are computed from; see vssn calibrate-camera",
    )
    for name, what in (
        ("fov_deg", "the camera's horizontal field of view"),
        ("focal_px", "the camera's focal length, instead"),
        ("camera_height_m", "its height above the road"),
    ):
        parser.add_argument(f"--{name}", type=positive_number, help=what)
    parser.add_argument(
        "--camera_pitch_deg",
        type=number,
        help="how far it looks down (default: found from the frames)",
    )


@dataclass(frozen=True)
class Job:
    """A source, and where its video and its records go; None for nowhere."""

    source: str
    output: Path | None
    records: Path | None


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream the sources one after another."""
    from vssn.api import assemble
    from vssn.media.window import check_display
    from vssn.original.preset import VIDEO_PRESETS

    check_summary(args.summary)
    _style(args)
    if args.show:
        check_display()
    jobs = _jobs(args)
    for job in jobs:
        for path in (job.output, job.records):
            if path:
                check_writable(path.parent)
    config = segmenter_config(args)
    if len(jobs) == 1:
        # What is wrong with a single source or its camera is said before any network is loaded.
        with _open(args, jobs[0]) as source:
            _camera(args, source.info)
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
        names.insert(0, ORIGINAL_NAMES[args.process_original is not False])
    jobs = []
    for source, name in zip(sources, names, strict=True):
        output = Path(args.output) if args.output else args.save_dir and args.save_dir / name
        if args.resume and output and output.exists():
            print(f"{output}: done before")
        else:
            jobs.append(Job(source, output, _records(args, name, len(sources))))
    return jobs


def _records(args: argparse.Namespace, name: str, sources: int) -> Path | None:
    path: Path | None = args.records
    if path is None or sources == 1:
        return path
    return path.with_name(f"{path.stem}-{Path(name).stem}{path.suffix}")


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

    with progress((), source.info.total_frames, args.quiet) as bar:
        done = annotate_video(
            source,
            job.output,
            assembly.config,
            segmenter=assembly.segmenter,
            style=_style(args),
            camera=_camera(args, source.info),
            records=job.records,
            pictures=[Window()] if args.show else [],
            on_result=lambda _: bar.update(),
        )
    print("\n".join(_lines(done)))
    return {**assembly.provenance(), **done.summary()}


def _style(args: argparse.Namespace) -> Style:
    """The original's look where it is asked for, with whatever else is."""
    from vssn.scene.style import ORIGINAL_STYLES, Style

    asked = args.process_original
    if asked is None and args.video_file:
        asked = True
    base = Style() if asked is None else ORIGINAL_STYLES[asked]
    names = ("view", "opacity", "palette", "legend", "boxes", "status")
    given = {name: getattr(args, name) for name in names}
    return replace(base, **{name: value for name, value in given.items() if value is not None})


def _lines(done: VideoRun) -> list[str]:
    lines = done.statistics.lines()
    if done.written_frames:
        lines.append(f"{done.output}: {done.written_frames} frames")
    return lines


def _camera(args: argparse.Namespace, info: VideoInfo) -> Camera:
    """The camera as far as the user described it."""
    from vssn.scene.camera import camera_for

    return camera_for(
        info,
        camera=args.camera,
        fov_deg=args.fov_deg,
        focal_px=args.focal_px,
        camera_height_m=args.camera_height_m,
        camera_pitch_deg=args.camera_pitch_deg,
    )
