"""``vssn synthetic-video``: short videos made of labelled stills, and the list of their pairs."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.options import add_quiet_argument
from vssn.cli.printing import progress
from vssn.cli.values import seed

LIST_FILE = "pairs.txt"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare stills and output."""
    parser.add_argument(
        "--data_dir", type=Path, required=True, help="data set in the stills layout"
    )
    parser.add_argument("--split", default="train", help="(default: %(default)s)")
    parser.add_argument(
        "--save_dir",
        type=Path,
        required=True,
        help=f"where three frames a still go, and {LIST_FILE} for vssn features",
    )
    parser.add_argument("--seed", type=seed, default=1, help="(default: %(default)s)")
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Write frames and list."""
    from vssn.data.lists import write_list
    from vssn.data.stills import list_stills
    from vssn.files import folder_lock, make_directory
    from vssn.training.synthetic_video import write_synthetic_video

    stills = list_stills(args.data_dir, args.split)
    entries = []
    path = make_directory(args.save_dir) / LIST_FILE
    with folder_lock(args.save_dir):
        for index, still in enumerate(progress(stills, len(stills), args.quiet, unit="still")):
            entries += write_synthetic_video(still, args.save_dir, (args.seed, index))
        count = write_list(path, entries)
    print(f"{path}: {count} pairs of frames of {len(stills)} stills")
    return 0
