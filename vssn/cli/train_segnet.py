"""``vssn train-segnet``: train ResNet50-SegNet on labelled stills."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_training_output_arguments,
    number,
    positive,
    positive_number,
    print_epochs,
    training_reporter,
)

if TYPE_CHECKING:
    import keras

    from vssn.training.segnet import SegnetTask


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data, start, length and output."""
    parser.add_argument(
        "--data_dir",
        type=Path,
        required=True,
        help="CamVid in the stills layout: train/ trainannot/ val/ valannot/",
    )
    parser.add_argument(
        "--more_data",
        type=Path,
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="images to learn from as well; labels lie beside, in the folder FOLDERannot",
    )
    parser.add_argument(
        "--encoder_weights",
        default="imagenet",
        metavar="imagenet|none|FILE",
        help="start of the encoder: Keras' own download, random, or a .h5 (default: %(default)s)",
    )
    parser.add_argument(
        "--start_weights",
        type=Path,
        metavar="FILE",
        help="start all of the network from these instead, to train it further",
    )
    _add_recipe_arguments(parser)
    parser.add_argument(
        "--validate_every", type=positive, default=4, help="epochs (default: %(default)s)"
    )
    add_training_output_arguments(parser, Path("resnet50_segnet_model"))


def _add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--epochs", type=positive, default=48, help="(default: %(default)s)")
    parser.add_argument("--batch_size", type=positive, default=6, help="(default: %(default)s)")
    for part, rate in (("encoder", 2e-4), ("decoder", 1e-3)):
        parser.add_argument(
            f"--{part}_rate",
            type=positive_number,
            default=rate,
            help="peak learning rate (default: %(default)s)",
        )
    parser.add_argument(
        "--jaccard_weight",
        type=number,
        default=0.5,
        help="of the soft IoU loss beside cross-entropy (default: %(default)s)",
    )
    parser.add_argument(
        "--precision",
        choices=["auto", "f32", "bf16"],
        default="auto",
        help="auto takes bf16 where the processor computes in it (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=1, help="(default: %(default)s)")


def run(args: argparse.Namespace) -> int:
    """Train, keeping the best model by validation mean IoU."""
    from vssn.training.loop import LoopConfig, train

    task, fingerprint = _task(args)
    config = LoopConfig(args.epochs, args.save_dir, args.validate_every, args.resume, fingerprint)
    print_epochs(train(task, config, training_reporter(args.quiet)), config.directory, args.epochs)
    return 0


def _task(args: argparse.Namespace) -> tuple[SegnetTask, str]:
    from vssn.data.stills import list_stills
    from vssn.runtime.processor import computes_bfloat16
    from vssn.runtime.startup import start_tensorflow

    folders = [args.data_dir / "train", *args.more_data]
    stills = [still for folder in folders for still in list_stills(folder.parent, folder.name)]
    val = list_stills(args.data_dir, "val")
    start_tensorflow()
    import keras

    from vssn.training.segnet import SegnetRecipe, SegnetTask

    recipe = SegnetRecipe(
        batch_size=args.batch_size,
        encoder_rate=args.encoder_rate,
        decoder_rate=args.decoder_rate,
        jaccard_weight=args.jaccard_weight,
        seed=args.seed,
        mixed_precision=args.precision == "bf16"
        or (args.precision == "auto" and computes_bfloat16()),
    )
    keras.utils.set_random_seed(recipe.seed)  # before the decoder draws its first weights
    task = SegnetTask(stills, val, recipe, args.epochs, _initial(args))
    start = args.start_weights.name if args.start_weights else args.encoder_weights
    return task, recipe.fingerprint(args.epochs, len(stills), start)


def _initial(args: argparse.Namespace) -> keras.Model:
    from vssn.checkpoints.segnet_weights import load_segnet
    from vssn.models.segnet import build_segnet
    from vssn.training.encoder import start_encoder

    if args.start_weights and not args.resume:
        return load_segnet(args.start_weights)
    model = build_segnet()
    if not args.resume:
        start_encoder(model, args.encoder_weights)
    return model
