"""``vssn propagation``: how well results survive being carried over k frames."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_output_arguments,
    add_runtime_arguments,
    check_summary,
    positive,
    runtime_options,
    write_summary,
)

if TYPE_CHECKING:
    from vssn.datatypes import Float32Array, UInt8Array

COPYING = "copied"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data and weights."""
    parser.add_argument(
        "--data_dir",
        type=Path,
        required=True,
        help="CamVid in the stills layout, whose split is one video with every frame labelled",
    )
    parser.add_argument("--split", default="val", help="(default: %(default)s)")
    parser.add_argument(
        "--distances",
        type=positive,
        nargs="+",
        default=list(range(1, 9)),
        metavar="K",
        help="frames between key and current frame (default: 1 to 8)",
    )
    parser.add_argument(
        "--carry",
        choices=["labels", "predictions"],
        default="labels",
        help="the true labels of the key frame, or its predicted scores (default: %(default)s)",
    )
    parser.add_argument("--segnet_chkpt", metavar="PATH", help="for --carry predictions")
    parser.add_argument("--dvs_flownet_chkpt", metavar="PATH", help="flow network checkpoint")
    add_runtime_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print the mean IoU by distance for copying, FlowNetS and OpenCV's DIS."""
    from vssn.checkpoints.locate import FLOWNETS_FOLDER, locate_tf1
    from vssn.evaluation.dataset import finite_or_none
    from vssn.evaluation.propagation import (
        copying,
        dis_carrier,
        flow_carrier,
        propagation_table,
    )
    from vssn.preprocess import FLOW_INPUT_HW
    from vssn.runtime.load import load_flow

    check_summary(args.summary)
    frames, labels = _video(args)
    path = locate_tf1(args.dvs_flownet_chkpt, FLOWNETS_FOLDER)
    network = load_flow(path, options=runtime_options(args))
    scores = _scores(args, frames, labels)
    carriers = {
        COPYING: copying,
        "FlowNetS": flow_carrier(network, frames),
        "DIS medium": dis_carrier(frames, FLOW_INPUT_HW),
    }
    table = propagation_table(scores, labels, args.distances, carriers)
    _print(table, args.distances)
    finite = {
        name: {k: finite_or_none(value) for k, value in row.items()} for name, row in table.items()
    }
    write_summary(args.summary, {"carried": args.carry, "mean_iou": finite})
    return 0


def _video(args: argparse.Namespace) -> tuple[list[UInt8Array], list[UInt8Array]]:
    from vssn.errors import BadInputError
    from vssn.training.stills import list_stills

    stills = list_stills(args.data_dir, args.split)
    if max(args.distances) >= len(stills):
        raise BadInputError(
            f"--distances up to {max(args.distances)}",
            f"less than the video's {len(stills)} frames",
            "name smaller ones",
        )
    loaded = [still.load_bgr() for still in stills]
    return [image for image, _ in loaded], [label for _, label in loaded]


def _scores(
    args: argparse.Namespace, frames: list[UInt8Array], labels: list[UInt8Array]
) -> list[Float32Array]:
    if args.carry == "labels":
        from vssn.evaluation.propagation import one_hot_scores

        return [one_hot_scores(label) for label in labels]
    from vssn.checkpoints.locate import locate_segnet
    from vssn.runtime.load import load_segmentation

    network = load_segmentation(locate_segnet(args.segnet_chkpt), options=runtime_options(args))
    return [network.scores(frame) for frame in frames]


def _print(table: dict[str, dict[int, float]], distances: list[int]) -> None:
    print("mean IoU at distance".ljust(22) + "".join(f"{k:>8}" for k in distances))
    for name, row in table.items():
        print(name.ljust(22) + "".join(f"{row[k]:8.3f}" for k in distances))
