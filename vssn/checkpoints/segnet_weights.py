"""Weights of ResNet50-SegNet to and from a Keras model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vssn.checkpoints.arrays import Weights, read_encoder, read_segnet, write_segnet
from vssn.errors import CheckpointError
from vssn.files import atomic_path, make_directory
from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import OUTPUT_STRIDE, SIZE_MULTIPLE
from vssn.preprocess import SEGNET_INPUT_HW
from vssn.types import Float32Array

if TYPE_CHECKING:
    import keras

MODEL_CLASS = "resnet50_segnet"
MAX_CONFIG_BYTES = 1 << 16
MAX_SIDE_PX = 1 << 14
CONFIG_FILE = "resnet50_segnet_config.json"


@dataclass(frozen=True)
class SegnetConfig:
    """What ``resnet50_segnet_config.json`` says.

    Attributes:
        input_hw: height and width of the network's input in px.
        n_classes: output channels.
    """

    input_hw: tuple[int, int]
    n_classes: int


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    """By ``layer/variable``, in the model's order."""
    return {
        f"{layer.name}/{variable.name}": variable
        for layer in model.layers
        for variable in layer.weights
    }


def _assign(model: keras.Model, weights: Weights) -> None:
    for key, variable in _variables(model).items():
        if key in weights:
            variable.assign(weights[key])


def load_segnet_weights(model: keras.Model, path: Path) -> None:
    """Load a Keras weight file into ``model``, which is unchanged where that fails.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`.
        path: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.

    Raises:
        CheckpointError: the file can't be read, or is not for this network.
    """
    _assign(model, read_segnet(path))


def load_segnet(path: Path, config: Path | None = None) -> keras.Model:
    """Build ResNet50-SegNet with the weights of a file, at its config's input size.

    Args:
        path: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.
        config: ``resnet50_segnet_config.json``; None for the one beside the weights, or else an
            input of 416x608.

    Raises:
        CheckpointError: weights or config can't be read, or are not for this network.
    """
    from vssn.models.segnet import build_segnet

    model = build_segnet(segnet_input_hw(path, config))
    load_segnet_weights(model, path)
    return model


def segnet_input_hw(path: Path, config: Path | None = None) -> tuple[int, int]:
    """Height and width of the input of the network that weights are for; see `load_segnet`."""
    beside = path.with_name(CONFIG_FILE)
    config = config or (beside if beside.is_file() else None)
    return read_segnet_config(config).input_hw if config else SEGNET_INPUT_HW


def save_segnet_weights(model: keras.Model, path: Path, exact: bool = False) -> None:
    """Write ``model``'s weights as Keras 2's ``save_weights`` does, atomically.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`.
        path: the .h5 file.
        exact: keep float32; otherwise kernels are rounded to float16, at half the size.

    Raises:
        CheckpointError: the file can't be written, or a weight is not finite.
    """
    weights = {key: np.asarray(variable, np.float32) for key, variable in _variables(model).items()}
    write_segnet(path, weights, exact)


def load_encoder_weights(model: keras.Model, path: Path) -> None:
    """Load ImageNet weights, which expect caffe-style BGR, into the encoder.

    Our input is RGB: conv1's input channels are turned round, so that its output is the same.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`.
        path: see :func:`vssn.checkpoints.arrays.read_encoder`.

    Raises:
        CheckpointError: the file can't be read, or lacks a layer.
    """
    weights = read_encoder(path)
    _assign(model, weights | {"conv1/kernel": rgb_kernel(weights["conv1/kernel"])})


def rgb_kernel(kernel: Float32Array) -> Float32Array:
    """Turn conv1's kernel for BGR input, (7, 7, 3, 64), into one for RGB."""
    return kernel[:, :, ::-1]


def average_segnet_weights(paths: Sequence[Path], output: Path) -> None:
    """Average weight files, variable by variable, batch norms' statistics included.

    Trainings that went on from one another, or from the same weights, lie in one valley of the
    loss; their mean is flatter and better than each. Source: Wortsman et al., "Model soups" (2022).

    Args:
        paths: one file or more, see :func:`vssn.checkpoints.arrays.read_segnet`.
        output: the .h5 file to write; the config JSON goes beside it.

    Raises:
        CheckpointError: a file can't be read or is for another input size, or the average can't
            be written.
    """
    input_hw = segnet_input_hw(paths[0])
    for path in paths[1:]:
        if segnet_input_hw(path) != input_hw:
            raise CheckpointError(
                f"weights '{path}' for an input of {segnet_input_hw(path)} px",
                f"{input_hw} px, as for '{paths[0]}'",
                "average weights of trainings at one input size",
            )
    total = read_segnet(paths[0])
    for path in paths[1:]:
        weights = read_segnet(path)
        total = {key: values + weights[key] for key, values in total.items()}
    make_directory(output.parent)
    write_segnet_config(input_hw, output.parent)
    write_segnet(output, {key: values / np.float32(len(paths)) for key, values in total.items()})


def write_segnet_config(input_hw: tuple[int, int], directory: Path) -> None:
    """Write ``resnet50_segnet_config.json`` with the original's keys."""
    height, width = input_hw
    config = {
        "model_class": MODEL_CLASS,
        "n_classes": NUM_OUTPUTS,
        "input_height": height,
        "input_width": width,
        "output_height": height // OUTPUT_STRIDE,
        "output_width": width // OUTPUT_STRIDE,
    }
    with atomic_path(directory / CONFIG_FILE) as temporary:
        temporary.write_text(json.dumps(config) + "\n")


def _config_values(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else "no JSON"
        raise _wrong_config(path, f"{what}", "a readable JSON object") from error
    if not isinstance(config, dict):
        raise _wrong_config(path, "no object", "a JSON object")
    return config


def _wrong_config(path: Path, what: str, expected: str) -> CheckpointError:
    return CheckpointError(
        f"config '{path}' ({what})", expected, f"use the {CONFIG_FILE} that belongs to the weights"
    )


def read_segnet_config(path: Path) -> SegnetConfig:
    """Read and check ``resnet50_segnet_config.json``.

    Raises:
        CheckpointError: missing, no JSON, or of a network that this isn't.
    """
    config = _config_values(path)
    for key, fixed in (("model_class", MODEL_CLASS), ("n_classes", NUM_OUTPUTS)):
        if config.get(key) != fixed:
            raise _wrong_config(path, f"{key} {config.get(key)!r}", repr(fixed))
    sides = []
    for side in ("height", "width"):
        value = config.get(f"input_{side}")
        valid = type(value) is int and 0 < value <= MAX_SIDE_PX and value % SIZE_MULTIPLE == 0
        if not valid or not isinstance(value, int):
            what = f"input_{side} {value!r}"
            raise _wrong_config(path, what, f"a multiple of {SIZE_MULTIPLE} up to {MAX_SIDE_PX}")
        if config.get(f"output_{side}") != value // OUTPUT_STRIDE:
            what = f"output_{side} {config.get(f'output_{side}')!r}"
            raise _wrong_config(path, what, f"{value // OUTPUT_STRIDE}, half of the input")
        sides.append(value)
    return SegnetConfig((sides[0], sides[1]), NUM_OUTPUTS)
