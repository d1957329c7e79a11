"""``vssn calibrate``: measure the ranges that int8 needs of the segmentation network."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.options import add_quiet_argument, add_segmenter_argument
from vssn.cli.values import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data and weights."""
    parser.add_argument(
        "--data_dir",
        type=Path,
        nargs="+",
        required=True,
        help="data sets in the stills layout, of each kind of camera that the network is for; only "
        "their train/ is looked at",
    )
    add_segmenter_argument(
        parser, "the segmentation network, beside whose Keras weights the ranges go"
    )
    parser.add_argument(
        "--images",
        type=positive,
        default=40,
        help="most images of a data set, evenly spread over it (default: %(default)s)",
    )
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Measure the ranges and name the file written."""
    from vssn.checkpoints.locate import KERAS_SUFFIXES, locate_segnet
    from vssn.data.stills import list_stills
    from vssn.runtime.int8_ranges import calibrate_weights

    weights = locate_segnet(args.segmenter, KERAS_SUFFIXES)
    stills = []
    for folder in args.data_dir:
        every = list_stills(folder, "train")
        stills += every[:: max(1, -(-len(every) // args.images))]
    written = calibrate_weights(weights, [still.load_bgr()[0] for still in stills])
    print(f"{written}: int8 ranges from {len(stills)} images")
    return 0
