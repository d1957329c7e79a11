"""Initial weights of the segmentation networks' encoders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vssn.checkpoints.arrays import Weights
from vssn.checkpoints.segnet_weights import (
    assign_weights,
    read_encoder_weights,
    rgb_kernel,
)
from vssn.errors import CheckpointError
from vssn.models.architectures import LIGHT_SEGMENTER, Architecture
from vssn.models.layout import STAGES, is_encoder
from vssn.training.efficientnet_weights import encoder_weights, locate_package, read_torch_state

if TYPE_CHECKING:
    import keras


def read_encoder_start(architecture: Architecture, source: str) -> Weights | None:
    """Read the initial weights of a network's encoder; neither Keras nor the network is needed.

    Args:
        architecture: the network's.
        source: "imagenet" for Keras' own download or, of the light network, its package; "none" to
            leave them random; or a file: see
            :func:`vssn.checkpoints.segnet_weights.read_encoder_weights`, or of the light network
            :func:`vssn.training.efficientnet_weights.read_torch_state`.

    Returns:
        Float32 arrays by ``layer/variable``, none of them for random ones; None for the download.

    Raises:
        CheckpointError: the file can't be used.
    """
    if source == "none":
        return {}
    if architecture is LIGHT_SEGMENTER:
        path = locate_package() if source == "imagenet" else Path(source)
        return encoder_weights(read_torch_state(path))
    return None if source == "imagenet" else read_encoder_weights(Path(source))


def set_start(model: keras.Model, weights: Weights | None) -> None:
    """Set the initial weights of ``model``.

    Args:
        model: from :func:`vssn.checkpoints.segnet_weights.build_network`.
        weights: from :func:`read_encoder_start`, or those of all of the network.

    Raises:
        CheckpointError: the download fails.
    """
    if weights is None:
        copy_application(_download(), model)
    else:
        assign_weights(model, weights)


def _download() -> keras.Model:
    import keras

    try:
        return keras.applications.ResNet50(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise CheckpointError(
            f"--encoder_weights imagenet ({error})",
            "Keras' ImageNet weights from its server",
            "go online, or pass a file of them",
        ) from error


def application_name(name: str) -> str:
    """The name in ``keras.applications.ResNet50`` of an encoder layer, such as "bn2a_branch1"."""
    if name in ("conv1", "bn_conv1"):
        return {"conv1": "conv1_conv", "bn_conv1": "conv1_bn"}[name]
    kind, rest = ("bn", name[2:]) if name.startswith("bn") else ("conv", name[3:])
    place, branch = rest.split("_branch")
    blocks = {str(stage): letters for stage, _, letters in STAGES}[place[0]]
    part = 0 if branch == "1" else "abc".index(branch[1]) + 1
    return f"conv{place[0]}_block{blocks.index(place[1]) + 1}_{part}_{kind}"


def copy_application(application: keras.Model, model: keras.Model) -> None:
    """Copy the encoder from a ``keras.applications.ResNet50``, which expects caffe-style BGR."""
    for layer in model.layers:
        if layer.weights and is_encoder(layer.name):
            source = application.get_layer(application_name(layer.name))
            values = {variable.name: variable.numpy() for variable in source.weights}
            if layer.name == "conv1":
                values["kernel"] = rgb_kernel(values["kernel"])
            for variable in layer.weights:
                variable.assign(values[variable.name])
