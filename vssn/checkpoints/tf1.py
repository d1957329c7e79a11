"""TF1 checkpoints of FlowNetS and of the decision network, matched by variable name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vssn.checkpoints.bundle import read_bundle, write_bundle
from vssn.checkpoints.isolated import Array
from vssn.checkpoints.locate import (
    DECISION_FOLDER,
    FLOWNETS_FOLDER,
    STATE_FILE,
    index_path,
    locate_tf1,
)
from vssn.checkpoints.values import impossible, listed
from vssn.errors import CheckpointError
from vssn.files import is_file, make_directory, write_text
from vssn.types import Float32Array

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

FLOWNETS_SCOPE = "FlowNets"
DECISION_SCOPE = "decision"
BEST_NAME = "model.ckpt"
FINAL_NAME = "modelFinal.ckpt"
VARIABLE_NAMES = {"kernel": "weights", "bias": "biases"}  # Keras' name -> TF1's
OPTIMIZER_SLOT = re.compile(
    r"(^|/)(Adam|Momentum|RMSProp|Adagrad|Adadelta|Ftrl|ExponentialMovingAverage"
    r"|beta[12]_power|global_step)(_\d+)?$"
)


def read_tf1_variables(path: str | Path) -> dict[str, Array]:
    """Read a checkpoint's variables, without optimizer slots and step counters.

    Args:
        path: a folder or prefix, see :func:`vssn.checkpoints.locate.locate_tf1`.

    Returns:
        Arrays by variable name, such as ``FlowNets/conv1/weights``.

    Raises:
        CheckpointError: missing or damaged.
    """
    variables = read_bundle(locate_tf1(path, Path(path).name))
    # A network's weights have dimensions; learning rates and unnamed steps have none.
    return {
        name: values
        for name, values in variables.items()
        if values.ndim and not OPTIMIZER_SLOT.search(name)
    }


def _targets(model: keras.Model, scope: str) -> dict[str, keras.Variable]:
    """The model's variables by their names in TF1."""
    return {
        f"{scope}/{layer.name}/{VARIABLE_NAMES[variable.name]}": variable
        for layer in model.layers
        for variable in layer.weights
        # A dropout layer's random state is no weight.
        if variable.name in VARIABLE_NAMES
    }


def _problems(shapes: Mapping[str, Shape], given: Mapping[str, Array]) -> list[str]:
    """What is missing, unexpected, of another shape or type, or not finite."""
    common = [name for name in shapes if name in given]
    misshaped = [
        f"{name} {list(given[name].shape)}, not {list(shapes[name])}"
        for name in common
        if given[name].shape != shapes[name]
    ]
    types = [f"{name} {given[name].dtype}" for name in common if given[name].dtype != np.float32]
    return [
        *listed("missing", [name for name in shapes if name not in given]),
        *listed("unexpected", [name for name in given if name not in shapes]),
        *listed("mis-shaped", misshaped),
        *listed("not float32", types),
        *impossible({name: given[name] for name in common}),
    ]


def read_network_variables(
    path: Path, scope: str, shapes: Mapping[str, Shape]
) -> dict[str, Float32Array]:
    """Read a checkpoint that must hold exactly the variables of one network.

    Args:
        path: a folder or prefix, see :func:`vssn.checkpoints.locate.locate_tf1`.
        scope: :data:`FLOWNETS_SCOPE` or :data:`DECISION_SCOPE`.
        shapes: by variable name.

    Raises:
        CheckpointError: missing, damaged, or a variable's name or shape doesn't match.
    """
    given = read_tf1_variables(path)
    problems = _problems(shapes, given)
    if problems:
        raise CheckpointError(
            f"TF1 checkpoint '{path}' ({'; '.join(problems)})",
            f"the {len(shapes)} variables {scope}/... of this network",
            "check that the checkpoint belongs to it",
        )
    return {name: np.asarray(given[name], np.float32) for name in shapes}


def _load(model: keras.Model, scope: str, path: Path) -> None:
    targets = _targets(model, scope)
    shapes = {name: tuple(variable.shape) for name, variable in targets.items()}
    for name, values in read_network_variables(path, scope, shapes).items():
        targets[name].assign(values)


def load_flownets(model: keras.Model, path: str | Path) -> None:
    """Load a TF1 checkpoint into FlowNetS; the model is unchanged where that fails.

    Args:
        model: from :func:`vssn.models.flownets.build_flownets`.
        path: a folder or prefix, see :func:`vssn.checkpoints.locate.locate_tf1`.

    Raises:
        CheckpointError: missing, damaged, or a variable's name or shape doesn't match.
    """
    _load(model, FLOWNETS_SCOPE, locate_tf1(path, FLOWNETS_FOLDER))


def load_decision(model: keras.Model, path: str | Path) -> None:
    """Load a TF1 checkpoint into the decision network; see :func:`load_flownets`.

    Args:
        model: from :func:`vssn.models.decision.build_decision`.
        path: a folder or prefix, see :func:`vssn.checkpoints.locate.locate_tf1`.

    Raises:
        CheckpointError: missing, damaged, or a variable's name or shape doesn't match.
    """
    _load(model, DECISION_SCOPE, locate_tf1(path, DECISION_FOLDER))


def _write_state(directory: Path, name: str) -> None:
    """Write the ``checkpoint`` state file, with relative paths so that the folder can move."""
    # The best model is what inference should find, also after the last one was written.
    names = [n for n in (BEST_NAME, FINAL_NAME, name) if is_file(index_path(directory / n))]
    names = list(dict.fromkeys(names))
    lines = [f'model_checkpoint_path: "{names[0]}"']
    lines += [f'all_model_checkpoint_paths: "{each}"' for each in names]
    write_text(directory / STATE_FILE, "\n".join(lines) + "\n", "state file", CheckpointError)


def _save(model: keras.Model, scope: str, directory: Path, name: str) -> None:
    targets = _targets(model, scope)
    variables = {key: np.asarray(variable, np.float32) for key, variable in targets.items()}
    make_directory(directory)
    write_bundle(directory / name, variables)
    _write_state(directory, name)


def save_flownets(model: keras.Model, directory: Path, name: str = BEST_NAME) -> None:
    """Write FlowNetS' weights as ``tf.train.Saver`` does, and the ``checkpoint`` state file.

    Args:
        model: from :func:`vssn.models.flownets.build_flownets`.
        directory: created where it is missing; each file takes its name only when complete.
        name: prefix of the files. The state file names ``model.ckpt`` where that exists.

    Raises:
        CheckpointError: the files can't be written.
        MediaError: the directory can't be.
    """
    _save(model, FLOWNETS_SCOPE, directory, name)


def save_decision(model: keras.Model, directory: Path, name: str = BEST_NAME) -> None:
    """Write the decision network's weights; see :func:`save_flownets`.

    Args:
        model: from :func:`vssn.models.decision.build_decision`.
        directory: created where it is missing; each file takes its name only when complete.
        name: ``model.ckpt`` for the best model, ``modelFinal.ckpt`` for the last.

    Raises:
        CheckpointError: the files can't be written.
        MediaError: the directory can't be.
    """
    _save(model, DECISION_SCOPE, directory, name)
