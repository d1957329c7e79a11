"""``vssn train-segnet``: train a segmentation network on labelled stills, and from teachers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import add_training_output_arguments
from vssn.cli.printing import print_epochs, training_reporter
from vssn.cli.recipe_flags import add_recipe_arguments, recipe_from_arguments
from vssn.cli.values import epochs, folder_share, positive, shown
from vssn.errors import BadInputError
from vssn.files import is_dir
from vssn.models.architectures import (
    BY_OPTION,
    RESNET50_SEGNET,
    architecture_of,
)
from vssn.training.segnet_recipe import SegnetRecipe

if TYPE_CHECKING:
    import keras

    from vssn.checkpoints.arrays import Weights
    from vssn.training.segnet import SegnetTask
    from vssn.training.sources import Source

WeightedFolder = tuple[Path, float]
PAIRS_PER_CLIP = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data, start, length and output."""
    _add_data_arguments(parser)
    parser.add_argument(
        "--model",
        choices=list(BY_OPTION),
        default=RESNET50_SEGNET.option,
        help="which network (default: %(default)s)",
    )
    parser.add_argument(
        "--encoder_weights",
        default="imagenet",
        metavar="imagenet|none|FILE",
        help="start of the encoder: Keras' own download (of the light network, the package of "
        "vssn[light-training]), random, or a file (default: %(default)s)",
    )
    parser.add_argument(
        "--start_weights",
        type=Path,
        metavar="FILE",
        help="start all of the network from these instead, to train it further",
    )
    parser.add_argument("--epochs", type=epochs, default=48, help="(default: %(default)s)")
    add_recipe_arguments(parser, SegnetRecipe)
    parser.add_argument(
        "--precision",
        choices=["auto", "f32", "bf16"],
        default="auto",
        help="auto takes bf16 where the processor computes in it (default: %(default)s)",
    )
    parser.add_argument(
        "--validate_every", type=positive, default=4, help="epochs (default: %(default)s)"
    )
    add_training_output_arguments(parser, None, "the network's default folder")


def _add_data_arguments(parser: argparse.ArgumentParser) -> None:
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--data_dir",
        type=Path,
        help="a data set in the stills layout: train/ trainannot/ val/ valannot/",
    )
    data.add_argument(
        "--data",
        type=_weighted_folder,
        nargs="+",
        metavar="FOLDER[:SHARE]",
        help="several of them, each with its share of a batch (1 where left out), such as camvid:4 "
        "cityscapes:3; those with val/ choose the best model, by the mean of their mean IoUs. A "
        "source.json in a folder says what its labels mean: see docs of vssn.training.sources",
    )
    parser.add_argument(
        "--clips",
        type=Path,
        nargs="+",
        default=[],
        metavar="CLIP",
        help="videos, or folders of frames, without labels: the predictions of neighbouring frames "
        "are trained to agree where DIS flow is consistent",
    )
    parser.add_argument(
        "--teachers",
        nargs="+",
        default=[],
        metavar="FILE",
        help="weights of either network, or their names, whose mean probabilities for a view, "
        "before its colours, light and sharpness are changed, are learned beside its labels; "
        "data sets may then lack trainannot/",
    )


def _weighted_folder(text: str) -> WeightedFolder:
    """Parse FOLDER or FOLDER:SHARE."""
    folder, colon, share = text.rpartition(":")
    # A path may hold a colon of its own, such as a drive's.
    if not colon or is_dir(text) or not folder:
        return Path(text), 1.0
    try:
        return Path(folder), folder_share(share)
    except argparse.ArgumentTypeError as problem:
        raise argparse.ArgumentTypeError(f"{problem}, in {shown(text)}") from None


def run(args: argparse.Namespace) -> int:
    """Train, keeping the best model by validation mean IoU."""
    from vssn.training.loop import LoopConfig, check_start, train

    args.save_dir = args.save_dir or Path(BY_OPTION[args.model].folder)
    check_start(args.save_dir, args.resume)
    task, fingerprint = _task(args)
    config = LoopConfig(args.epochs, args.save_dir, args.validate_every, args.resume, fingerprint)
    print_epochs(train(task, config, training_reporter(args.quiet)), config.directory, args.epochs)
    return 0


