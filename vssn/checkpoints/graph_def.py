"""A frozen TensorFlow graph (.pb) read with limits, before any library sees it.

Only the operations of convolutional networks pass, and only bounded numbers of nodes, values and
pixels. Sources: TensorFlow's ``graph.proto``, ``node_def.proto``, ``attr_value.proto``,
``tensor.proto``; Protocol Buffers' encoding.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.checkpoints.values import MAX_STATISTIC
from vssn.errors import CheckpointError
from vssn.files import is_there, read_regular

Array = npt.NDArray[np.generic]

MAX_BYTES = 1 << 29
MAX_NODES = 5000
MAX_VALUES = 1 << 26  # in all constants; ResNet50-SegNet has 15 million
MAX_WHOLE = 1 << 22  # in constants of whole numbers, which are sizes
MAX_SIDE_PX = 1 << 13
MAX_PIXELS = 1 << 23
CHECKSUM_SUFFIX = ".sha256"  # of the file beside ours, as the program sha256sum writes it
PLAIN = frozenset(
    {
        "Add",
        "AddV2",
        "BiasAdd",
        "Cast",
        "ConcatV2",
        "Const",
        "Conv2D",
        "Exp",
        "FusedBatchNorm",
        "FusedBatchNormV2",
        "FusedBatchNormV3",
        "Identity",
        "LogicalNot",
        "Max",
        "MaxPool",
        "Merge",
        "Mul",
        "NoOp",
        "Pack",
        "Pad",
        "Placeholder",
        "PlaceholderWithDefault",
        "Prod",
        "RealDiv",
        "Relu",
        "Reshape",
        "ResizeNearestNeighbor",
        "Rsqrt",
        "Shape",
        "Softmax",
        "Squeeze",
        "StridedSlice",
        "Sub",
        "Sum",
        "Switch",
    }
)
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 4: "|u1", 9: "<i8", 10: "|b1", 19: "<f2"}
VALUE_FIELDS = {5: "<f4", 6: "<f8"}  # packed floats and doubles; the others hold varints
VARINT_FIELDS = frozenset({7, 10, 11, 13})
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class UnsupportedGraphError(CheckpointError):
    """A sound graph that OpenVINO can't run; TensorFlow may."""


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: of the operation.
        op: its kind, such as Conv2D.
        inputs: names of the operations that it reads, without output numbers and controls.
        attributes: undecoded, by name.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: dict[str, bytes] = field(default_factory=dict)


Graph = dict[str, Node]


def refuse(path: Path, what: str) -> CheckpointError:
    """The error for a graph that can't be used."""
    return CheckpointError(
        f"graph '{path}' ({what[:300]})",
        "a frozen ResNet50-SegNet",
        "convert the .h5 again with vssn convert",
    )


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise ValueError("a number without an end")


def message_fields(data: memoryview | bytes) -> Iterator[tuple[int, int, memoryview]]:
    """Number, value and content (whichever it has) of each field of a protocol buffer.

    Raises:
        ValueError: it is none.
        IndexError: it is cut off.
    """
    data, at = memoryview(data), 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(data, at)
            yield number, value, memoryview(b"")
            continue
        if kind not in (FIXED64, BYTES, FIXED32):
            raise ValueError(f"field type {kind}")
        size, at = _varint(data, at) if kind == BYTES else ({FIXED64: 8, FIXED32: 4}[kind], at)
        if size > len(data) - at:
            raise IndexError("a field is cut off")
        content = data[at : at + size]
        at += size
        yield number, 0 if kind == BYTES else int.from_bytes(content, "little"), content


def _attribute(data: memoryview) -> tuple[str, bytes]:
    name, value = "", b""
    for number, _, content in message_fields(data):
        if number == 1:
            name = bytes(content).decode()
        elif number == 2:
            value = bytes(content)
    return name, value


