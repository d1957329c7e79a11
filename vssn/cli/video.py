"""``vssn video``: turn a video into one with objects boxed, named and, some, measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_network_arguments,
    add_output_arguments,
    boolean,
    check_summary,
    directory_or_none,
    number,
    positive_number,
    progress,
    segmenter_config,
    write_summary,
)
from vssn.files import check_writable

if TYPE_CHECKING:
    from vssn.scene.distance import Camera
    from vssn.types import VideoInfo

EXIT_TRUNCATED = 2
OUTPUT_NAMES = {True: "output-video-original.avi", False: "output-video-segmented.avi"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    parser.add_argument(
        "--video_file",
        default="01TP_extract.avi",
        help="a video, a folder or glob of images, a list of them (.txt), a camera's number, "
        "a URL, or - for a video on the standard input (default: %(default)s)",
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


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream."""
    from vssn.api import annotate_video
    from vssn.media.video import VideoSource
    from vssn.scene.annotate import Annotator

    check_summary(args.summary)
    if args.save_dir:
        check_writable(args.save_dir)
    config = segmenter_config(args)
    output = args.save_dir and args.save_dir / OUTPUT_NAMES[args.process_original]
    with VideoSource(args.video_file) as source:
        annotator = Annotator(source.info, args.process_original, _camera(args, source.info))
        with progress((), source.info.total_frames, args.quiet) as bar:
            done = annotate_video(
                source, output, config, annotator=annotator, on_result=lambda _: bar.update()
            )
    print("\n".join(done.statistics.lines()))
    if done.written_frames:
        print(f"{done.output}: {done.written_frames} frames")
    write_summary(args.summary, done.summary())
    return EXIT_TRUNCATED if done.truncated else 0


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
