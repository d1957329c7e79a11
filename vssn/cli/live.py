"""``vssn live``: segment a camera or a network stream, every frame on time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vssn.cli.main import EXIT_BAD_INPUT
from vssn.cli.options import (
    add_checkpoint_arguments,
    add_output_arguments,
    add_preset_argument,
    add_propagation_arguments,
    add_runtime_arguments,
    add_schedule_arguments,
    segmenter_config,
)
from vssn.cli.printing import check_summary, progress, write_summary
from vssn.cli.scene_flags import (
    add_camera_arguments,
    add_look_arguments,
    camera_of,
    style_of,
)
from vssn.cli.values import boolean, milliseconds, positive
from vssn.files import check_writable
from vssn.fleet.names import source_stem
from vssn.streaming.punctuality import DEFAULT_MAX_LATENCY_MS

# Python lets a thread keep its lock for 5 ms while another waits for it; drawing would hold frames
# up by that.
SWITCH_S = 0.0005


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a camera's number, a URL such as rtsp://..., - for a video on the standard input, or "
        "a file, folder or glob of images, played at its own rate",
    )
    parser.add_argument(
        "--max_latency_ms",
        type=milliseconds,
        default=DEFAULT_MAX_LATENCY_MS,
        metavar="MS",
        help="from a frame's arrival to its result leaving (default: %(default)g)",
    )
    parser.add_argument(
        "--pace",
        type=boolean,
        metavar="True|False",
        help="give frames at the source's own rate, as a camera would (default: True for files)",
    )
    parser.add_argument("--max_frames", type=positive, metavar="N", help="stop after N frames")
    _add_destination_arguments(parser)
    add_look_arguments(parser)
    add_camera_arguments(parser)
    add_schedule_arguments(parser)
    add_checkpoint_arguments(parser)
    add_propagation_arguments(parser)
    add_preset_argument(parser)
    add_runtime_arguments(parser, "the segmentation network with (default: all cores but one)")
    add_output_arguments(parser)


def _add_destination_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--show", action="store_true", help="show the result in a window")
    parser.add_argument(
        "--save_dir", type=Path, metavar="DIR", help="write the video here, as SOURCE's name.mp4"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the video here: .mp4, .mkv, .webm, .avi, .gif, .webp, or images",
    )
    parser.add_argument(
        "--records",
        type=Path,
        metavar="FILE",
        help="write each frame's figures and objects: .jsonl, .csv, .parquet, or .json for COCO",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write the latencies' histogram here, latency.png, and all figures, live.json",
    )


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then follow the source until it or Ctrl-C ends it."""
    from vssn.media.video import VideoSource
    from vssn.media.window import Window, check_display
    from vssn.realtime import annotate_live

    check_summary(args.summary)
    style = style_of(args)
    if args.show:
        check_display()
    output = args.output
    if output is None and args.save_dir is not None:
        output = args.save_dir / f"{source_stem(args.source)}.mp4"
    folders = [path.parent for path in (output, args.records) if path]
    for folder in [*folders, *([args.report] if args.report else [])]:
        check_writable(folder)
    config = segmenter_config(args)
    sys.setswitchinterval(SWITCH_S)
    with (
        VideoSource(args.source, max_frames=args.max_frames) as source,
        progress((), source.info.total_frames, args.quiet) as bar,
    ):
        done = annotate_live(
            source,
            output,
            config,
            max_latency_ms=args.max_latency_ms,
            pace=args.pace,
            style=style,
            camera=camera_of(args, source.info),
            records=args.records,
            pictures=[Window()] if args.show else [],
            on_result=lambda _: bar.update(),
        )
    print("\n".join(done.lines()))
    if args.report:
        print("Report:", ", ".join(str(path) for path in done.save(args.report)))
    write_summary(args.summary, done.summary())
    return EXIT_BAD_INPUT if done.truncated else 0
