"""Weights of ResNet50-SegNet to and from a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vssn.checkpoints.arrays import Weights, read_encoder, read_segnet, write_segnet
from vssn.checkpoints.frozen_weights import read_frozen_weights
from vssn.errors import CheckpointError
from vssn.files import is_file, make_directory
from vssn.json_files import read_json, write_json
from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import OUTPUT_STRIDE, SIZE_MULTIPLE
from vssn.preprocess import SEGNET_INPUT_HW
from vssn.types import Float32Array

if TYPE_CHECKING:
    import keras

MODEL_CLASS = "resnet50_segnet"
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


@dataclass(frozen=True)
class _ConfigFile:
    """The file's fields; the sides are in px."""

    model_class: str
    n_classes: int
    input_height: int
    input_width: int
    output_height: int
    output_width: int

    def __post_init__(self) -> None:
        if self.model_class != MODEL_CLASS:
            raise ValueError(f"model_class {self.model_class!r}, not {MODEL_CLASS!r}")
        if self.n_classes != NUM_OUTPUTS:
            raise ValueError(f"n_classes {self.n_classes}, not {NUM_OUTPUTS}")
        for side in ("height", "width"):
            given, output = getattr(self, f"input_{side}"), getattr(self, f"output_{side}")
            if not 0 < given <= MAX_SIDE_PX or given % SIZE_MULTIPLE:
                multiple = f"a multiple of {SIZE_MULTIPLE} up to {MAX_SIDE_PX}"
                raise ValueError(f"input_{side} {given}, not {multiple}")
            if output != given // OUTPUT_STRIDE:
                raise ValueError(f"output_{side} {output}, not half of the input")


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


def read_any_segnet(path: Path) -> tuple[Weights, tuple[int, int]]:
    """Read the weights and the input size from a Keras file or out of a frozen graph.

    Args:
        path: a file that :func:`vssn.checkpoints.locate.locate_segnet` found.

    Returns:
        Float32 arrays by ``layer/variable``, without batch norms where the graph has none left;
        the input's height and width in px.

    Raises:
        CheckpointError: the file can't be read, or is not for this network.
        OtherNetworkError: the frozen graph is another network's.
    """
    if path.suffix == ".pb":
        return read_frozen_weights(path)
    return read_segnet(path), segnet_input_hw(path)


def segnet_input_hw(path: Path, config: Path | None = None) -> tuple[int, int]:
    """Height and width of the input of the network that weights are for; see `load_segnet`."""
    beside = path.with_name(CONFIG_FILE)
    config = config or (beside if is_file(beside) else None)
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
    write_segnet(path, model_weights(model), exact)


def model_weights(model: keras.Model) -> Weights:
    """A model's weights as float32 arrays by ``layer/variable``, in the model's order."""
    return {key: np.asarray(variable, np.float32) for key, variable in _variables(model).items()}


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
    """Write ``resnet50_segnet_config.json`` with the original's keys.

    Raises:
        CheckpointError: it can't be written.
    """
    height, width = input_hw
    config = _ConfigFile(
        MODEL_CLASS, NUM_OUTPUTS, height, width, height // OUTPUT_STRIDE, width // OUTPUT_STRIDE
    )
    write_json(directory / CONFIG_FILE, asdict(config), "config", CheckpointError)


def read_segnet_config(path: Path) -> SegnetConfig:
    """Read and check ``resnet50_segnet_config.json``.

    Raises:
        CheckpointError: missing, no JSON, or of a network that this isn't.
    """
    remedy = f"use the {CONFIG_FILE} that belongs to the weights"
    config = read_json(path, _ConfigFile, "config", CheckpointError, remedy)
    return SegnetConfig((config.input_height, config.input_width), config.n_classes)
