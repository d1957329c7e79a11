"""``vssn train-flownets``: train the flow network on moved stills and real clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import add_quiet_argument, positive, print_epochs, training_reporter

if TYPE_CHECKING:
    from vssn.training.flow import FlowTask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data, length and output."""
    parser.add_argument(
        "--data_dir",
        type=Path,
        required=True,
        help="CamVid in the stills layout; its train/ is moved by a made-up camera",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="real video to learn from too: files, or folders of frames",
    )
    parser.add_argument("--epochs", type=positive, default=30, help="(default: %(default)s)")
    parser.add_argument(
        "--steps_per_epoch", type=positive, default=200, help="(default: %(default)s)"
    )
    parser.add_argument("--batch_size", type=positive, default=8, help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument(
        "--save_dir",
        type=Path,
        default=Path("dvs_net_flownets_checkpoints/finetune"),
        help="where checkpoint, log and plot go (default: %(default)s)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the interrupted training in --save_dir"
    )
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Train, keeping the best model by end-point error."""
    from vssn.training.loop import LoopConfig, train

    task, fingerprint = _task(args)
    config = LoopConfig(args.epochs, args.save_dir, 1, args.resume, fingerprint)
    print_epochs(train(task, config, training_reporter(args.quiet)), config.directory, args.epochs)
    return 0


def _task(args: argparse.Namespace) -> tuple[FlowTask, str]:
    import numpy as np

    from vssn.runtime.startup import start_tensorflow
    from vssn.training.stills import list_stills

    stills = list_stills(args.data_dir, "train")
    start_tensorflow()
    from vssn.training.clips import TaughtClip
    from vssn.training.flow import FlowRecipe, FlowTask

    recipe = FlowRecipe(
        batch_size=args.batch_size, steps_per_epoch=args.steps_per_epoch, seed=args.seed
    )
    rng = np.random.default_rng(recipe.seed)
    clips = [TaughtClip(path, recipe.clip_pairs, recipe.max_distance, rng) for path in args.clips]
    task = FlowTask(stills, clips, recipe, args.epochs)
    return task, recipe.fingerprint(args.epochs, [clip.name for clip in args.clips])
