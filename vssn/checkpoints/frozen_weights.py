"""Reading ResNet50-SegNet's weights out of a frozen graph, by the graph's structure.

Names play no part: this project's graphs have their batch norms folded, the original's have them
as ``FusedBatchNorm`` or as the arithmetic that Keras 2 writes for one. From the softmax back to the
input, every operation must be the one that the network has there.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vssn.checkpoints.arrays import Weights
from vssn.checkpoints.graph_def import (
    Graph,
    Node,
    attribute_field,
    constant,
    parse_graph,
    placeholder_shape,
    read_graph_bytes,
    text,
    whole_numbers,
)
from vssn.checkpoints.values import impossible
from vssn.errors import CheckpointError
from vssn.models.layout import (
    BATCH_NORM_EPSILON,
    DECODER_FILTERS,
    SIZE_MULTIPLE,
    STAGES,
    segnet_batch_norm,
    segnet_shapes,
)
from vssn.types import Float32Array

LOOSE = ("NoOp", "Placeholder", "Const")  # what nothing need read, such as the learning phase
THROUGH = ("Identity", "Reshape")
ADDITIONS = ("Add", "AddV2", "BiasAdd")
BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


class OtherNetworkError(Exception):
    """Where the graph is not ResNet50-SegNet; such a graph runs as it is written."""


class _Matcher:
    """Walks from the output to the input and collects weights.

    Args:
        graph: from :func:`vssn.checkpoints.graph_def.parse_graph`.

    Attributes:
        weights: what was found so far, by ``layer/variable``.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self.weights: Weights = {}

    def _node(self, name: str) -> Node:
        node = self._graph.get(name)
        while node is not None and node.op == "Identity":
            node = self._graph.get(node.inputs[0])
        if node is None:
            raise OtherNetworkError(f"'{name}' is no first output")
        return node

    def expect(self, condition: bool, node: Node, what: str) -> None:
        """Give up where a node is not what the network has there."""
        if not condition:
            raise OtherNetworkError(f"'{node.name}', a {node.op}, where {what} is expected")

    def take(self, name: str, *ops: str) -> Node:
        """The operation of that name, which must be one of ``ops``."""
        node = self._node(name)
        self.expect(node.op in ops, node, ops[0])
        return node

    def _constant(self, name: str) -> Float32Array:
        node = self.take(name, "Const")
        return np.asarray(constant(node), np.float32)

    def _is_constant(self, name: str) -> bool:
        return self._node(name).op == "Const"

    def _whole(self, name: str) -> list[int]:
        return [int(value) for value in np.ravel(constant(self.take(name, "Const")))]

    def output(self) -> str:
        """The logits' name: what the only softmax at the graph's end reads."""
        read = {each.split(":")[0] for node in self._graph.values() for each in node.inputs}
        ends = [n for n in self._graph if n not in read and self._graph[n].op not in LOOSE]
        softmax = dict.fromkeys(self._node(name).name for name in ends)
        if len(softmax) != 1:
            raise OtherNetworkError(f"{len(softmax)} outputs")
        node = self.take(next(iter(softmax)), "Softmax", "RealDiv")
        if node.op == "RealDiv":
            exponents = self.take(node.inputs[0], "Exp")
            total = self.take(node.inputs[1], "Sum")
            self.expect(self._node(total.inputs[0]).name == exponents.name, total, "softmax")
            node = self.take(exponents.inputs[0], "Sub")
            largest = self.take(node.inputs[1], "Max")
            same = self._node(largest.inputs[0]).name == self._node(node.inputs[0]).name
            self.expect(same, largest, "softmax")
        return self._without_reshape(node.inputs[0])

    def _without_reshape(self, name: str) -> str:
        node = self._node(name)
        while node.op in THROUGH:
            node = self._node(node.inputs[0])
        return node.name

    def _scale(self, name: str) -> tuple[Float32Array, Float32Array] | None:
        """Gamma and variance of Keras 2's ``gamma * rsqrt(variance + epsilon)``."""
        node = self._node(name)
        if node.op != "Mul":
            return None
        for root, gamma in (node.inputs, node.inputs[::-1]):
            if self._node(root).op == "Rsqrt" and self._is_constant(gamma):
                total = self.take(self._node(root).inputs[0], "Add", "AddV2")
                values = sorted(map(self._constant, total.inputs), key=np.size)
                epsilon = values[0].size == 1 and np.isclose(values[0], BATCH_NORM_EPSILON)
                self.expect(bool(epsilon), total, "a batch norm of epsilon 0.001")
                return self._constant(gamma), values[1]
        return None

    def _written_batch_norm(self, node: Node, layer: str) -> str | None:
        """``x * scale + (beta - mean * scale)``; what it reads, or None where it is another."""
        if node.op not in ("Add", "AddV2"):
            return None
        for scaled, shift in (node.inputs, node.inputs[::-1]):
            product, difference = self._node(scaled), self._node(shift)
            if product.op != "Mul" or difference.op != "Sub":
                continue
            for x, scale in (product.inputs, product.inputs[::-1]):
                found = self._scale(scale)
                if found is None:
                    continue
                mean = self.take(difference.inputs[1], "Mul")
                names = [each for each in mean.inputs if self._is_constant(each)]
                self.expect(len(names) == 1, mean, "a batch norm's mean")
                beta = self._constant(difference.inputs[0])
                self._keep(layer, (found[0], beta, self._constant(names[0]), found[1]))
                return x
        return None

    def _keep(self, layer: str, values: tuple[Float32Array, ...]) -> None:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        self.weights |= {f"{layer}/{n}": v for n, v in zip(names, values, strict=True)}

    def _batch_norm(self, name: str, layer: str) -> str:
        """What the batch norm reads; ``name`` itself where it is folded."""
        node = self._node(name)
        if node.op not in BATCH_NORMS:
            return self._written_batch_norm(node, layer) or name
        epsilon = np.frombuffer(attribute_field(node, "epsilon", 4)[1], "<f4")
        right = epsilon.size == 1 and bool(np.isclose(epsilon[0], BATCH_NORM_EPSILON))
        right = right and not attribute_field(node, "is_training", 5)[0]
        self.expect(right, node, "a batch norm of epsilon 0.001, not in training")
        self._keep(layer, tuple(map(self._constant, node.inputs[1:5])))
        return node.inputs[0]

    def convolution(self, name: str, layer: str, strides: int = 1, padding: str = "VALID") -> str:
        """Collect a convolution with bias and batch norm; return what it reads."""
        node = self._node(self._batch_norm(name, segnet_batch_norm(layer)))
        self.expect(node.op in ADDITIONS, node, f"the bias of {layer}")
        bias = self._constant(node.inputs[1])
        node = self.take(node.inputs[0], "Conv2D")
        given = whole_numbers(node, "strides")
        kernel = self._constant(node.inputs[1])
        right = given == [1, strides, strides, 1] and text(node, "data_format") in ("", "NHWC")
        # A kernel of one value reads no border.
        right &= text(node, "padding") == padding or kernel.shape[:2] == (1, 1)
        right &= set(whole_numbers(node, "dilations")) <= {1}
        self.expect(right, node, f"{layer} with strides {strides} and padding {padding}")
        self.weights |= {f"{layer}/kernel": kernel, f"{layer}/bias": bias}
        return node.inputs[0]

    def padding(self, name: str, px: int) -> str:
        """Zero padding on all sides."""
        node = self.take(name, "Pad")
        self.expect(self._whole(node.inputs[1]) == [0, 0, px, px, px, px, 0, 0], node, "padding")
        return node.inputs[0]

    def upsampling(self, name: str, grid_hw: tuple[int, int]) -> str:
        """Twofold nearest-neighbour enlargement to ``grid_hw``."""
        node = self.take(name, "ResizeNearestNeighbor")
        size = self._node(node.inputs[1])
        if size.op == "Mul":  # Keras 2 computes it: shape(x)[1:3] * 2
            constants = [each for each in size.inputs if self._is_constant(each)]
            right = len(constants) == 1 and self._whole(constants[0]) == [2, 2]
        else:
            right = self._whole(node.inputs[1]) == list(grid_hw)
        self.expect(right, node, "twofold enlargement")
        aligned = attribute_field(node, "align_corners", 5)[0]
        centred = attribute_field(node, "half_pixel_centers", 5)[0]
        self.expect(not aligned and not centred, node, "enlargement without alignment")
        return node.inputs[0]

    def relu(self, name: str) -> str:
        """What the activation reads."""
        return self.take(name, "Relu").inputs[0]

    def block(self, name: str, stage: int, letter: str) -> str:
        """One residual block; return what it reads."""
        total = self.take(self.relu(name), "Add", "AddV2")
        tail = f"res{stage}{letter}_branch"
        strides = 2 if letter == "a" and stage > STAGES[0][0] else 1
        branch, shortcut = total.inputs
        if letter != "a" and self._node(branch).op == "Relu":
            branch, shortcut = shortcut, branch
        x = self.relu(self.convolution(branch, f"{tail}2c"))
        x = self.relu(self.convolution(x, f"{tail}2b", padding="SAME"))
        x = self.convolution(x, f"{tail}2a", strides)
        if letter == "a":
            shortcut = self.convolution(shortcut, f"{tail}1", strides)
        same = self._node(shortcut).name == self._node(x).name
        self.expect(same, total, "a block whose branches read the same")
        return x

    def input_hw(self, name: str) -> tuple[int, int]:
        """The size of the placeholder at the graph's start."""
        node = self.take(name, "Placeholder")
        shape = placeholder_shape(node)
        right = len(shape) == 4 and shape[0] in (-1, 1) and shape[3] == 3
        right = right and all(side > 0 and side % SIZE_MULTIPLE == 0 for side in shape[1:3])
        self.expect(right, node, f"an input of sides that are multiples of {SIZE_MULTIPLE}")
        return shape[1], shape[2]