def _node(data: memoryview) -> Node:
    name = op = ""
    inputs: list[str] = []
    attributes: dict[str, bytes] = {}
    for number, _, content in message_fields(data):
        if number in (1, 2, 3):
            text = bytes(content).decode()
            name = text if number == 1 else name
            op = text if number == 2 else op
            if number == 3 and not text.startswith("^"):
                inputs.append(text.removesuffix(":0"))
        elif number == 5:
            key, value = _attribute(content)
            attributes[key] = value
    return Node(name, op, tuple(inputs), attributes)


def dimensions(shape: memoryview | bytes) -> list[int]:
    """The sizes in a TensorShapeProto; -1 for unknown ones."""
    sizes = []
    for number, _, content in message_fields(shape):
        if number == 2:
            size = next((value for field, value, _ in message_fields(content) if field == 1), 0)
            sizes.append(size - (1 << 64) if size >> 63 else size)
    return sizes


def attribute_field(node: Node, name: str, number: int) -> tuple[int, memoryview]:
    """One field of an attribute: value and content; (0, b"") where it is missing."""
    found = (0, memoryview(b""))
    for field_number, value, content in message_fields(node.attributes.get(name, b"")):
        if field_number == number:
            found = value, content
    return found


def whole_numbers(node: Node, name: str) -> list[int]:
    """An attribute that is a list of whole numbers, such as strides."""
    _, values = attribute_field(node, name, 1)
    numbers: list[int] = []
    for number, value, content in message_fields(values):
        if number == 3 and not content:
            numbers.append(value)
        at = 0
        while number == 3 and at < len(content):
            value, at = _varint(content, at)
            numbers.append(value)
    return numbers


def text(node: Node, name: str) -> str:
    """An attribute that is a string, such as padding."""
    return bytes(attribute_field(node, name, 2)[1]).decode()


def _listed_values(number: int, value: int, content: memoryview, dtype: str) -> Array:
    if number in VALUE_FIELDS:
        return np.frombuffer(content, VALUE_FIELDS[number])
    values, at = [] if content else [value], 0
    while at < len(content):
        value, at = _varint(content, at)
        values.append(value)
    signed = [each - (1 << 64) if each >> 63 else each for each in values]
    if number == 13:  # float16's bits
        return np.array(signed, "<u2").view("<f2")
    return np.array(signed, dtype)


def constant_shape(node: Node) -> list[int]:
    """The shape of a Const, without its values."""
    _, tensor = attribute_field(node, "value", 8)
    shapes = [dimensions(content) for number, _, content in message_fields(tensor) if number == 2]
    return shapes[-1] if shapes else []


def constant(node: Node) -> Array:
    """The values of a Const whose size was checked.

    Raises:
        ValueError: they don't fit its shape, or are of another type.
    """
    _, tensor = attribute_field(node, "value", 8)
    kind, parts, raw = 0, [], memoryview(b"")
    for number, value, _ in message_fields(tensor):
        kind = value if number == 1 else kind
    if kind not in DTYPES:
        raise ValueError(f"'{node.name}' is of type {kind}")
    for number, value, content in message_fields(tensor):
        if number == 4:
            raw = content
        elif number in VALUE_FIELDS or number in VARINT_FIELDS:
            parts.append(_listed_values(number, value, content, DTYPES[kind]))
    shape = constant_shape(node)
    size = math.prod(shape)
    values = np.frombuffer(raw, DTYPES[kind]) if raw else np.concatenate(parts or [np.zeros(1)])
    values = values.astype(DTYPES[kind])
    if 0 < values.size < size and not raw:  # the last value stands for the rest
        values = np.concatenate([values, np.full(size - values.size, values[-1])])
    return values.reshape(shape)


