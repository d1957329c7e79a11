"""Frozen TensorFlow graphs (.pb) through OpenVINO's own reader, without TensorFlow."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import openvino as ov
import openvino.opset13 as ops

from vssn.checkpoints.graph_def import UnsupportedGraphError, parse_graph, read_graph_bytes
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.models.layout import OUTPUT_STRIDE, SIZE_MULTIPLE
from vssn.openvino_core import openvino_core
from vssn.preprocess import SEGNET_MEANS_RGB

# Its messages quote the file, whose bytes need not be text.
OPENVINO_ERRORS = (RuntimeError, UnicodeDecodeError)


def _refuse(path: Path, what: str) -> UnsupportedGraphError:
    return UnsupportedGraphError(
        f"graph '{path}' ({what[-300:]})",
        "a frozen ResNet50-SegNet",
        "give the .h5 file instead, or run it with --runtime tensorflow",
    )


def _read(path: Path) -> ov.Model:
    parse_graph(path, read_graph_bytes(path))
    try:
        return openvino_core().read_model(path)
    except OPENVINO_ERRORS as error:
        raise _refuse(path, str(error)) from error


def _input_hw(path: Path, graph: ov.Model) -> tuple[int, int]:
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise _refuse(path, f"{len(graph.inputs)} inputs and {len(graph.outputs)} outputs")
    shape = graph.input().get_partial_shape()
    if shape.rank.is_dynamic or len(shape) != 4 or any(shape[side].is_dynamic for side in (1, 2)):
        raise _refuse(path, f"its input is {shape}")
    height, width = shape[1].get_length(), shape[2].get_length()
    if height % SIZE_MULTIPLE or width % SIZE_MULTIPLE:
        raise _refuse(path, f"its input is {height}x{width}")
    try:
        graph.reshape([1, height, width, 3])
        values = math.prod(graph.output().shape)
    except OPENVINO_ERRORS as error:
        raise _refuse(path, str(error)) from error
    if values != height * width * NUM_OUTPUTS // OUTPUT_STRIDE**2:
        raise _refuse(path, f"its output is {list(graph.output().shape)}")
    return height, width


def build_frozen_graph(path: Path) -> ov.Model:
    """Read a frozen graph and give it the input and output of ours.

    Args:
        path: the .pb file.

    Returns:
        As :func:`vssn.runtime.openvino_segmentation.build_segmentation_graph`, but run as it is
        written.

    Raises:
        CheckpointError: damaged, or of another network.
    """
    graph = _read(path)
    height, width = _input_hw(path, graph)
    image = ops.parameter([1, height, width, 4], np.uint8, name="frame_bgra")
    rgb = ops.gather(ops.convert(image, "f32"), [2, 1, 0], 3)
    centred = ops.subtract(rgb, SEGNET_MEANS_RGB.reshape(1, 1, 1, 3))
    for target in graph.get_parameters()[0].output(0).get_target_inputs():
        target.replace_source_output(centred.output(0))
    probabilities = graph.get_results()[0].input_value(0)
    grid_hw = [height // OUTPUT_STRIDE, width // OUTPUT_STRIDE]
    probabilities = ops.reshape(probabilities, [*grid_hw, NUM_OUTPUTS], special_zero=False)
    return ov.Model(
        [ops.slice(probabilities, [0], [NUM_CLASSES], [1], [2])], [image], "frozen_segnet"
    )