def _match(graph: Graph) -> tuple[Weights, tuple[int, int]]:
    inputs = [
        n for n, node in graph.items() if node.op == "Placeholder" and placeholder_shape(node)
    ]
    matcher = _Matcher(graph)
    if len(inputs) != 1:
        raise OtherNetworkError(f"{len(inputs)} inputs")
    input_hw = matcher.input_hw(inputs[0])
    last = len(DECODER_FILTERS) + 1
    x = matcher.convolution(matcher.output(), f"conv2d_{last}", padding="SAME")
    for number in range(len(DECODER_FILTERS), 0, -1):
        x = matcher.padding(matcher.convolution(x, f"conv2d_{number}"), 1)
        if number > 1:
            stride = 2 ** (len(DECODER_FILTERS) + 1 - number)
            x = matcher.upsampling(x, (input_hw[0] // stride, input_hw[1] // stride))
    for stage, _, letters in reversed(STAGES):
        for letter in reversed(letters):
            x = matcher.block(x, stage, letter)
    pool = matcher.take(x, "MaxPool")
    right = whole_numbers(pool, "ksize") == [1, 3, 3, 1] and text(pool, "padding") == "VALID"
    right &= whole_numbers(pool, "strides") == [1, 2, 2, 1]
    matcher.expect(right, pool, "pooling of 3 px and stride 2")
    x = matcher.convolution(matcher.relu(pool.inputs[0]), "conv1", strides=2)
    if matcher.input_hw(matcher.padding(x, 3)) != input_hw:
        raise OtherNetworkError("two inputs")
    return matcher.weights, input_hw


def read_frozen_weights(path: Path) -> tuple[Weights, tuple[int, int]]:
    """Read ResNet50-SegNet's weights out of a .pb; no library runs or parses it.

    Returns:
        Float32 arrays by ``layer/variable``, without batch norms where those are folded; and
        the input's height and width in px.

    Raises:
        CheckpointError: unreadable, damaged, or not plainly a frozen network.
        OtherNetworkError: it is another network.
    """
    graph = parse_graph(path, read_graph_bytes(path))
    try:
        weights, input_hw = _match(graph)
    except (ValueError, IndexError, RecursionError) as error:
        raise OtherNetworkError(str(error)) from error
    shapes = segnet_shapes()
    for key, values in weights.items():
        if values.shape != shapes[key]:
            raise OtherNetworkError(f"{key} has shape {list(values.shape)}")
    problems = impossible(weights)
    if problems:
        raise CheckpointError(
            f"graph '{path}' ({'; '.join(problems)})", "trained weights", "convert the .h5 again"
        )
    return {key: weights[key] for key in shapes if key in weights}, input_hw
