"""Flags and output that several commands share."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from vssn.config import (
    DEFAULT_SEGMENTER,
    DEFAULT_TARGET,
    PRESET_NAMES,
    PROFILES,
    SegmenterConfig,
)
from vssn.errors import MediaError
from vssn.files import check_writable, is_dir, is_special, make_directory, write_text
from vssn.models.architectures import SEGMENTER_NAMES
from vssn.networks import MAX_THREADS, RuntimeOptions
from vssn.scene.export import MASK_KINDS
from vssn.streaming.regions import DEFAULT_OVERLAP_PX
from vssn.training.progress import LOG_FILE, NOT_CURVES, Metrics, Progress
from vssn.training.settings import MAX_SEED
from vssn.types import FlowMethod, Propagate

MAX_WHOLE = (1 << 31) - 1
MAX_OVERLAP_PX = 1 << 14
MAX_SHOWN = 40


def boolean(text: str) -> bool:
    """Parse the original's ``True`` and ``False``, in any case."""
    values = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in values:
        raise argparse.ArgumentTypeError(f"'{text}' is neither True nor False")
    return values[text.lower()]


def directory_or_none(text: str) -> Path | None:
    """Parse a directory, or ``none`` for saving nothing."""
    return None if text.lower() == "none" else Path(text)


def whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers.

    Args:
        least: the smallest of them.
        most: the largest.
    """

    def parse(text: str) -> int:
        is_number = re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip(), re.ASCII)
        if not is_number or not least <= int(text) <= most:
            shown = text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
            raise argparse.ArgumentTypeError(f"'{shown}' is no whole number from {least} to {most}")
        return int(text)

    return parse


positive = whole(1, MAX_WHOLE)
seed = whole(0, MAX_SEED)


def number(text: str) -> float:
    """Parse a number; neither NaN nor an infinity."""
    value = float(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is no finite number")
    return value


def percent(text: str) -> float:
    """Parse a number from 0 to 100."""
    value = number(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"'{text}' is not from 0 to 100")
    return value


def positive_number(text: str) -> float:
    """Parse a number above 0."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"'{text}' is not above 0")
    return value


def share(text: str) -> float:
    """Parse a number from 0 up to, and without, 1."""
    value = number(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not from 0 to below 1")
    return value


def size_wh(text: str) -> tuple[int, int]:
    """Parse a size such as 640x360."""
    sides = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", text.strip().lower(), re.ASCII)
    if not sides or "0" in sides.groups():
        raise argparse.ArgumentTypeError(f"'{text[:MAX_SHOWN]}' is no size such as 640x360")
    return int(sides[1]), int(sides[2])


def add_network_arguments(parser: argparse.ArgumentParser) -> None:
    """The checkpoints, the target, and how frames are split, warped and decided upon."""
    add_schedule_arguments(parser)
    parser.add_argument(
        "--fps",
        type=positive_number,
        help="keep this pace in the segmenter instead, segmenting where the confidence is lowest",
    )
    parser.add_argument(
        "--budget_ms", type=positive_number, metavar="MS", help="the same, by time per frame"
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
        f"80 fast (default: {DEFAULT_TARGET:g}, or the profile's)",
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
        parser, f"the segmentation network (default: {DEFAULT_SEGMENTER}, or the profile's)"
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
        help=f"{what}: {', '.join(SEGMENTER_NAMES)} (the mean of both), or weights, .h5, .keras or "
        ".pb, or their folder",
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


def add_blend_argument(parser: argparse.ArgumentParser) -> None:
    """How much of what is propagated goes into segmented frames."""
    parser.add_argument(
        "--blend",
        type=number,
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
            *("dynamic", "blend", "regions", "overlap", "preset"),
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
    return SegmenterConfig().changed({"profile": given.get("profile"), **changes})


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


def check_summary(path: Path | None) -> None:
    """Find out before the work, not after it, that the summary can't be written.

    Raises:
        MediaError: its folder can't be written to, or it is a folder itself.
    """
    if path is None:
        return
    if is_special(path):
        return
    if is_dir(path):
        raise MediaError(f"--summary '{path}'", "a file name", "name a file in that folder")
    check_writable(path.parent)


def write_summary(path: Path | None, summary: dict[str, Any]) -> None:
    """Write the figures as JSON, atomically."""
    if path is not None:
        if not is_special(path):
            make_directory(path.parent)
        write_text(path, json.dumps(summary, indent=2, allow_nan=False) + "\n", "summary")


def progress(items: Iterable[Any], total: int | None, quiet: bool, unit: str = "frame") -> Any:
    """A progress bar on a terminal, and nothing anywhere else."""
    return tqdm(items, total=total, unit=unit, disable=True if quiet else None, file=sys.stderr)


def print_epochs(epochs: Iterable[Metrics], directory: Path, total: int) -> None:
    """Print each epoch's metrics as it ends, and draw the curves at the end."""
    for metrics in epochs:
        shown = {name: value for name, value in metrics.items() if name not in NOT_CURVES}
        values = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
        print(f"epoch {metrics['epoch']}/{total}: {values}", flush=True)
    finish_training(directory)


def finish_training(directory: Path) -> None:
    """Draw the curves of a training's log beside it."""
    from vssn.evaluation.plots import plot_curves

    log = json.loads((directory / LOG_FILE).read_text())
    plot_curves(log["epochs"], directory / "training_curves.png", NOT_CURVES)


def training_reporter(quiet: bool) -> Callable[[Progress], None]:
    """A callback that shows the steps of a training with the time left."""
    bar = tqdm(disable=True if quiet else None, unit="step", file=sys.stderr)

    def report(progress: Progress) -> None:
        bar.total = progress.steps
        bar.n = progress.step
        minutes = progress.seconds_left / 60
        values = " ".join(f"{name} {value:.3f}" for name, value in progress.metrics.items())
        bar.set_description(f"epoch {progress.epoch + 1}/{progress.epochs}", refresh=False)
        bar.set_postfix_str(f"{values}, {minutes:.0f} min left")

    return report
