"""``vssn evaluate-warp``: how well results are propagated over frames."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_labelled_video_arguments,
    add_output_arguments,
    add_runtime_arguments,
    add_segmenter_argument,
    runtime_options,
)
from vssn.cli.printing import check_summary, write_summary
from vssn.cli.values import positive
from vssn.types import Propagate

if TYPE_CHECKING:
    from vssn.evaluation.warp_evaluation import Mover
    from vssn.networks import FlowNetwork
    from vssn.types import Float32Array, UInt8Array

COPYING = "copied"
LARGE_HW = (360, 480)  # at which the ultrafast preset, as OpenCV has it, is compared


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data and weights."""
    add_labelled_video_arguments(parser)
    parser.add_argument(
        "--propagate",
        choices=[reference.value for reference in Propagate],
        default=Propagate.KEY.value,
        help="key: warp over K frames in one go, and evaluate the last; chain: segment every K-th "
        "frame, warp to the others from the frame before, and evaluate all (default: %(default)s)",
    )
    parser.add_argument(
        "--distances",
        type=positive,
        nargs="+",
        default=list(range(1, 9)),
        metavar="K",
        help="with key, frames between key and current frame (default: 1 to 8)",
    )
    parser.add_argument(
        "--intervals",
        type=positive,
        nargs="+",
        default=[1, 2, 3, 5, 10],
        metavar="K",
        help="with chain, frames from one key frame to the next (default: 1 2 3 5 10)",
    )
    parser.add_argument(
        "--warp",
        choices=["labels", "predictions"],
        default="labels",
        help="the true labels of key frames, or their predicted scores (default: %(default)s)",
    )
    add_segmenter_argument(parser, "for --warp predictions")
    parser.add_argument("--dvs_flownet_chkpt", metavar="PATH", help="flow network checkpoint")
    add_runtime_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the mean IoU for copying, FlowNetS and OpenCV's DIS."""
    from vssn.checkpoints.locate import FLOWNETS_FOLDER, locate_tf1
    from vssn.evaluation.dataset_evaluation import finite_or_none
    from vssn.evaluation.warp_evaluation import chained_iou, propagation_table, warped_iou
    from vssn.runtime.load import load_flow

    check_summary(args.summary)
    chained = args.propagate == Propagate.CHAIN.value
    frames, labels = _video(args)
    path = locate_tf1(args.dvs_flownet_chkpt, FLOWNETS_FOLDER)
    network = load_flow(path, options=runtime_options(args))
    probabilities = _probabilities(args, frames, labels)
    measure = partial(chained_iou if chained else warped_iou, probabilities, labels)
    steps = args.intervals if chained else args.distances
    table = propagation_table(measure, steps, _movers(network, frames))
    _print(table, "at interval" if chained else "at distance")
    finite = {
        name: {k: finite_or_none(value) for k, value in row.items()} for name, row in table.items()
    }
    described = {"warped": args.warp, "propagate": args.propagate}
    write_summary(args.summary, {**described, "mean_iou": finite})
    return 0


def _movers(flownets: FlowNetwork, frames: list[UInt8Array]) -> dict[str, Mover]:
    """The methods that are compared."""
    import cv2

    from vssn.evaluation.warp_evaluation import copying, flow_mover
    from vssn.flow.dis import DISFlow
    from vssn.preprocess import FLOW_INPUT_HW

    ultrafast, medium = (
        cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
        cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
    )
    methods = {
        "FlowNetS": flownets,
        "DIS": DISFlow(),
        "DIS ultrafast": DISFlow(ultrafast, LARGE_HW, None, None, None, 0),
        "DIS medium": DISFlow(medium, FLOW_INPUT_HW, None, None, None, 0),
    }
    movers = {name: flow_mover(method, frames) for name, method in methods.items()}
    return {COPYING: copying, **movers}


def _video(args: argparse.Namespace) -> tuple[list[UInt8Array], list[UInt8Array]]:
    from vssn.data.stills import list_stills
    from vssn.errors import BadInputError

    stills = list_stills(args.data_dir, args.split)
    chained = args.propagate == Propagate.CHAIN.value
    name, steps = ("intervals", args.intervals) if chained else ("distances", args.distances)
    if max(steps) >= len(stills):
        raise BadInputError(
            f"--{name} up to {max(steps)}",
            f"less than the video's {len(stills)} frames",
            "name smaller ones",
        )
    loaded = [still.load_bgr() for still in stills]
    return [image for image, _ in loaded], [label for _, label in loaded]


def _probabilities(
    args: argparse.Namespace, frames: list[UInt8Array], labels: list[UInt8Array]
) -> list[Float32Array]:
    if args.warp == "labels":
        from vssn.evaluation.warp_evaluation import one_hot_probabilities

        return [one_hot_probabilities(label) for label in labels]
    from vssn.checkpoints.locate import locate_segnet
    from vssn.runtime.load import load_segmentation

    network = load_segmentation(locate_segnet(args.segmenter), options=runtime_options(args))
    return [network.probabilities(frame) for frame in frames]


def _print(table: dict[str, dict[int, float]], what: str) -> None:
    print(f"mean IoU {what}".ljust(22) + "".join(f"{k:>8}" for k in table[COPYING]))
    for name, row in table.items():
        print(name.ljust(22) + "".join(f"{value:8.4f}" for value in row.values()))
