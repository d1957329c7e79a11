"""``vssn features``: make the decision network's training data from pairs of frames."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_preset_argument,
    add_quiet_argument,
    add_runtime_arguments,
    runtime_options,
)
from vssn.cli.printing import progress
from vssn.cli.values import positive, share
from vssn.files import check_writable

if TYPE_CHECKING:
    from vssn.training.features import FramePair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags."""
    parser.add_argument("--data_dir", type=Path, default=Path("camvid_30_fps"))
    parser.add_argument(
        "--data_list",
        type=Path,
        help="list file; of each line the first frame is the key frame, the second the current "
        "one (default: list/train_file_list.txt)",
    )
    parser.add_argument("--num_steps", type=positive, metavar="N", help="lines to process")
    parser.add_argument(
        "--save_dir",
        type=Path,
        default=Path("generated_features_resnet_segnet/train"),
        help="where X.npy and Y.npy go (default: %(default)s)",
    )
    parser.add_argument(
        "--clip",
        type=share,
        default=0.0,
        help="drop pairs whose agreement, 0-1, is not above this (default: %(default)s)",
    )
    parser.add_argument(
        "--restore_from_seg", metavar="PATH", help="segmentation network (default: its folder)"
    )
    parser.add_argument(
        "--restore_from_flownet", metavar="PATH", help="flow network (default: its folder)"
    )
    add_preset_argument(parser)
    add_runtime_arguments(parser)
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate the pairs; an interrupted run can be continued."""
    from vssn.checkpoints.locate import (
        FLOWNETS_FOLDER,
        locate_segnet,
        locate_tf1,
        sha256_of,
        weights_files,
    )
    from vssn.original.preset import PRESETS
    from vssn.runtime.load import load_flow, load_segmentation
    from vssn.training.features import FeatureWriter, PairEvaluator, generate_features

    check_writable(args.save_dir)
    preset, pairs = PRESETS[args.preset], _pairs(args)
    segnet = locate_segnet(args.restore_from_seg)
    flownets = locate_tf1(args.restore_from_flownet, FLOWNETS_FOLDER)
    digests = sha256_of([*weights_files(segnet), *weights_files(flownets)])
    settings = {
        "preset": args.preset,
        "runtime": args.runtime,
        "precision": args.precision,
        "weights_sha256": _digest(digests.values()),
        "pairs_sha256": _digest(f"{pair.key} {pair.current}" for pair in pairs),
    }
    options = runtime_options(args)
    segmentation = load_segmentation(segnet, preset.conventions, options)
    flow = load_flow(flownets, preset.conventions, options)
    evaluator = PairEvaluator(segmentation, flow, preset.rules, preset.warped)
    with FeatureWriter(args.save_dir, settings, args.clip) as writer:
        if writer.done:
            print(f"going on after {writer.done} of {len(pairs)} pairs")
        steps = generate_features(pairs, evaluator.evaluate, writer)
        for _ in progress(steps, len(pairs) - writer.done, args.quiet, unit="pair"):
            pass
        print(f"{args.save_dir}: X.npy and Y.npy with {writer.finish()} of {len(pairs)} pairs")
    return 0


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()


def _pairs(args: argparse.Namespace) -> list[FramePair]:
    from vssn.data.dataset import existing
    from vssn.data.lists import default_list, read_list
    from vssn.training.features import FramePair

    entries = read_list(args.data_list or default_list("train"))[: args.num_steps]
    return [
        FramePair(existing(args.data_dir, entry.frame), existing(args.data_dir, entry.labelled))
        for entry in entries
    ]
