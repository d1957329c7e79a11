"""Frozen TensorFlow graphs (.pb) of the segmentation network.

TensorFlow is imported inside functions: the module itself is loaded by every inference run.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vssn.checkpoints.graph_def import checksum_path, parse_graph, read_graph_bytes, refuse
from vssn.errors import CheckpointError
from vssn.files import write_bytes, write_text
from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import OUTPUT_STRIDE, SIZE_MULTIPLE
from vssn.types import Float32Array

INPUT_NAME = "input_1"
OUTPUT_NAME = "activation_49/truediv"
SOFTMAX_OPERATIONS = ("Softmax", "RealDiv")
MAX_VALUES = 1 << 28  # of any tensor; the network's largest has 16 million


@dataclass(frozen=True)
class FrozenGraph:
    """A checked segmentation graph.

    Attributes:
        path: the file.
        graph_def: its ``tf.compat.v1.GraphDef``.
        input_name: name of the placeholder, without ``:0``.
        output_name: name of the softmax operation, without ``:0``.
        input_hw: height and width of the input in px.
    """

    path: Path
    graph_def: Any
    input_name: str
    output_name: str
    input_hw: tuple[int, int]

    @property
    def output_hw(self) -> tuple[int, int]:
        """Height and width of the output."""
        return self.input_hw[0] // OUTPUT_STRIDE, self.input_hw[1] // OUTPUT_STRIDE

    @cached_property
    def _function(self) -> Callable[[Any], Any]:
        import tensorflow as tf

        def import_graph() -> None:
            tf.graph_util.import_graph_def(self.graph_def, name="")

        wrapped = tf.compat.v1.wrap_function(import_graph, [])
        return wrapped.prune(f"{self.input_name}:0", f"{self.output_name}:0")  # type: ignore[no-any-return]

    def run(self, image: Any) -> list[Float32Array]:
        """Run the graph with TensorFlow.

        Args:
            image: (1, H, W, 3) float32 RGB, mean-subtracted (see
                :func:`vssn.preprocess.segnet_input`), an array or a tensor.

        Returns:
            One array: probabilities (1, H/2 * W/2, 12) float32.

        Raises:
            CheckpointError: the graph computes something else.
        """
        import tensorflow as tf

        height, width = self.output_hw
        try:
            probabilities: Float32Array = self._function(tf.constant(image)).numpy()
            return [probabilities.reshape(1, height * width, NUM_OUTPUTS)]
        except (ValueError, tf.errors.OpError) as error:
            raise refuse(self.path, f"it can't be run: {error}") from error


def _read_graph_def(path: Path) -> Any:
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    data = read_graph_bytes(path)
    parse_graph(path, data)  # which refuses whatever TensorFlow could choke on
    try:
        return tf.compat.v1.GraphDef.FromString(data)
    except DecodeError as error:
        raise refuse(path, "no GraphDef, or damaged") from error


def _check_operation(path: Path, operation: Any) -> None:
    """No tensor may be huge, whose operations are plain arithmetic."""
    for tensor in operation.outputs:
        sizes = tensor.shape.as_list() if tensor.shape.rank is not None else []
        if math.prod(size or 1 for size in sizes) > MAX_VALUES:
            raise refuse(path, f"'{tensor.name}' has shape {sizes}")


def _import_graph(path: Path, graph_def: Any) -> Any:
    """The ``tf.Graph``, with shapes inferred and every operation checked."""
    import tensorflow as tf

    graph = tf.Graph()
    try:
        with graph.as_default():
            tf.graph_util.import_graph_def(graph_def, name="")
    except (ValueError, TypeError, KeyError, tf.errors.OpError) as error:
        raise refuse(path, f"damaged: {error}") from error
    for operation in graph.get_operations():
        _check_operation(path, operation)
    return graph


def _named(path: Path, graph: Any, name: str) -> Any:
    """The operation that the user named, with or without ``:0``."""
    name = name.removesuffix(":0")
    found = [operation for operation in graph.get_operations() if operation.name == name]
    if not found or not found[0].outputs:
        raise refuse(path, f"it has no tensor '{name}:0'")
    return found[0]


def _only(path: Path, what: str, preferred: str, candidates: list[Any]) -> Any:
    """The preferred candidate, else the only one."""
    found = [each for each in candidates if each.name == preferred] or candidates
    if len(found) == 1:
        return found[0]
    names = ", ".join(each.name for each in found[:4]) or "none"
    raise refuse(path, f"which is the {what}? found {names}; give its name")


def _input(path: Path, graph: Any) -> Any:
    operations = [each for each in graph.get_operations() if each.type == "Placeholder"]
    floats = [each for each in operations if each.outputs[0].dtype.name == "float32"]
    return _only(path, "float input", INPUT_NAME, floats)


def _without_identities(operation: Any) -> Any:
    while operation.type == "Identity":
        operation = operation.inputs[0].op
    return operation


def _output(path: Path, graph: Any) -> Any:
    operations = graph.get_operations()
    for operation in operations:
        if operation.name == OUTPUT_NAME and operation.type in SOFTMAX_OPERATIONS:
            return operation
    sinks = [each for each in operations if each.outputs and not each.outputs[0].consumers()]
    ends = dict.fromkeys(_without_identities(sink) for sink in sinks)
    softmax = [each for each in ends if each.type in SOFTMAX_OPERATIONS]
    return _only(path, "softmax output", OUTPUT_NAME, softmax)


def _input_hw(path: Path, tensor: Any) -> tuple[int, int]:
    shape = tensor.shape.as_list() if tensor.shape.rank == 4 else [0, 0, 0, 0]
    fits = tensor.dtype.name == "float32" and tensor.shape.is_compatible_with([1, None, None, 3])
    if not fits or any(not side or side % SIZE_MULTIPLE for side in shape[1:3]):
        what = f"input '{tensor.name}' is {tensor.dtype.name} {tensor.shape}, not float32 [1, H, W"
        raise refuse(path, f"{what}, 3] with sides that are multiples of {SIZE_MULTIPLE}")
    return shape[1], shape[2]


def _check_output(path: Path, tensor: Any, input_hw: tuple[int, int]) -> None:
    """Compare what is known of the output's shape before anything is run."""
    if tensor.shape.rank is None:
        return
    height, width = (side // OUTPUT_STRIDE for side in input_hw)
    shapes = ([None, height * width, NUM_OUTPUTS], [None, height, width, NUM_OUTPUTS])
    if tensor.dtype.name != "float32" or not any(map(tensor.shape.is_compatible_with, shapes)):
        what = f"output '{tensor.name}' is {tensor.dtype.name} {tensor.shape.as_list()}"
        raise refuse(path, f"{what}, not float32 {shapes[0]}")


def read_frozen_graph(
    path: Path, input_name: str | None = None, output_name: str | None = None
) -> FrozenGraph:
    """Read and check a frozen graph; nothing in it is run.

    Args:
        path: the .pb file.
        input_name: the placeholder, where it is neither ``input_1`` nor the only float one.
        output_name: the softmax, where it is neither ``activation_49/truediv`` nor the only
            one at the graph's end.

    Raises:
        CheckpointError: missing, damaged, not frozen, or not such a network. A file written by
            :func:`vssn.checkpoints.freeze.write_frozen_graph` has a checksum beside it, which
            is verified; in other files damage to a weight can go unnoticed.
    """
    graph_def = _read_graph_def(path)
    graph = _import_graph(path, graph_def)
    source = _named(path, graph, input_name) if input_name else _input(path, graph)
    softmax = _named(path, graph, output_name) if output_name else _output(path, graph)
    input_hw = _input_hw(path, source.outputs[0])
    _check_output(path, softmax.outputs[0], input_hw)
    return FrozenGraph(path, graph_def, source.name, softmax.name, input_hw)


def write_graph_def(path: Path, graph_def: Any) -> None:
    """Write a ``GraphDef``, atomically, and its checksum beside it, as ``sha256sum`` writes it.

    Raises:
        CheckpointError: the files can't be written.
    """
    data = graph_def.SerializeToString(deterministic=True)
    # An older checksum must not refuse the new graph should the work end between the two.
    with contextlib.suppress(OSError):
        checksum_path(path).unlink()
    write_bytes(path, data, "graph", CheckpointError)
    line = f"{hashlib.sha256(data).hexdigest()}  {path.name}\n"
    write_text(checksum_path(path), line, "checksum", CheckpointError)
