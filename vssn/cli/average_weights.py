"""``vssn average-weights``: one network from several trainings of it."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare input and output."""
    parser.add_argument(
        "weights",
        nargs="+",
        metavar="PATH",
        help="Keras weights of ResNet50-SegNet, or their folders, from trainings that started "
        "from one another; a file named twice counts twice",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help=".h5 to write")


def run(args: argparse.Namespace) -> int:
    """Average and name the file written."""
    from vssn.checkpoints.locate import KERAS_SUFFIXES, locate_segnet
    from vssn.checkpoints.segnet_weights import average_segnet_weights

    paths = [locate_segnet(path, KERAS_SUFFIXES) for path in args.weights]
    average_segnet_weights(paths, args.output)
    print(f"{args.output}: the mean of {len(args.weights)} files")
    return 0
