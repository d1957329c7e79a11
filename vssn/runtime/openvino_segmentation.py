"""The segmentation network that weights belong to, as an OpenVINO graph, and its input."""

from __future__ import annotations

import cv2
import numpy as np
import openvino as ov

from vssn.checkpoints.arrays import Weights
from vssn.models.architectures import LIGHT_SEGMENTER, architecture_of
from vssn.preprocess import resize_bilinear
from vssn.runtime.openvino_light import build_light_graph
from vssn.runtime.openvino_segnet import build_segnet_graph
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


def build_segmentation_graph(
    weights: Weights, input_hw: tuple[int, int], layers: Layers | None = None
) -> ov.Model:
    """Build the graph of the network that the weights belong to.

    See :func:`vssn.runtime.openvino_segnet.build_segnet_graph` and
    :func:`vssn.runtime.openvino_light.build_light_graph`, which take the same.
    """
    light = architecture_of(weights) is LIGHT_SEGMENTER
    return (build_light_graph if light else build_segnet_graph)(weights, input_hw, layers)
