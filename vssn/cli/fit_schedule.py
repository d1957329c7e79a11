"""``vssn fit-schedule``: fit the confidence prediction to a segmentation network."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_quiet_argument,
    add_runtime_arguments,
    add_segmenter_argument,
    runtime_options,
)
from vssn.cli.printing import progress
from vssn.cli.values import positive
from vssn.config import DEFAULT_SEGMENTER
from vssn.types import FlowMethod, Propagate, Propagation

if TYPE_CHECKING:
    from vssn.networks import FlowNetwork

# FlowNetS from the key frame has the decision network.
FITTED = (
    Propagation(FlowMethod.DIS, Propagate.CHAIN),
    Propagation(FlowMethod.DIS, Propagate.KEY),
    Propagation(FlowMethod.FLOWNETS, Propagate.CHAIN),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare clips and weights."""
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="+",
        required=True,
        metavar="PATH",
        help="videos to fit on, without labels: files, or folders of frames",
    )
    parser.add_argument(
        "--frames",
        type=positive,
        default=200,
        metavar="N",
        help="to take of each clip at most (default: %(default)s)",
    )
    add_segmenter_argument(
        parser,
        f"the network, beside whose weights the fit goes (default: {DEFAULT_SEGMENTER})",
    )
    parser.add_argument("--dvs_flownet_chkpt", metavar="PATH", help="flow network")
    add_runtime_arguments(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Segment the clips, propagate over them in every way, and write what was measured."""
    from vssn.checkpoints.confidence_fit import write_fits
    from vssn.checkpoints.locate import FLOWNETS_FOLDER, locate_segnet, locate_tf1
    from vssn.data.clips import iter_clip
    from vssn.files import check_writable
    from vssn.flow.dis import DISFlow
    from vssn.runtime.load import load_flow, load_segmentation
    from vssn.training.confidence_fit import ConfidenceFitter

    segnet = locate_segnet(args.segmenter or DEFAULT_SEGMENTER)
    flownets = locate_tf1(args.dvs_flownet_chkpt, FLOWNETS_FOLDER)
    check_writable(segnet.parent)
    options = runtime_options(args)
    by_method: dict[FlowMethod, FlowNetwork] = {
        FlowMethod.DIS: DISFlow(),
        FlowMethod.FLOWNETS: load_flow(flownets, options=options),
    }
    flows = {way: by_method[way.flow] for way in FITTED}
    fitter = ConfidenceFitter(load_segmentation(segnet, options=options), flows)
    for path in progress(args.clips, len(args.clips), args.quiet, unit="clip"):
        fitter.add_clip(path, islice(iter_clip(path), args.frames))
    fits = fitter.fits()
    for name, fit in fits.items():
        print(
            f"{name}: {fit.flicker:.1f} points lost between neighbouring frames, and "
            f"{fit.rate:.2f} more where the motion is 1 % of the width"
        )
    print(f"written: {write_fits(segnet, fits)}")
    return 0
