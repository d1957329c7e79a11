"""The segmentation network that weights belong to, as an OpenVINO graph, and its input."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import openvino as ov
import openvino.opset13 as ops

from vssn.checkpoints.arrays import Weights
from vssn.models.architectures import (
    LIGHT_SEGMENTER,
    RESNET50_SEGNET,
    Architecture,
    architecture_of,
)
from vssn.preprocess import resize_bilinear
from vssn.runtime.openvino_graph import Node
from vssn.runtime.openvino_light import light_probabilities
from vssn.runtime.openvino_segnet import segnet_probabilities
from vssn.runtime.quantisation import Layers
from vssn.types import UInt8Array


def segmentation_image(frame_bgr: UInt8Array, input_hw: tuple[int, int]) -> UInt8Array:
    """The graphs' input from a frame.

    Resized outside of the graph: as a part of it, that takes four times as long.

    Args:
        frame_bgr: (H, W, 3) uint8 BGR, any size.
        input_hw: the network's input size in px.

    Returns:
        (1, h, w, 4) uint8 BGRA.
    """
    small = resize_bilinear(frame_bgr, input_hw)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2BGRA), np.uint8)[np.newaxis]


class Network(Protocol):
    """Makes the nodes of a network."""

    def __call__(self, layers: Layers, image: Node, weights: Weights) -> Node:
        """From an image (1, H, W, 4) to class probabilities (H/2, W/2, 11), void left out."""


NETWORKS: dict[Architecture, Network] = {
    RESNET50_SEGNET: segnet_probabilities,
    LIGHT_SEGMENTER: light_probabilities,
}


def build_segmentation_graph(
    weights: Weights, input_hw: tuple[int, int], layers: Layers | None = None
) -> ov.Model:
    """Build the graph of the network that the weights belong to.

    Args:
        weights: from :func:`vssn.checkpoints.segnet_weights.read_any_segnet`.
        input_hw: height and width of the input in px, multiples of 32.
        layers: makes the convolutions; without it, all are in floating point.

    Returns:
        Model from (1, H, W, 4) uint8 BGRA, the fourth channel 255 everywhere, to class
        probabilities (H/2, W/2, 11) float32, void left out.
    """
    layers = Layers() if layers is None else layers
    architecture = architecture_of(weights)
    image = ops.parameter([1, *input_hw, 4], np.uint8, name="frame_bgra")
    probabilities = NETWORKS[architecture](layers, image, weights)
    return ov.Model([probabilities], [image], architecture.name)
