"""``vssn train-flownets``: train the flow network on synthetic motion and real clips."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import add_segmenter_argument, add_training_output_arguments
from vssn.cli.printing import print_epochs, training_reporter
from vssn.cli.recipe_flags import add_phase_arguments, recipe_from_arguments
from vssn.cli.values import epochs
from vssn.training.recipes import FlowRecipe, PropagationRecipe

if TYPE_CHECKING:
    import keras

    from vssn.checkpoints.arrays import Weights
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
        help="CamVid in the stills layout; its train/ gets synthetic motion",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="*",
        default=[],
        metavar="PATH",
        help="real video to train on too: files, or folders of frames",
    )
    _add_task_arguments(parser)
    parser.add_argument("--epochs", type=epochs, default=30, help="(default: %(default)s)")
    add_phase_arguments(parser, {"without --task": FlowRecipe, "with --task": PropagationRecipe})
    add_training_output_arguments(parser, Path("dvs_net_flownets_checkpoints/finetune"))


def _add_task_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task",
        action="store_true",
        help="the second phase: train flow and scale for propagation, and keep the network that is "
        "best on val/ of --data_dir, a fully labelled video",
    )
    parser.add_argument(
        "--start_weights",
        metavar="PATH",
        help="flow network checkpoint to start from (default: random)",
    )
    add_segmenter_argument(
        parser, "with --task, the segmentation network whose probabilities are propagated"
    )
    parser.add_argument(
        "--scores_dir",
        type=Path,
        metavar="PATH",
        help="with --task, a folder that caches its probabilities (default: none)",
    )


def run(args: argparse.Namespace) -> int:
    """Train; keep the best model by end-point error, or by mean IoU with ``--task``."""
    from vssn.runtime.startup import start_tensorflow
    from vssn.training.loop import LoopConfig, check_start, train

    _check_arguments(args)
    check_start(args.save_dir, args.resume)
    # Whatever can be refused is read before TensorFlow and Keras take their time.
    inputs = _read_inputs(args)
    start_tensorflow()
    task, fingerprint = (_propagation_task if args.task else _flow_task)(args, inputs)
    config = LoopConfig(args.epochs, args.save_dir, 1, args.resume, fingerprint)
    print_epochs(train(task, config, training_reporter(args.quiet)), config.directory, args.epochs)
    return 0


@dataclass(frozen=True)
class _Inputs:
    """What is learned from and started with, as far as it needs no network."""

    stills: list[Still]
    val: list[Still]
    start: Weights | None
    segmenter: Path | None
    segmenter_sha256: str


def _read_inputs(args: argparse.Namespace) -> _Inputs:
    from vssn.checkpoints.arrays import read_flownets
    from vssn.checkpoints.locate import locate_segnet, sha256_of
    from vssn.data.clips import check_clips
    from vssn.data.stills import list_stills
    from vssn.files import check_writable

    check_clips(args.clips)
    start = read_flownets(args.start_weights) if args.start_weights and not args.resume else None
    stills = list_stills(args.data_dir, "train")
    val = list_stills(args.data_dir, "val") if args.task else []
    segmenter = locate_segnet(args.segmenter) if args.task else None
    sha256 = sha256_of([segmenter])[str(segmenter)] if segmenter else ""
    if args.scores_dir is not None:
        check_writable(args.scores_dir)
    return _Inputs(stills, val, start, segmenter, sha256)


def _check_arguments(args: argparse.Namespace) -> None:
    from vssn.errors import BadInputError

    flow, task = ({entry.name for entry in fields(r)} for r in (FlowRecipe, PropagationRecipe))
    unused = flow - task if args.task else (task - flow) | {"segmenter", "scores_dir"}
    for name in sorted(unused):
        if getattr(args, name) is not None:
            what, remedy = ("with", "leave one out") if args.task else ("without", "add --task")
            raise BadInputError(f"--{name} {what} --task", "a flag of the chosen phase", remedy)


def _model(start: Weights | None, seed: int) -> keras.Model:
    import keras

    from vssn.checkpoints.segnet_weights import assign_weights
    from vssn.models.flownets import build_flownets

    keras.utils.set_random_seed(seed)
    model = build_flownets()
    assign_weights(model, start or {})
    return model


def _sources(args: argparse.Namespace) -> dict[str, object]:
    """Data of the fingerprint."""
    return {
        "clips": [clip.name for clip in args.clips],
        "start": str(args.start_weights or "random weights"),
    }


def _flow_task(args: argparse.Namespace, inputs: _Inputs) -> tuple[FlowTask, str]:
    import numpy as np

    from vssn.training.clip_pairs import PseudoLabelledClip
    from vssn.training.flow import FlowTask

    recipe = recipe_from_arguments(args, FlowRecipe)
    model = _model(inputs.start, recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    clips = [
        PseudoLabelledClip(path, recipe.clip_pairs, recipe.max_distance, rng) for path in args.clips
    ]
    task = FlowTask(model, inputs.stills, clips, recipe, args.epochs)
    return task, recipe.fingerprint(epochs=args.epochs, **_sources(args))


def _propagation_task(args: argparse.Namespace, inputs: _Inputs) -> tuple[PropagationTask, str]:
    import numpy as np

    from vssn.training.propagation import PropagationTask
    from vssn.training.synthetic_chains import SegmentedStill
    from vssn.training.video_chains import VideoChains

    recipe = recipe_from_arguments(args, PropagationRecipe)
    model = _model(inputs.start, recipe.seed)
    probabilities = _probabilities(args, inputs)
    evaluator = _evaluator(inputs.val, probabilities)
    segmented = [SegmentedStill.load(still, probabilities) for still in inputs.stills]
    rng = np.random.default_rng(recipe.seed)
    count, steps = recipe.clip_chains, recipe.chain_steps
    clips = [VideoChains(path, count, steps, probabilities, rng) for path in args.clips]
    task = PropagationTask(model, segmented, clips, evaluator, recipe, args.epochs)
    data = {**_sources(args), "segnet_sha256": inputs.segmenter_sha256}
    return task, recipe.fingerprint(epochs=args.epochs, **data)


def _probabilities(args: argparse.Namespace, inputs: _Inputs) -> CachedProbabilities:
    """The segmentation network's class probabilities."""
    from vssn.networks import RuntimeOptions
    from vssn.runtime.load import load_segmentation
    from vssn.training.probability_cache import CachedProbabilities

    assert inputs.segmenter is not None
    network = load_segmentation(inputs.segmenter, options=RuntimeOptions(precision="f32"))
    return CachedProbabilities(network, inputs.segmenter_sha256, args.scores_dir)


def _evaluator(val: list[Still], probabilities: CachedProbabilities) -> PropagationEvaluator:
    from vssn.training.propagation_validation import PropagationEvaluator

    frames, labels = zip(*(still.load_bgr() for still in val), strict=True)
    return PropagationEvaluator(frames, labels, [probabilities(frame) for frame in frames])
