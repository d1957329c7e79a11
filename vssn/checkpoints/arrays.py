"""The networks' weights as NumPy arrays, checked, without Keras."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from vssn.checkpoints.hdf5 import LayerWeights, read_layer_weights, write_layer_weights
from vssn.checkpoints.locate import DECISION_FOLDER, FLOWNETS_FOLDER, locate_tf1
from vssn.checkpoints.tf1 import (
    DECISION_SCOPE,
    FLOWNETS_SCOPE,
    VARIABLE_NAMES,
    read_network_variables,
)
from vssn.checkpoints.values import impossible, listed
from vssn.errors import CheckpointError, printable
from vssn.models.architectures import RESNET50_SEGNET, architecture_of
from vssn.models.layout import (
    BATCH_NORM_EPSILON,
    Shape,
    decision_shapes,
    flownets_shapes,
    is_encoder,
    segnet_shapes,
)
from vssn.types import Float32Array

logger = logging.getLogger(__name__)

Weights = dict[str, Float32Array]
KERAS2_NAMES = {"depthwise_kernel": "kernel"}


def _kind(variables: Iterable[str]) -> str:
    return "convolution" if "kernel" in variables else "batch norm"


def _by_layer(keys: Iterable[str]) -> dict[str, list[str]]:
    layers: dict[str, list[str]] = {}
    for key in keys:
        layer, variable = key.split("/")
        layers.setdefault(layer, []).append(variable)
    return layers


def _matched(shapes: Mapping[str, Shape], given: list[LayerWeights]) -> Weights:
    """Name the decoder's layers, which the original left unnamed, by their order.

    Early Keras 3 kept no layer's name; there the encoder's order decides too. Layers that are
    too many keep the names they have.
    """
    named = any(is_encoder(layer.name) for layer in given)
    queues: dict[str, deque[str]] = {"convolution": deque(), "batch norm": deque()}
    for name, variables in _by_layer(shapes).items():
        if not (named and is_encoder(name)):
            queues[_kind(variables)].append(name)
    weights: Weights = {}
    for layer in given:
        queue = queues[_kind(layer.variables)]
        by_order = bool(queue) and not is_encoder(layer.name)
        name = queue.popleft() if by_order else layer.name
        again = (
            " again" if any(f"{name}/{variable}" in weights for variable in layer.variables) else ""
        )
        for variable, values in layer.variables.items():
            weights[f"{name}{again}/{variable}"] = np.asarray(values, np.float32)
    return weights


def _check(
    path: Path, shapes: Mapping[str, Shape], weights: Weights, title: str = RESNET50_SEGNET.title
) -> None:
    """Refuse weights that are missing, unexpected, mis-shaped or not possible; warn of odd ones."""
    common = [key for key in shapes if key in weights]
    problems = [
        *listed("missing", [key for key in shapes if key not in weights]),
        *listed("unexpected", [key for key in weights if key not in shapes]),
        *listed("mis-shaped", [key for key in common if weights[key].shape != shapes[key]]),
        *impossible({key: weights[key] for key in common}),
    ]
    lowest = {
        key: float(weights[key].min(initial=0))
        for key in common
        if key.endswith("/moving_variance")
    }
    # A root is taken of variance and epsilon together.
    problems += listed("negative", [k for k, low in lowest.items() if low <= -BATCH_NORM_EPSILON])
    if problems:
        raise CheckpointError(
            f"weights '{path}' ({'; '.join(problems)})",
            f"the {len(shapes)} variables of a {title}",
            "check that the file belongs to this network",
        )
    for key, low in lowest.items():
        if low < 0:
            logger.warning("weights '%s': %s is negative (%.3g)", printable(str(path)), key, low)


def read_segnet(path: Path) -> Weights:
    """Read a segmentation network's weights from a Keras file; its layers' names tell which.

    Args:
        path: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.

    Returns:
        Float32 arrays by ``layer/variable``, such as ``conv1/kernel`` (7, 7, 3, 64), of one of
        :data:`vssn.models.architectures.ARCHITECTURES`.

    Raises:
        CheckpointError: the file can't be read, or is for neither network.
    """
    given = read_layer_weights(path)
    architecture = architecture_of(layer.name for layer in given)
    shapes = architecture.shapes()
    weights = _matched(shapes, given) if architecture is RESNET50_SEGNET else _named(given)
    _check(path, shapes, weights, architecture.title)
    return {key: weights[key] for key in shapes}


def _named(given: Iterable[LayerWeights]) -> Weights:
    """By ``layer/variable``; Keras 2 calls a depthwise convolution's kernel otherwise."""
    return {
        f"{layer.name}/{KERAS2_NAMES.get(variable, variable)}": np.asarray(values, np.float32)
        for layer in given
        for variable, values in layer.variables.items()
    }


def write_segnet(path: Path, weights: Weights, exact: bool = False) -> None:
    """Write a segmentation network's weights as a Keras 2 file.

    See :func:`vssn.checkpoints.hdf5.write_layer_weights`.

    Args:
        path: the .h5 file.
        weights: as :func:`read_segnet` returns them; the file keeps the order of their layers,
            by which Keras 2 loads it.
        exact: keep float32; otherwise kernels are rounded to float16, at half the size.

    Raises:
        CheckpointError: the file can't be written, or a weight is not finite.
    """
    layers = [
        LayerWeights(layer, {name: weights[f"{layer}/{name}"] for name in names})
        for layer, names in _by_layer(weights).items()
    ]
    write_layer_weights(path, layers, exact)


def read_encoder(path: Path) -> Weights:
    """Read the weights of ResNet-50 up to stage 4; what else the file holds is left alone.

    Args:
        path: ImageNet weights under the original Keras names (``res2a_branch2a``).

    Returns:
        Float32 arrays by ``layer/variable``, as the file has them: for BGR input.

    Raises:
        CheckpointError: the file can't be read, or lacks a layer.
    """
    shapes = {key: shape for key, shape in segnet_shapes().items() if is_encoder(key)}
    given = _named(read_layer_weights(path))
    weights = {key: values for key, values in given.items() if key in shapes}
    _check(path, shapes, weights)
    return weights


def _read_tf1(path: Path, scope: str, shapes: Mapping[str, Shape]) -> Weights:
    names = {}
    for key in shapes:
        layer, variable = key.split("/")
        names[f"{scope}/{layer}/{VARIABLE_NAMES[variable]}"] = key
    tf1_shapes = {name: shapes[key] for name, key in names.items()}
    given = read_network_variables(path, scope, tf1_shapes)
    return {names[name]: values for name, values in given.items()}


def read_flownets(path: str | Path | None) -> Weights:
    """Read thin FlowNetS' weights from a TF1 checkpoint.

    Args:
        path: a folder or prefix, see :func:`vssn.checkpoints.locate.locate_tf1`.

    Returns:
        Float32 arrays by ``layer/variable``; kernels as TensorFlow stores them (deconvolutions:
        height, width, outputs, inputs).

    Raises:
        CheckpointError: missing, damaged, or of another network.
    """
    prefix = locate_tf1(path, FLOWNETS_FOLDER)
    return _read_tf1(prefix, FLOWNETS_SCOPE, flownets_shapes())


def read_decision(path: str | Path | None) -> Weights:
    """Read the decision network's weights; see :func:`read_flownets`."""
    prefix = locate_tf1(path, DECISION_FOLDER)
    return _read_tf1(prefix, DECISION_SCOPE, decision_shapes())
