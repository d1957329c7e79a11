"""``vssn calibrate``: measure the ranges that int8 needs of the segmentation network."""

from __future__ import annotations

import argparse
from pathlib import Path

from vssn.cli.options import add_quiet_argument, positive


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
    parser.add_argument(
        "--segnet_chkpt",
        type=Path,
        default=Path("resnet50_segnet_model/resnet50_segnet.h5"),
        help="Keras weights, beside which the ranges go (default: %(default)s)",
    )
    parser.add_argument(
        "--images",
        type=positive,
        default=40,
        help="most images of a data set, evenly spread over it (default: %(default)s)",
    )
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate and name the file written."""
    from vssn.data.stills import list_stills
    from vssn.runtime.int8_ranges import calibrate_weights

    stills = []
    for folder in args.data_dir:
        every = list_stills(folder, "train")
        stills += every[:: -(-len(every) // args.images)]
    written = calibrate_weights(args.segnet_chkpt, [still.load_bgr()[0] for still in stills])
    print(f"{written}: int8 ranges from {len(stills)} images")
    return 0
