"""``vssn fit-schedule``: make targets mean what they say, for a segmentation network."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_quiet_argument,
    add_runtime_arguments,
    positive,
    progress,
    runtime_options,
)
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
        help="video without labels to fit on: files, or folders of frames",
    )
    parser.add_argument(
        "--frames",
        type=positive,
        default=200,
        metavar="N",
        help="to take of each clip at most (default: %(default)s)",
    )
    parser.add_argument(
        "--segnet_chkpt", metavar="PATH", help="segmentation network; the fit is put beside it"
    )
    parser.add_argument("--dvs_flownet_chkpt", metavar="PATH", help="flow network")
    add_runtime_arguments(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Segment the clips, carry over them in every way, and write what was seen."""
    from vssn.checkpoints.confidence_fit import fits_path, write_fits
    from vssn.checkpoints.locate import FLOWNETS_FOLDER, locate_segnet, locate_tf1
    from vssn.data.clips import iter_clip
    from vssn.evaluation.cached_networks import CachedFlow, CachedSegmentation
    from vssn.files import check_writable
    from vssn.flow.dis import DISFlow
    from vssn.runtime.load import load_flow, load_segmentation
    from vssn.training.confidence_fit import ConfidenceFitter

    segnet = locate_segnet(args.segnet_chkpt)
    flownets = locate_tf1(args.dvs_flownet_chkpt, FLOWNETS_FOLDER)
    check_writable(segnet.parent)
    options = runtime_options(args)
    flows: dict[FlowMethod, FlowNetwork] = {
        FlowMethod.DIS: DISFlow(),
        FlowMethod.FLOWNETS: load_flow(flownets, options=options),
    }
    network = CachedSegmentation(load_segmentation(segnet, options=options))
    clips = [list(islice(iter_clip(path), args.frames)) for path in args.clips]
    fits = {}
    for way in progress(FITTED, len(FITTED), args.quiet, unit="fit"):
        flow = CachedFlow(flows[way.flow])
        fits[way.name] = fit = ConfidenceFitter(clips, network, flow, way.propagate).fit()
        print(f"{way.name}: {fit.rate:.1f} points lost along a path of 1 % of the width")
    write_fits(fits_path(segnet), fits)
    print(f"written: {fits_path(segnet)}")
    return 0
