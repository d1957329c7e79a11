"""``vssn video``: turn videos into annotated ones."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vssn.cli.fleet_flags import (
    check_process_engine,
    chunk_counter,
    end_fleet_run,
    given_place,
    refuse_with_ray,
)
from vssn.cli.main import EXIT_BAD_INPUT
from vssn.cli.options import FLAGS, segmenter_config
from vssn.cli.printing import check_summary, progress, write_summary
from vssn.cli.scene_flags import camera_of, style_of
from vssn.cli.video_flags import ORIGINAL_SOURCE
from vssn.cli.video_flags import add_arguments as add_arguments
from vssn.errors import BadInputError, VssnError
from vssn.files import check_writable, in_natural_order, is_file
from vssn.fleet.names import result_names

if TYPE_CHECKING:
    from vssn.assembly import Assembly
    from vssn.media.video import VideoSource
    from vssn.scene.camera import Camera
    from vssn.scene.style import Style

ORIGINAL_NAMES = {True: "output-video-original.avi", False: "output-video-segmented.avi"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A source, and where its video and whatever else is made of it go; None for nowhere.

    Attributes:
        source: as it was given; of several images their folder.
        images: those images.
    """

    source: str
    images: tuple[Path, ...]
    output: Path | None
    records: Path | None
    report: Path | None
    masks: Path | None


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream the sources one after another."""
    from vssn.assembly import assemble
    from vssn.media.window import check_display
    from vssn.original.preset import VIDEO_PRESETS

    check_summary(args.summary)
    _style(args)
    if args.engine == "ray":
        return _on_ray(args)
    check_process_engine(args)
    if args.show:
        check_display()
    jobs = _jobs(args)
    for job in jobs:
        files = [path.parent for path in (job.output, job.records) if path]
        for folder in (*files, job.masks, job.report):
            if folder:
                check_writable(folder)
    config = segmenter_config(args)
    if args.chunk_s is not None:
        config.check_chunked(args.chunk_s)
    if len(jobs) == 1:
        # What is wrong with a single source or its camera is said before any network is loaded.
        with _open(args, jobs[0]) as source:
            camera = camera_of(args, source.info)
            figures = _annotated(args, source, camera, jobs[0], assemble(config, VIDEO_PRESETS))
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
                figures = _annotated(args, source, camera_of(args, source.info), job, assembly)
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
        BadInputError: one output for several sources, or in a source's place.
    """
    from vssn.media.outputs import check_output

    images = _images(args.sources)
    given = _without(args.sources, images)
    sources = list(given)
    original = _original_source(args)
    if original is not None:
        sources.insert(0, original)
    if args.output and len(sources) > 1:
        raise BadInputError(
            f"--output {args.output} for {len(sources)} sources",
            "one source",
            "name a folder with --save_dir instead",
        )
    names = result_names(given)
    if original is not None:
        names.insert(0, ORIGINAL_NAMES[args.process_original is not False])
    jobs = []
    for source, name in zip(sources, names, strict=True):
        output = Path(args.output) if args.output else args.save_dir and args.save_dir / name
        if output:
            check_output(output, map(Path, sources))
        if args.resume and output and is_file(output):
            print(f"{output}: done before")
        else:
            several = len(sources) > 1
            records = _records(args.records, name, several)
            report, masks = (_folder(path, name, several) for path in (args.report, args.masks))
            jobs.append(Job(source, images.get(source, ()), output, records, report, masks))
    return jobs


def _images(sources: list[str]) -> dict[str, tuple[Path, ...]]:
    """Several images of one folder, such as a shell makes of ``frames/*.jpg``, by that folder."""
    from vssn.media.images import is_still

    folders: dict[str, list[Path]] = {}
    for source in sources:
        if is_still(Path(source)):
            folders.setdefault(str(Path(source).parent), []).append(Path(source))
    return {
        folder: tuple(in_natural_order(paths))
        for folder, paths in folders.items()
        if len(paths) > 1
    }


