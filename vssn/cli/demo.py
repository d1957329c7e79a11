"""``vssn demo``: the main job on a real street clip, with the shipped weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.data.demo import demo_clip


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
