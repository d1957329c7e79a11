"""Flags and output that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2

from vssn.cli.values import frame_rate, milliseconds, percent, share, whole
from vssn.config import (
    DEFAULT_SEGMENTER,
    DEFAULT_TARGET,
    LIGHT_TARGET,
    PRESET_NAMES,
    PROFILES,
    SegmenterConfig,
)
from vssn.models.architectures import RESNET50_SEGNET, SEGMENTER_NAMES
from vssn.networks import MAX_THREADS, SCALES, RuntimeOptions
from vssn.scene.export import MASK_KINDS
from vssn.streaming.regions import DEFAULT_OVERLAP_PX
from vssn.types import FlowMethod, Propagate

MAX_WHOLE = (1 << 31) - 1
MAX_OVERLAP_PX = 1 << 14
MAX_SHOWN = 40


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoints, the target, and how frames are split, warped and decided upon."""
    add_schedule_arguments(parser)
    parser.add_argument(
        "--fps",
        type=frame_rate,
        help="keep this pace in the segmenter instead, segmenting where the confidence is lowest",
    )
    parser.add_argument(
        "--budget_ms", type=milliseconds, metavar="MS", help="the same, by time per frame"
    )
    add_checkpoint_arguments(parser)
    add_propagation_arguments(parser)
    add_segmenter_arguments(parser)
    add_runtime_arguments(parser)


def add_schedule_arguments(parser: argparse.ArgumentParser) -> None:
    """When frames are segmented, and profiles, which say so too."""
    parser.add_argument(
        "--profile",
        choices=list(PROFILES),
        help="network, flow, schedule and target together, which the other flags change: accurate, "
        "balanced, fast, or the original's scheme",
    )
    parser.add_argument(
        "--target",
        type=percent,
        help="predicted confidence, 0-100, below which a frame is segmented: near 100 slow, "
        f"80 fast (default: {LIGHT_TARGET:g} with the light network, else {DEFAULT_TARGET:g})",
    )
    parser.add_argument(
        "--schedule",
        metavar="NAME",
        help="what decides: confidence, decision, always, or fixed:K for every K-th frame "
        "(default: confidence)",
    )


def add_checkpoint_arguments(parser: argparse.ArgumentParser) -> None:
    """The networks' weights."""
    add_segmenter_argument(
        parser,
        f"the segmentation network (default: the profile's, or {DEFAULT_SEGMENTER}; of the "
        f"original's scripts {RESNET50_SEGNET.option})",
    )
    parser.add_argument(
        "--dvs_flownet_chkpt",
        metavar="PATH",
        help="checkpoint for --flow flownets (default: dvs_net_flownets_checkpoints)",
    )
    parser.add_argument(
        "--decision_chkpt",
        metavar="PATH",
        help="decision network checkpoint, for --flow flownets with --propagate key (default: "
        "decision_network_checkpoints)",
    )


def add_segmenter_argument(parser: argparse.ArgumentParser, what: str) -> None:
    """The segmentation network, by its name or by its weights."""
    parser.add_argument(
        "--segmenter",
        "--segnet_chkpt",
        dest="segmenter",
        metavar="NAME|PATH",
        help=f"{what}: {', '.join(SEGMENTER_NAMES)} (of both), or weights' file or folder",
    )


def add_propagation_arguments(parser: argparse.ArgumentParser) -> None:
    """How results get from frame to frame."""
    parser.add_argument(
        "--flow",
        choices=[method.value for method in FlowMethod],
        help="find motion with OpenCV's DIS optical flow, which needs no weights, or with FlowNetS "
        "(default: dis; flownets with --dvs_flownet_chkpt, --decision_chkpt or --preset original)",
    )
    parser.add_argument(
        "--propagate",
        choices=[reference.value for reference in Propagate],
        help="warp results from the frame before, or from the key frame (default: chain; key with "
        "flownets, as its decision network was trained for that)",
    )


def add_labelled_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where a video is whose every frame is labelled."""
    parser.add_argument(
        "--data_dir",
        type=Path,
        required=True,
        help="CamVid in the stills layout, whose split is one video with every frame labelled",
    )
    parser.add_argument("--split", default="val", help="(default: %(default)s)")


def add_runtime_arguments(
    parser: argparse.ArgumentParser, threads: str = "with (default: one per core)"
) -> None:
    """What runs the networks.

    Args:
        parser: gets the flags.
        threads: what is computed with the threads, and how many they are by default.
    """
    parser.add_argument(
        "--runtime",
        choices=["auto", "tensorflow", "openvino"],
        default="auto",
        help="auto takes openvino, and tensorflow for --preset original (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "f32", "bf16", "int8"],
        default="auto",
        help="auto takes the fastest that the processor and the weights are fit for "
        "(default: %(default)s)",
    )
    for end, what in (("input", "placeholder"), ("output", "softmax")):
        parser.add_argument(
            f"--graph_{end}",
            metavar="NAME",
            help=f"name of the {what} in a .pb, where it can't be told from the graph",
        )
    add_machine_arguments(parser, threads)


def add_machine_arguments(
    parser: argparse.ArgumentParser, threads: str = "with (default: one per core)"
) -> None:
    """What of the machine is computed on; see :func:`add_runtime_arguments`."""
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "gpu"],
        default="auto",
        help="auto takes a GPU where the runtime finds one (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=whole(1, MAX_THREADS),
        metavar="N",
        help=f"to compute {threads}",
    )


def runtime_options(args: argparse.Namespace) -> RuntimeOptions:
    """What :func:`add_runtime_arguments` asked for."""
    return RuntimeOptions(
        *(args.runtime, args.precision, args.threads, args.graph_input, args.graph_output),
        args.device,
    )


def add_preset_argument(parser: argparse.ArgumentParser) -> None:
    """Ours, or the original's rules."""
    parser.add_argument(
        "--preset",
        choices=PRESET_NAMES,
        default="vssn",
        help="original repeats what the original scripts do, faults included, to compare with old "
        "results (default: %(default)s)",
    )