def _task(args: argparse.Namespace) -> tuple[SegnetTask, str]:
    from vssn.data.clips import check_clips
    from vssn.runtime.processor import computes_bfloat16
    from vssn.runtime.startup import start_tensorflow
    from vssn.training.frame_pairs import FramePairs

    # Whatever can be refused is read before TensorFlow and Keras take their time.
    sources = _sources(args)
    check_clips(args.clips)
    teachers, digests = _teachers(args)
    weights, input_hw = _start(args)
    pairs = FramePairs(args.clips, PAIRS_PER_CLIP) if args.clips else None
    start_tensorflow()
    import keras

    from vssn.training.segnet import SegnetTask

    auto = args.precision == "auto"
    mixed = computes_bfloat16() if auto else args.precision == "bf16"
    recipe = recipe_from_arguments(args, SegnetRecipe, mixed_precision=mixed)
    keras.utils.set_random_seed(recipe.seed)  # before the decoder draws its first weights
    initial = _initial(args, weights, input_hw)
    task = SegnetTask(sources, recipe, args.epochs, initial, pairs, teachers)
    start = args.start_weights.name if args.start_weights else args.encoder_weights
    clips = [clip.name for clip in args.clips]
    return task, recipe.fingerprint(args.epochs, sources, start, clips, digests)


def _sources(args: argparse.Namespace) -> list[Source]:
    from vssn.errors import MediaError
    from vssn.training.sources import read_source

    taught = bool(args.teachers) or args.average_teacher
    given = args.data or [(args.data_dir, 1.0)]
    sources = [read_source(folder, share, taught) for folder, share in given]
    if not any(source.val for source in sources):
        raise MediaError(
            f"data '{sources[0].name}' without val/",
            "stills to choose the best model by, in at least one data set",
            "add val/ and valannot/ to one",
        )
    return sources


def _teachers(args: argparse.Namespace) -> tuple[list[Weights], list[str]]:
    """The teachers' weights, and the SHA-256 of each one's file."""
    from vssn.checkpoints.arrays import read_segnet
    from vssn.checkpoints.locate import KERAS_SUFFIXES, locate_segnet, sha256_of

    paths = [locate_segnet(given, KERAS_SUFFIXES) for given in args.teachers]
    written = f"{BY_OPTION[args.model].name}.h5"
    for path in paths:
        # A resumed training would meet another teacher.
        if path.resolve() == (args.save_dir / written).resolve():
            raise BadInputError(
                f"--teachers '{path}'",
                "a file that this training doesn't write",
                "pass another --save_dir",
            )
    digests = sha256_of(paths)
    return [read_segnet(path) for path in paths], [digests[str(path)] for path in paths]


def _start(args: argparse.Namespace) -> tuple[Weights | None, tuple[int, int]]:
    """The weights to start with, see :func:`read_encoder_start`, and the input's size."""
    from vssn.checkpoints.arrays import read_segnet
    from vssn.checkpoints.segnet_weights import segnet_input_hw
    from vssn.preprocess import SEGNET_INPUT_HW
    from vssn.training.encoder import read_encoder_start

    architecture = BY_OPTION[args.model]
    if args.resume:
        return {}, SEGNET_INPUT_HW
    if args.start_weights is None:
        return read_encoder_start(architecture, args.encoder_weights), SEGNET_INPUT_HW
    weights = read_segnet(args.start_weights)
    given = architecture_of(weights)
    if given is not architecture:
        raise BadInputError(
            f"--start_weights '{args.start_weights}' of a {given.title}",
            f"those of --model {args.model}",
            f"pass --model {given.option}",
        )
    return weights, segnet_input_hw(args.start_weights, architecture=architecture)


def _initial(
    args: argparse.Namespace, weights: Weights | None, input_hw: tuple[int, int]
) -> keras.Model:
    from vssn.checkpoints.segnet_weights import build_network
    from vssn.training.encoder import set_start

    model = build_network(BY_OPTION[args.model], input_hw)
    set_start(model, weights)
    return model