def _check_constant(node: Node) -> int:
    shape = constant_shape(node)
    size = math.prod(shape)
    if min(shape, default=0) < 0 or size > MAX_VALUES:
        raise ValueError(f"'{node.name}' has shape {shape}")
    values = constant(node)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"'{node.name}' holds non-finite values")
    largest = np.abs(values).max(initial=0) if values.dtype.kind == "f" else 0
    if largest > MAX_STATISTIC:
        raise ValueError(f"'{node.name}' goes up to {largest:.3g}, more than any training gives")
    if values.dtype.kind in "iu":
        sizes = np.abs(values.astype(np.float64))
        if values.size > 64 or sizes.max(initial=0) > MAX_WHOLE:
            raise ValueError(f"'{node.name}' holds sizes up to {sizes.max(initial=0):.0f}")
    return size


def placeholder_shape(node: Node) -> list[int]:
    """The shape that a Placeholder is given for; empty where that is not said."""
    return dimensions(attribute_field(node, "shape", 7)[1])


def _check_node(node: Node) -> int:
    """The number of values that the node brings."""
    if node.op not in PLAIN:
        raise ValueError(f"operation '{node.name}', a {node.op}, is none of a frozen network's")
    if node.op.startswith("Placeholder"):
        sides = placeholder_shape(node)[1:3]
        if max(sides, default=0) > MAX_SIDE_PX or math.prod(sides) > MAX_PIXELS:
            raise ValueError(f"'{node.name}' is an input of {sides} px")
    return _check_constant(node) if node.op == "Const" else 0


def _acyclic(graph: Graph) -> bool:
    """Whether no operation reads its own result; every input must exist."""
    waiting = {name: {each.split(":")[0] for each in node.inputs} for name, node in graph.items()}
    readers: dict[str, list[str]] = {}
    for name, sources in waiting.items():
        for source in sources:
            readers.setdefault(source, []).append(name)
    ready = [name for name, sources in waiting.items() if not sources]
    done = 0
    while ready:
        done += 1
        name = ready.pop()
        for reader in readers.get(name, ()):
            waiting[reader].discard(name)
            if not waiting[reader]:
                ready.append(reader)
    return done == len(graph)


def parse_graph(path: Path, data: bytes) -> Graph:
    """Read and check a graph.

    Args:
        path: for the error.
        data: the file.

    Returns:
        Its operations by name.

    Raises:
        CheckpointError: it is no graph, or not plainly a frozen network.
    """
    graph: Graph = {}
    values = 0
    try:
        for number, _, content in message_fields(data):
            if number == 2 and len(content):
                raise ValueError("it holds functions of its own")
            if number != 1:
                continue
            node = _node(content)
            if node.name in graph or len(graph) == MAX_NODES:
                raise ValueError(f"'{node.name}' is there twice, or too many operations")
            graph[node.name] = node
            values += _check_node(node)
            if values > MAX_VALUES:
                raise ValueError(f"more than {MAX_VALUES} values")
        if not graph or not _acyclic(graph):
            raise ValueError("no operations, or a loop")
    except (ValueError, IndexError, OverflowError, TypeError) as error:
        raise refuse(path, f"damaged or of another kind: {error}") from error
    return graph


def checksum_path(path: Path) -> Path:
    """The file beside a .pb that holds its SHA-256."""
    return path.with_name(path.name + CHECKSUM_SUFFIX)


def read_graph_bytes(path: Path) -> bytes:
    """A .pb's content, compared with the checksum beside it where there is one.

    Raises:
        CheckpointError: unreadable, too large, or not what the checksum says.
    """
    data = read_regular(path, MAX_BYTES, "graph", CheckpointError)
    beside = checksum_path(path)
    if is_there(beside):
        words = read_regular(beside, 1 << 16, "checksum", CheckpointError).split()
        if words[:1] != [hashlib.sha256(data).hexdigest().encode()]:
            raise CheckpointError(
                f"graph '{path}' (its checksum is wrong)",
                f"the file that '{beside.name}' was written with",
                "convert again with vssn convert, or remove the checksum of an older file",
            )
    return data
