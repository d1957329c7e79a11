"""``vssn train-flownets``: train the flow network on moved stills and real clips."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_training_output_arguments,
    positive,
    print_epochs,
    training_reporter,
)

if TYPE_CHECKING:
    import keras

    from vssn.data.stills import Still
    from vssn.training.flow import FlowTask
    from vssn.training.probability_cache import CachedProbabilities
    from vssn.training.propagation import PropagationTask
    from vssn.training.propagation_validation import PropagationEvaluator


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
    _add_task_arguments(parser)
    _add_length_arguments(parser)
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")
    add_training_output_arguments(parser, Path("dvs_net_flownets_checkpoints/finetune"))


def _add_length_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive, default=30, help="(default: %(default)s)")
    parser.add_argument(
        "--steps_per_epoch", type=positive, help="(default: 200, and 100 with --task)"
    )
    parser.add_argument(
        "--batch_size", type=positive, help="pairs, default 8, or with --task chains, default 4"
    )


def _add_task_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task",
        action="store_true",
        help="the second phase: learn flow and scale so that propagated probabilities are right, "
        "and keep the network that does best on val/ of --data_dir, a fully labelled video",
    )
    parser.add_argument(
        "--start_weights",
        metavar="PATH",
        help="flow network checkpoint to start from (default: fresh weights)",
    )
    parser.add_argument(
        "--segnet_chkpt",
        metavar="PATH",
        help="with --task, the segmentation network whose scores are carried "
        "(default: resnet50_segnet_model)",
    )
    parser.add_argument(
        "--scores_dir",
        type=Path,
        metavar="PATH",
        help="with --task, where its scores of the frames are kept, to use them again "
        "(default: nowhere)",
    )


def run(args: argparse.Namespace) -> int:
    """Train, keeping the best model by end-point error, or by mean IoU with ``--task``."""
    from vssn.runtime.startup import start_tensorflow
    from vssn.training.loop import LoopConfig, train

    _check_arguments(args)
    start_tensorflow()
    task, fingerprint = (_propagation_task if args.task else _flow_task)(args)
    config = LoopConfig(args.epochs, args.save_dir, 1, args.resume, fingerprint)
    print_epochs(train(task, config, training_reporter(args.quiet)), config.directory, args.epochs)
    return 0


def _check_arguments(args: argparse.Namespace) -> None:
    from vssn.data.clips import iter_clip
    from vssn.errors import BadInputError

    for name in ("segnet_chkpt", "scores_dir"):
        if getattr(args, name) and not args.task:
            raise BadInputError(
                f"--{name} without --task", "both, as only that looks at scores", "add --task"
            )
    # What is wrong with a clip is told before the minutes that the others take.
    for path in args.clips:
        next(iter_clip(path), None)


def _model(args: argparse.Namespace) -> keras.Model:
    import keras

    from vssn.checkpoints.tf1 import load_flownets
    from vssn.models.flownets import build_flownets

    keras.utils.set_random_seed(args.seed)
    model = build_flownets()
    if args.start_weights and not args.resume:
        load_flownets(model, args.start_weights)
    return model


def _chosen(args: argparse.Namespace) -> dict[str, int]:
    """What was chosen of the recipe; the rest is as it says itself."""
    names = ("batch_size", "steps_per_epoch", "seed")
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def _sources(args: argparse.Namespace) -> dict[str, object]:
    """What the fingerprint holds beside the recipe."""
    return {
        "clips": [clip.name for clip in args.clips],
        "start": str(args.start_weights or "fresh weights"),
    }


def _flow_task(args: argparse.Namespace) -> tuple[FlowTask, str]:
    import numpy as np

    from vssn.data.stills import list_stills
    from vssn.training.clip_pairs import PseudoLabelledClip
    from vssn.training.flow import FlowRecipe, FlowTask

    model = _model(args)
    stills = list_stills(args.data_dir, "train")
    recipe = FlowRecipe(**_chosen(args))
    rng = np.random.default_rng(recipe.seed)
    clips = [
        PseudoLabelledClip(path, recipe.clip_pairs, recipe.max_distance, rng) for path in args.clips
    ]
    task = FlowTask(model, stills, clips, recipe, args.epochs)
    return task, recipe.fingerprint(args.epochs, **_sources(args))


def _propagation_task(args: argparse.Namespace) -> tuple[PropagationTask, str]:
    import numpy as np

    from vssn.data.stills import list_stills
    from vssn.training.propagation import PropagationRecipe, PropagationTask
    from vssn.training.synthetic_chains import SegmentedStill
    from vssn.training.video_chains import VideoChains

    recipe = PropagationRecipe(**_chosen(args))
    model = _model(args)
    stills, val = (list_stills(args.data_dir, split) for split in ("train", "val"))
    probabilities, segnet = _probabilities(args)
    evaluator = _evaluator(val, probabilities)
    scored = [SegmentedStill.load(still, probabilities) for still in stills]
    rng = np.random.default_rng(recipe.seed)
    count, steps = recipe.clip_chains, recipe.chain_steps
    clips = [VideoChains(path, count, steps, probabilities, rng) for path in args.clips]
    task = PropagationTask(model, scored, clips, evaluator, recipe, args.epochs)
    return task, recipe.fingerprint(args.epochs, **_sources(args), segnet_sha256=segnet)


def _probabilities(args: argparse.Namespace) -> tuple[CachedProbabilities, str]:
    """The segmentation network's scores, and the SHA-256 of its weights."""
    from vssn.checkpoints.locate import locate_segnet, sha256_of
    from vssn.networks import RuntimeOptions
    from vssn.runtime.load import load_segmentation
    from vssn.training.probability_cache import CachedProbabilities

    path = locate_segnet(args.segnet_chkpt)
    (sha256,) = sha256_of([path]).values()
    network = load_segmentation(path, options=RuntimeOptions(precision="f32"))
    return CachedProbabilities(network, sha256, args.scores_dir), sha256


def _evaluator(val: list[Still], probabilities: CachedProbabilities) -> PropagationEvaluator:
    from vssn.training.propagation_validation import PropagationEvaluator

    frames, labels = zip(*(still.load_bgr() for still in val), strict=True)
    return PropagationEvaluator(frames, labels, [probabilities(frame) for frame in frames])
