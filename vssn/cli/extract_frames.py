"""``vssn extract-frames``: a video's frames as images, in the 30 fps layout's naming."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.options import add_quiet_argument, positive, progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare video and output."""
    parser.add_argument("--video_file", type=Path, required=True, help="any video FFmpeg reads")
    parser.add_argument(
        "--save_dir", type=Path, required=True, help="folder for PREFIX_000000.png and so on"
    )
    parser.add_argument("--prefix", help="(default: the video's name)")
    parser.add_argument("--num_steps", type=positive, metavar="N", help="stop after N frames")
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the frames."""
    from itertools import islice

    from vssn.files import make_directory
    from vssn.media.images import write_image
    from vssn.media.video import VideoSource

    prefix = args.prefix or args.video_file.stem.replace(" ", "_")
    count = 0
    with VideoSource(args.video_file) as source:
        make_directory(args.save_dir)
        frames = islice(source, args.num_steps)
        for count, frame in enumerate(progress(frames, source.info.total_frames, args.quiet), 1):
            write_image(args.save_dir / f"{prefix}_{count - 1:06d}.png", frame)
    print(f"{args.save_dir}: {count} frames")
    return 0
