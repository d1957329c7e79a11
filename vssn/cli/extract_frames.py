"""``vssn extract-frames``: a video's frames as images, in the 30 fps layout's naming."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.options import add_quiet_argument
from vssn.cli.printing import progress
from vssn.cli.values import positive

EXIT_TRUNCATED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare video and output."""
    parser.add_argument(
        "--video_file", required=True, help="a video, a URL, a camera's number, or - for a pipe"
    )
    parser.add_argument(
        "--save_dir", type=Path, required=True, help="folder for PREFIX_000000.png and so on"
    )
    parser.add_argument("--prefix", help="(default: the video's name)")
    parser.add_argument("--num_steps", type=positive, metavar="N", help="stop after N frames")
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write the frames."""
    from vssn.files import child_path, file_lock, make_directory
    from vssn.media.images import write_image
    from vssn.media.video import VideoSource

    prefix = args.prefix or Path(args.video_file).stem.replace(" ", "_")
    count = 0
    child_path(args.save_dir, f"{prefix}_{count:06d}.png")  # told before the video is opened
    with VideoSource(args.video_file, max_frames=args.num_steps) as source:
        pattern = child_path(make_directory(args.save_dir), f"{prefix}_%06d.png")
        with file_lock(pattern):
            frames = progress(source, source.info.total_frames, args.quiet)
            for count, frame in enumerate(frames, 1):
                write_image(pattern.with_name(f"{prefix}_{count - 1:06d}.png"), frame)
    print(f"{args.save_dir}: {count} frames")
    return EXIT_TRUNCATED if source.truncated else 0