def _without(sources: list[str], images: dict[str, tuple[Path, ...]]) -> list[str]:
    """The sources, with the folder in place of the images that are one source."""
    folders = [
        folder if Path(source) in images.get(folder := str(Path(source).parent), ()) else source
        for source in sources
    ]
    return list(dict.fromkeys(folders)) if images else folders


def _original_source(args: argparse.Namespace) -> str | None:
    """The source whose result has the original's name and look."""
    if args.video_file or not args.sources:
        return args.video_file or str(ORIGINAL_SOURCE)
    return None


def _records(path: Path | None, name: str, several: bool) -> Path | None:
    if path is None or not several:
        return path
    return path.with_name(f"{path.stem}-{Path(name).stem}{path.suffix}")


def _folder(path: Path | None, name: str, several: bool) -> Path | None:
    return path and (path / Path(name).stem if several else path)


def _open(args: argparse.Namespace, job: Job) -> VideoSource:
    from vssn.media.video import VideoSource

    return VideoSource(
        job.images or job.source,
        start=args.start,
        end=args.end,
        stride=args.stride,
        max_frames=args.max_frames,
        image_fps=args.image_fps,
        chunk_s=args.chunk_s,
        raw_size=args.raw_size,
        raw_pixels=args.raw_pixels,
    )


def _on_ray(args: argparse.Namespace) -> int:
    """Annotate the sources on a cluster.

    Raises:
        BadInputError: a flag that has no meaning there.
    """
    from vssn.fleet import annotate_videos
    from vssn.fleet.videos import CHUNK_S, SELECTIONS

    without = (
        "video_file",
        "process_original",
        "output",
        "records",
        "report",
        "show",
        "masks",
        "raw_size",
    )
    refuse_with_ray(args, (*without, "max_frames"))
    folder = given_place(args)
    if not args.sources:
        raise BadInputError("no SOURCE", "videos to annotate", "name some")
    camera = ("camera", "fov_deg", "focal_px", "camera_height_m", "camera_pitch_deg")
    with progress((), None, args.quiet, "chunk") as bar:
        run = annotate_videos(
            args.sources,
            folder,
            segmenter_config(args),
            address=args.address,
            chunk_s=args.chunk_s or CHUNK_S,
            resume=args.resume,
            pin_cpus=args.pin_cpus is not False,
            style=_style(args),
            camera={name: getattr(args, name) for name in camera},
            selected={name: getattr(args, name) for name in SELECTIONS},
            on_chunk=chunk_counter(bar),
        )
    return end_fleet_run(args, run)


def _annotated(
    args: argparse.Namespace, source: VideoSource, camera: Camera, job: Job, assembly: Assembly
) -> dict[str, Any]:
    """Annotate a source, print the figures, and return them."""
    from vssn.api import annotate_video
    from vssn.evaluation.page import ReportPage
    from vssn.media.sinks import MaskFolder
    from vssn.media.window import Window
    from vssn.scene.export import MASK_KINDS

    title = Path(job.source).name
    page = ReportPage(job.report, assembly.config, title=title) if job.report else None
    masks = MaskFolder(job.masks, MASK_KINDS[args.mask_kind]) if job.masks else None
    with progress((), source.info.total_frames, args.quiet) as bar:
        done = annotate_video(
            source,
            job.output,
            segmenter=assembly,
            style=_style(args),
            camera=camera,
            records=job.records,
            sinks=[sink for sink in (page, masks) if sink],
            pictures=[Window()] if args.show else [],
            on_result=lambda _: bar.update(),
        )
    print("\n".join(done.lines()))
    if page:
        print(f"Report: {page.save(done)}")
    return done.summary()


def _style(args: argparse.Namespace) -> Style:
    """The original's look where it is asked for, with whatever else is."""
    from vssn.scene.style import ORIGINAL_STYLES, Style

    asked = args.process_original
    if asked is None and _original_source(args) is not None:
        asked = True
    return style_of(args, Style() if asked is None else ORIGINAL_STYLES[asked])
