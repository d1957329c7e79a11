"""``vssn train-decision``: train the decision network on generated features."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import add_training_output_arguments
from vssn.cli.printing import finish_training, training_reporter
from vssn.cli.recipe_flags import add_recipe_arguments, recipe_from_arguments
from vssn.cli.values import epochs
from vssn.training.recipes import DecisionRecipe

if TYPE_CHECKING:
    from vssn.training.decision import DecisionTask
    from vssn.training.feature_set import FeatureSet

TRAIN_ERROR_EVERY = 10

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    features = "generated_features_resnet_segnet"
    parser.add_argument("--train_data_dir", type=Path, default=Path(features, "train"))
    parser.add_argument("--val_data_dir", type=Path, default=Path(features, "val"))
    parser.add_argument("--epochs", type=epochs, default=100, help="(default: %(default)s)")
    add_recipe_arguments(parser, DecisionRecipe)
    add_training_output_arguments(parser, Path("decision_network_checkpoints"))


def run(args: argparse.Namespace) -> int:
    """Train, keeping the best model by validation error."""
    from vssn.runtime.startup import start_tensorflow
    from vssn.training.feature_set import hold_out, read_feature_set
    from vssn.training.loop import LoopConfig, check_start, train

    # Whatever can be refused is read before TensorFlow and Keras take their time.
    check_start(args.save_dir, args.resume)
    recipe = recipe_from_arguments(args, DecisionRecipe)
    val_set = read_feature_set(args.val_data_dir)
    pairs = read_feature_set(args.train_data_dir)
    _warn_of_other_settings(pairs, val_set)
    train_set, held_out = hold_out(pairs, recipe.hold_out, recipe.seed)
    start_tensorflow()
    from scipy.stats import spearmanr

    from vssn.evaluation.plots import plot_predicted_confidence
    from vssn.training.decision import DecisionTask

    task = DecisionTask(train_set, val_set, recipe)
    fingerprint = recipe.fingerprint(pairs=len(train_set.agreement))
    config = LoopConfig(args.epochs, args.save_dir, 1, args.resume, fingerprint)
    for metrics in train(task, config, training_reporter(args.quiet)):
        print("\n".join(_lines(task, metrics)), flush=True)
    finish_training(config.directory)
    task.load_best(config.directory)
    _calibrate(task, held_out, config.directory)
    predicted = task.predict(val_set.features)
    plot_predicted_confidence(
        predicted, val_set.agreement, config.directory / "predicted_scores.png"
    )
    rank = spearmanr(predicted, val_set.agreement).statistic
    error = task.validate()["val_mean_absolute_error"]
    print(f"best model: mean absolute error {error:.2f} points, rank correlation {rank:.3f}")
    return 0


def _warn_of_other_settings(train: FeatureSet, val: FeatureSet) -> None:
    """Log where training and validation features were made in different ways."""
    if train.record is None or val.record is None:
        return
    names = train.record.settings.keys() - {"pairs_sha256", "clip"}
    differ = [n for n in sorted(names) if train.record.settings[n] != val.record.settings.get(n)]
    if differ:
        logger.warning("training and validation features differ in %s", ", ".join(differ))


def _calibrate(task: DecisionTask, held_out: FeatureSet, directory: Path) -> None:
    """Write the best model's confidence calibration."""
    import numpy as np

    from vssn.checkpoints.confidence_fit import UNFITTED, write_fits
    from vssn.checkpoints.tf1 import BEST_NAME
    from vssn.training.confidence_fit import calibration
    from vssn.types import DVSNET_PROPAGATION

    raw = task.predict(held_out.features).astype(np.float64)
    rising = calibration(raw, held_out.agreement.astype(np.float64))
    fit = replace(UNFITTED, calibration=rising)
    write_fits(directory / BEST_NAME, {DVSNET_PROPAGATION.name: fit})


def _lines(task: DecisionTask, metrics: dict[str, float]) -> Iterator[str]:
    """The original's lines: validation error each epoch, training error each tenth."""
    epoch = int(metrics["epoch"])
    if epoch % TRAIN_ERROR_EVERY == 0:
        yield f"epoch {epoch}: training error {task.train_error():.4f}"
    yield f"epoch {epoch}: validation error {metrics['val_mean_absolute_error']:.4f}"
