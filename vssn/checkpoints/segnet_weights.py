"""Weights of the segmentation networks to and from a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vssn.checkpoints.arrays import Weights, read_encoder, read_segnet, write_segnet
from vssn.checkpoints.frozen_weights import read_frozen_weights
from vssn.errors import CheckpointError
from vssn.files import is_there, make_directory
from vssn.json_files import read_json, write_json
from vssn.labels import NUM_OUTPUTS
from vssn.models.architectures import (
    ARCHITECTURES,
    LIGHT_SEGMENTER,
    RESNET50_SEGNET,
    Architecture,
    architecture_of,
)
from vssn.models.layout import OUTPUT_STRIDE, SIZE_MULTIPLE
from vssn.preprocess import SEGNET_INPUT_HW
from vssn.types import Float32Array

if TYPE_CHECKING:
    import keras

MAX_SIDE_PX = 1 << 14


@dataclass(frozen=True)
class SegnetConfig:
    """What a network's config JSON says.

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
        names = [each.name for each in ARCHITECTURES]
        if self.model_class not in names:
            raise ValueError(f"model_class {self.model_class!r}, not {' or '.join(names)}")
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


def assign_weights(model: keras.Model, weights: Weights) -> None:
    """Set those of a model's variables that ``weights`` has, by ``layer/variable``."""
    for key, variable in _variables(model).items():
        if key in weights:
            variable.assign(weights[key])


def load_segnet_weights(model: keras.Model, path: Path) -> None:
    """Load a Keras weight file into ``model``, which is unchanged where that fails.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet` or
            :func:`vssn.models.light.build_light`.
        path: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.

    Raises:
        CheckpointError: the file can't be read, or is not for this network.
    """
    weights = read_segnet(path)
    if not set(weights) <= set(_variables(model)):
        raise CheckpointError(
            f"weights '{path}' of a {architecture_of(weights).title}",
            f"those of a {architecture_of(_variables(model)).title}",
            "name the weights of this network",
        )
    assign_weights(model, weights)


def load_segnet(path: Path, config: Path | None = None) -> keras.Model:
    """Build a segmentation network with the weights of a file, at its config's input size.

    Args:
        path: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.
        config: the network's config JSON; None for the one beside the weights, or else an
            input of 416x608.

    Raises:
        CheckpointError: weights or config can't be read, or are not for this network.
    """
    weights = read_segnet(path)
    architecture = architecture_of(weights)
    model = build_network(architecture, segnet_input_hw(path, config, architecture))
    assign_weights(model, weights)
    return model


def build_network(
    architecture: Architecture, input_hw: tuple[int, int] = SEGNET_INPUT_HW
) -> keras.Model:
    """Build a segmentation network with random weights.

    Args:
        architecture: which one.
        input_hw: height and width of the input in px, multiples of 32.

    Raises:
        BadInputError: a side is not a multiple of 32.
    """
    if architecture is LIGHT_SEGMENTER:
        from vssn.models.light import build_light

        return build_light(input_hw)
    from vssn.models.segnet import build_segnet

    return build_segnet(input_hw)


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
    weights = read_segnet(path)
    return weights, segnet_input_hw(path, architecture=architecture_of(weights))


def segnet_input_hw(
    path: Path, config: Path | None = None, architecture: Architecture = RESNET50_SEGNET
) -> tuple[int, int]:
    """Height and width of the input of the network that weights are for; see `load_segnet`."""
    beside = path.with_name(architecture.config_file)
    config = config or (beside if is_there(beside) else None)
    return read_segnet_config(config, architecture).input_hw if config else SEGNET_INPUT_HW


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


def read_encoder_weights(path: Path) -> Weights:
    """Read ImageNet weights, which expect caffe-style BGR, for ResNet50-SegNet's encoder.

    Our input is RGB: conv1's input channels are turned round, so that its output is the same.

    Args:
        path: see :func:`vssn.checkpoints.arrays.read_encoder`.

    Returns:
        Float32 arrays by ``layer/variable``.

    Raises:
        CheckpointError: the file can't be read, or lacks a layer.
    """
    weights = read_encoder(path)
    return weights | {"conv1/kernel": rgb_kernel(weights["conv1/kernel"])}


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
    total, input_hw = read_any_segnet(paths[0])
    architecture = architecture_of(total)
    for path in paths[1:]:
        weights, other_hw = read_any_segnet(path)
        other = architecture_of(weights)
        if (other, other_hw) != (architecture, input_hw):
            raise CheckpointError(
                f"weights '{path}' of a {other.title} for an input of {other_hw} px",
                f"a {architecture.title} for {input_hw} px, as '{paths[0]}'",
                "average weights of trainings of one network at one input size",
            )
        total = {key: values + weights[key] for key, values in total.items()}
    make_directory(output.parent)
    write_segnet_config(input_hw, output.parent, architecture)
    write_segnet(output, {key: values / np.float32(len(paths)) for key, values in total.items()})


def write_segnet_config(
    input_hw: tuple[int, int], directory: Path, architecture: Architecture = RESNET50_SEGNET
) -> None:
    """Write a network's config JSON, with the original's keys.

    Raises:
        CheckpointError: it can't be written.
    """
    height, width = input_hw
    config = _ConfigFile(
        architecture.name,
        NUM_OUTPUTS,
        height,
        width,
        height // OUTPUT_STRIDE,
        width // OUTPUT_STRIDE,
    )
    write_json(directory / architecture.config_file, asdict(config), "config", CheckpointError)


def read_segnet_config(path: Path, architecture: Architecture = RESNET50_SEGNET) -> SegnetConfig:
    """Read and check a network's config JSON, such as ``resnet50_segnet_config.json``.

    Raises:
        CheckpointError: missing, no JSON, or of another network.
    """
    remedy = f"use the {architecture.config_file} that belongs to the weights"
    config = read_json(path, _ConfigFile, "config", CheckpointError, remedy)
    if config.model_class != architecture.name:
        raise CheckpointError(
            f"config '{path}' with model_class {config.model_class!r}", architecture.name, remedy
        )
    return SegnetConfig((config.input_height, config.input_width), config.n_classes)