def add_segmenter_arguments(parser: argparse.ArgumentParser) -> None:
    """Preset, regions and the moving target."""
    add_preset_argument(parser)
    parser.add_argument(
        "--regions",
        metavar="ROWSxCOLUMNS",
        help="split frames into overlapping regions, such as 2x2, segmented or warped each on its "
        "own; steps are then counted by region (default: none)",
    )
    parser.add_argument(
        "--overlap",
        type=whole(0, MAX_OVERLAP_PX),
        default=DEFAULT_OVERLAP_PX,
        metavar="PX",
        help="how far a region reaches beyond its part of the frame, a multiple of 8 "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--dynamic",
        action="store_true",
        help="lower the target by 1 when a frame or region is segmented, raise it by 0.1 when it "
        "is warped",
    )
    add_blend_argument(parser)
    add_scales_argument(parser)


def add_scales_argument(parser: argparse.ArgumentParser) -> None:
    """At how many sizes frames are segmented."""
    parser.add_argument(
        "--scales",
        type=whole(SCALES[0], SCALES[-1]),
        metavar="{1,2}",
        help="2 segments a frame's four quarters, which overlap, besides the whole: more accurate, "
        "at five times the time of a segmented frame (default: 1; 2 with --profile accurate)",
    )


def add_blend_argument(parser: argparse.ArgumentParser) -> None:
    """How much of what is propagated goes into segmented frames."""
    parser.add_argument(
        "--blend",
        type=share,
        default=0.0,
        metavar="WEIGHT",
        help="blend segmented frames with the result propagated to them, in proportion to how well "
        "both agree: 0.5 with --target 100 is steadier and a little better than each frame by "
        "itself, at one optical flow more (default: 0)",
    )


# By the attribute of SegmenterConfig; each command declares some of them.
SETTINGS = {
    "flownets": "dvs_flownet_chkpt",
    "decision": "decision_chkpt",
    **{
        name: name
        for name in (
            *("segmenter", "target", "fps", "budget_ms", "schedule", "flow", "propagate"),
            *("dynamic", "blend", "regions", "overlap", "preset", "scales"),
            *("runtime", "device", "precision", "threads", "graph_input", "graph_output"),
        )
    },
}
# Flags of arguments whose Python name is another one.
FLAGS = {name: f"--{flag}" for name, flag in SETTINGS.items() if name != flag}


def segmenter_config(args: argparse.Namespace) -> SegmenterConfig:
    """What the network flags asked for, as far as the command has them.

    Raises:
        BadInputError: there is no such target.
    """
    if args.threads is not None:
        cv2.setNumThreads(args.threads)  # of DIS, warping and labels; for this process alone
    given = {name: value for name, value in vars(args).items() if value is not None}
    changes = {name: given[flag] for name, flag in SETTINGS.items() if flag in given}
    config = SegmenterConfig(segmenter=given.get("default_segmenter"))
    return config.changed({"profile": given.get("profile"), **changes})


def add_mask_kind_argument(parser: argparse.ArgumentParser, default: str) -> None:
    """What the numbers in masks mean."""
    parser.add_argument(
        "--mask_kind",
        choices=MASK_KINDS,
        default=default,
        help="what masks hold: class indices shown in colours, colours, Cityscapes' label ids or "
        "its training ids (default: %(default)s)",
    )


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Summary file and quietness."""
    parser.add_argument("--summary", type=Path, metavar="FILE.json", help="write the figures here")
    add_quiet_argument(parser)


def add_quiet_argument(parser: argparse.ArgumentParser) -> None:
    """Quietness."""
    parser.add_argument("--quiet", action="store_true", help="print only the result and warnings")


def add_training_output_arguments(
    parser: argparse.ArgumentParser, save_dir: Path | None, default: str = "%(default)s"
) -> None:
    """Where a training keeps what it makes, whether it goes on from there, and quietness."""
    parser.add_argument(
        "--save_dir",
        type=Path,
        default=save_dir,
        help=f"where models, log and plots go (default: {default})",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the interrupted training in --save_dir"
    )
    add_quiet_argument(parser)
