"""The flags of ``vssn video``."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.fleet_flags import add_engine_arguments, place_or_none
from vssn.cli.options import add_mask_kind_argument, add_network_arguments, add_output_arguments
from vssn.cli.scene_flags import add_camera_arguments, add_look_arguments
from vssn.cli.values import boolean, frame_rate, positive, size_wh, time_s

ORIGINAL_SOURCE = Path("01TP_extract.avi")


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
    _add_original_look(parser)
    add_look_arguments(parser)
    _add_destination_arguments(parser)
    _add_span_arguments(parser)
    add_camera_arguments(parser)
    add_engine_arguments(parser, "a source")
    add_network_arguments(parser)
    add_output_arguments(parser)


def _add_destination_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--save_dir",
        type=place_or_none,
        default=Path("video-output"),
        metavar="DIR|none",
        help="where results go, as SOURCE's name with .mp4; with --engine ray a URL such as "
        "s3://bucket/folder too; none writes nothing (default: %(default)s)",
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
        help="write each frame's figures and objects: .jsonl, .csv, .parquet, or .json for COCO's "
        "annotations; of several sources into a file each, with the source's name",
    )
    parser.add_argument(
        "--masks",
        type=Path,
        metavar="DIR",
        help="write each frame's classes as DIR/mask<number>.png; of several sources into a "
        "folder each, with the source's name",
    )
    add_mask_kind_argument(parser, "palette")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write a page with the video, a timeline and all figures, report.html, here; of "
        "several sources into a folder each, with the source's name",
    )
    parser.add_argument("--show", action="store_true", help="show the result in a window as well")


def _add_span_arguments(parser: argparse.ArgumentParser) -> None:
    for name, what in (("start", "begin"), ("end", "end")):
        parser.add_argument(
            f"--{name}", type=time_s, metavar="SECONDS", help=f"{what} at this time of the source"
        )
    parser.add_argument(
        "--stride", type=positive, default=1, metavar="N", help="take every N-th frame only"
    )
    parser.add_argument("--max_frames", type=positive, metavar="N", help="stop after N frames")
    parser.add_argument(
        "--image_fps",
        type=frame_rate,
        default=25.0,
        metavar="FPS",
        help="frames per second of images and raw frames (default: %(default)s)",
    )
    parser.add_argument(
        "--raw_size",
        type=size_wh,
        metavar="WIDTHxHEIGHT",
        help="SOURCE, mostly -, holds frames without any header, of this size",
    )
    parser.add_argument(
        "--raw_pixels",
        default="bgr24",
        metavar="NAME",
        help="FFmpeg's name of their pixel format (default: %(default)s)",
    )


def _add_original_look(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--process_original",
        type=boolean,
        metavar="True|False",
        help="draw boxes on the frames themselves, or on their masks, and nothing else "
        "(default with --video_file: True)",
    )
