"""``vssn infer``: segment a data set adaptively, save masks, score the labelled frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.fleet_flags import (
    add_engine_arguments,
    check_process_engine,
    chunk_counter,
    end_fleet_run,
    given_place,
    place,
    place_or_none,
    refuse_with_ray,
)
from vssn.cli.options import (
    add_mask_kind_argument,
    add_network_arguments,
    add_output_arguments,
    segmenter_config,
)
from vssn.cli.printing import check_summary, progress, write_summary
from vssn.cli.values import positive
from vssn.errors import BadInputError
from vssn.files import check_writable
from vssn.scene.export import MASK_KINDS

if TYPE_CHECKING:
    from vssn.config import SegmenterConfig
    from vssn.data.dataset import DatasetFrame
    from vssn.evaluation.page import ReportPage
    from vssn.evaluation.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    parser.add_argument(
        "--num_steps",
        type=positive,
        metavar="N",
        help="frames to process (default: the whole list)",
    )
    parser.add_argument(
        "--data_dir",
        type=place,
        default=Path("camvid_30_fps_test_only"),
        help="the data set; with --engine ray a URL too",
    )
    parser.add_argument(
        "--data_list",
        type=place,
        help="list file, a line 'frame labelled label' per frame "
        "(default: list/test_file_list.txt); see vssn make-lists",
    )
    parser.add_argument(
        "--save_dir",
        type=place_or_none,
        default=Path("inference-output"),
        metavar="DIR|none",
        help="where masks go; with --engine ray a URL such as s3://bucket/folder too; none saves "
        "nothing (default: %(default)s)",
    )
    add_mask_kind_argument(parser, "colours")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write report.html here: the run over time, IoU of each class, confusion, the worst "
        "frames; with the pictures and report.json beside it",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="with --engine ray, go on with an earlier run: only what is missing is done",
    )
    add_engine_arguments(parser, "the list")
    add_network_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream."""
    from vssn.api import dataset_frames, segment_dataset
    from vssn.media.sinks import MaskFolder

    check_summary(args.summary)
    if args.engine == "ray":
        return _on_ray(args)
    check_process_engine(args)
    if args.resume:
        raise BadInputError("--resume", "--engine ray with it", "add that, or leave it out")
    if args.save_dir:
        check_writable(args.save_dir)
    config = segmenter_config(args)
    frames = dataset_frames(args.data_dir, args.data_list, args.num_steps, args.preset)
    report, page = _report(args, frames, config)
    # The preset's own colours are its matter; other masks hold labels, not pictures.
    coloured = args.save_dir if args.mask_kind == "colours" else None
    masks = None
    if args.save_dir and not coloured:
        masks = MaskFolder(args.save_dir, MASK_KINDS[args.mask_kind])
    with progress((), len(frames), args.quiet) as bar:
        done = segment_dataset(
            *(frames, coloured, config),
            chunk_s=args.chunk_s,
            sinks=[sink for sink in (report, page, masks) if sink],
            on_result=lambda _: bar.update(),
        )
    print("\n".join(done.lines()))
    write_summary(args.summary, done.summary())
    if report and page:
        report.save(done.evaluation)
        page.save(done, report.pictures())
        print("\n".join(report.lines()))
    return 0


def _on_ray(args: argparse.Namespace) -> int:
    """Segment the data set on a cluster.

    Raises:
        BadInputError: a flag that has no meaning there.
    """
    from vssn.fleet import segment_dataset
    from vssn.fleet.videos import CHUNK_S

    refuse_with_ray(args, ("report",))
    if args.mask_kind != "colours":
        raise BadInputError(f"--mask_kind {args.mask_kind} with --engine ray", "colours", "omit it")
    folder = given_place(args)
    with progress((), None, args.quiet, "chunk") as bar:
        run = segment_dataset(
            args.data_dir,
            folder,
            args.data_list,
            segmenter_config(args),
            num_steps=args.num_steps,
            address=args.address,
            chunk_s=args.chunk_s or CHUNK_S,
            resume=args.resume,
            pin_cpus=args.pin_cpus is not False,
            on_chunk=chunk_counter(bar),
        )
    return end_fleet_run(args, run)


def _report(
    args: argparse.Namespace, frames: list[DatasetFrame], config: SegmenterConfig
) -> tuple[Report, ReportPage] | tuple[None, None]:
    """What --report asked for; drawing is imported for it alone."""
    if args.report is None:
        return None, None
    from vssn.evaluation.page import ReportPage
    from vssn.evaluation.report import Report

    title = args.data_list.name if args.data_list else "CamVid's test list"
    return Report(args.report, frames), ReportPage(args.report, config, title=title)
