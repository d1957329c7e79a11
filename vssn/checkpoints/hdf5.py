"""Keras weights in HDF5: Keras 2's ``save`` and ``save_weights``, Keras 3's formats.

Only arrays are read. The model configuration and code that such a file may hold is never parsed
or executed, and links that lead out of the file are refused.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from vssn.checkpoints.isolated import Array, read_isolated
from vssn.checkpoints.locate import MAX_WEIGHTS_BYTES
from vssn.errors import CheckpointError
from vssn.files import open_regular, write_bytes

# In all arrays of a file: ours has 15 million, a whole ResNet-50 has 26 million.
MAX_VALUES = 1 << 26
MAX_MEMBER_BYTES = 8 * MAX_VALUES
MAX_NAMES = 1 << 16
KERAS3_MEMBER = "model.weights.h5"
# Keras 3 numbers a layer's variables; these orders are its own.
KERAS3_ORDERS = {
    2: ("kernel", "bias"),
    4: ("gamma", "beta", "moving_mean", "moving_variance"),
}
# HDF5's own checksum covers the values, but not where they are said to lie.
DIGEST_ATTRIBUTE = "sha256_of_the_weights"


@dataclass(frozen=True)
class LayerWeights:
    """One layer's variables, by Keras' names: kernel, bias, gamma, beta, moving_mean, ..."""

    name: str
    variables: dict[str, Array]


def _refuse(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"weights '{path}' ({what[:300]})",
        "an undamaged Keras .h5, .weights.h5 or .keras file",
        "check the file or save the weights again",
    )


def _member(path: Path, group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset:
    """``group[name]`` along hard links only, so that nothing outside the file is opened."""
    node: h5py.Group | h5py.Dataset = group
    for part in filter(None, name.split("/")):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if not isinstance(link, h5py.HardLink):
            raise _refuse(path, f"'{name}' is missing or a link")
        node = node[part]
    return node


def _group(path: Path, group: h5py.Group, name: str) -> h5py.Group:
    node = _member(path, group, name)
    if not isinstance(node, h5py.Group):
        raise _refuse(path, f"'{name}' is no group")
    return node


def _array(path: Path, node: h5py.Group | h5py.Dataset) -> Array:
    if not isinstance(node, h5py.Dataset) or node.external or node.is_virtual:
        raise _refuse(path, f"'{node.name}' is no plain array")
    # A chunk is unpacked as a whole, however few of its values the array has.
    sizes = (node.shape or (), node.chunks or ())
    if node.dtype.kind != "f" or node.size is None or max(map(math.prod, sizes)) > MAX_VALUES:
        raise _refuse(path, f"'{node.name}' is {node.dtype} {node.shape}")
    with np.errstate(over="ignore"):  # what float32 can't hold is found right below
        values: Array = node[()].astype(np.float32)
    if not np.isfinite(values).all():
        raise _refuse(path, f"'{node.name}' holds non-finite values")
    return values


def _strings(path: Path, node: h5py.Group, attribute: str) -> list[str]:
    """An attribute's strings; none where it is missing."""
    if attribute not in node.attrs:
        return []
    # HDF5 would read for minutes where damage made a few names into billions.
    shape = node.attrs.get_id(attribute).shape
    if shape is None or math.prod(shape) > MAX_NAMES:
        raise _refuse(path, f"attribute '{attribute}' of '{node.name}' has shape {shape}")
    values = np.ravel(node.attrs[attribute])
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _names(path: Path, node: h5py.Group, attribute: str) -> list[str]:
    """A list of names from an attribute, also where Keras split it into numbered chunks."""
    chunks = itertools.takewhile(
        node.attrs.__contains__, (f"{attribute}{number}" for number in itertools.count())
    )
    return [name for each in (attribute, *chunks) for name in _strings(path, node, each)]


def _keras2_layers(path: Path, root: h5py.Group) -> Iterator[LayerWeights]:
    for layer_name in _names(path, root, "layer_names"):
        group = _group(path, root, layer_name)
        variables = {}
        for name in _names(path, group, "weight_names"):
            short = re.sub(r":\d+$", "", name.rsplit("/", 1)[-1])
            variables[short] = _array(path, _member(path, group, name))
        if variables:
            yield LayerWeights(layer_name, variables)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _keras3_layers(path: Path, root: h5py.Group) -> Iterator[LayerWeights]:
    """Groups are named by class and number; newer versions add the layer's own name."""
    layers = _group(path, root, "layers")
    for class_name in sorted(layers, key=_natural):
        values = _group(path, layers, f"{class_name}/vars")
        arrays = [_array(path, _member(path, values, key)) for key in sorted(values, key=_natural)]
        if not arrays:
            continue
        if len(arrays) not in KERAS3_ORDERS:
            raise _refuse(path, f"layer '{class_name}' has {len(arrays)} variables")
        name = "".join(_strings(path, values, "name")) or class_name
        yield LayerWeights(name, dict(zip(KERAS3_ORDERS[len(arrays)], arrays, strict=True)))


def _bare_layers(path: Path, root: h5py.Group) -> Iterator[LayerWeights]:
    """Groups named after layers with arrays named after variables, as some packages ship them."""
    for layer_name in root:
        group = _group(path, root, layer_name)
        if len(group):
            yield LayerWeights(
                layer_name, {key: _array(path, _member(path, group, key)) for key in group}
            )


def _layers(path: Path, file: h5py.File) -> Iterator[LayerWeights]:
    root = _group(path, file, "model_weights") if "model_weights" in file else file
    if _names(path, root, "layer_names"):
        return _keras2_layers(path, root)
    return _keras3_layers(path, root) if "layers" in root else _bare_layers(path, root)


def _limited(path: Path, layers: Iterable[LayerWeights]) -> list[LayerWeights]:
    """All layers, unless hard links or sheer number make more of them than a network has."""
    kept: list[LayerWeights] = []
    left = MAX_VALUES
    for layer in layers:
        left -= sum(values.size for values in layer.variables.values())
        if left < 0:
            raise _refuse(path, f"more than {MAX_VALUES} values")
        kept.append(layer)
    if not kept:
        raise _refuse(path, "it holds no weights")
    return kept


def _digest(layers: Iterable[LayerWeights]) -> str:
    """SHA-256 of names, shapes and values as they are read: float32."""
    digest = hashlib.sha256()
    for layer in layers:
        for name, values in layer.variables.items():
            digest.update(f"{layer.name}/{name}{values.shape}".encode())
            digest.update(np.ascontiguousarray(values, "<f4").data)
    return digest.hexdigest()


def _source(path: Path) -> Path | io.BytesIO:
    """The HDF5 file, which in a .keras is a member of a zip archive."""
    if not zipfile.is_zipfile(path):
        return path
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(KERAS3_MEMBER).file_size > MAX_MEMBER_BYTES:
            raise _refuse(path, f"its '{KERAS3_MEMBER}' is too large")
        return io.BytesIO(archive.read(KERAS3_MEMBER))


def parse_layer_weights(path: Path) -> list[LayerWeights]:
    """Read the layers in this process; see :func:`read_layer_weights`."""
    try:
        with h5py.File(_source(path), "r") as file:
            layers = _limited(path, _layers(path, file))
            expected = _strings(path, file, DIGEST_ATTRIBUTE)
    except CheckpointError:
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ... on damaged files
        raise _refuse(path, f"{type(error).__name__}: {error}") from error
    if expected and expected != [_digest(layers)]:
        raise _refuse(path, "its checksum is wrong")
    return layers


def read_layer_weights(path: Path) -> list[LayerWeights]:
    """Read the layers that have weights, in the file's order, in a child process.

    Args:
        path: a .h5 of Keras 2 (``save`` or ``save_weights``), a .weights.h5 or .keras of Keras 3,
            or plain groups ``layer/variable``.

    Returns:
        Each layer's float32 arrays by variable name.

    Raises:
        CheckpointError: missing, damaged, or not such a file. Files of
            :func:`write_layer_weights` have a checksum, which is verified.
    """
    open_regular(path, MAX_WEIGHTS_BYTES, "weights", CheckpointError).close()
    layers: list[LayerWeights] = []
    for (layer, variable), values in read_isolated("hdf5", path):
        if not layers or layers[-1].name != layer or variable in layers[-1].variables:
            layers.append(LayerWeights(layer, {}))
        layers[-1].variables[variable] = values
    return layers


def _stored(values: Array, exact: bool) -> Array:
    # The small vectors stay float32: the variance of an early batch norm can be larger than
    # float16 holds.
    with np.errstate(over="ignore"):  # reported by the caller
        return values.astype("<f4" if exact or values.ndim < 2 else "<f2")


def _written(layers: Sequence[LayerWeights]) -> bytes:
    """The file's bytes; HDF5 itself crashes where a disk fills while it writes."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name for layer in layers], "S")
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs[DIGEST_ATTRIBUTE] = np.bytes_(_digest(layers))
        for layer in layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{short}:0" for short in layer.variables]
            group.attrs["weight_names"] = np.array(names, "S")
            for name, values in zip(names, layer.variables.values(), strict=True):
                group.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)
    return content.getvalue()


def write_layer_weights(path: Path, layers: Sequence[LayerWeights], exact: bool = False) -> None:
    """Write weights as Keras 2's ``save_weights`` does, atomically.

    The arrays have Fletcher-32 checksums, a filter that every HDF5 library knows, so that
    Keras finds a damaged byte too; a digest of everything is added for our own reader.

    Args:
        path: the .h5 file.
        layers: what to write, in the model's order.
        exact: keep float32; otherwise kernels are rounded to float16, at half the size.

    Raises:
        CheckpointError: the file can't be written, or a weight is not finite (in float16).
    """
    stored = [
        LayerWeights(
            layer.name, {name: _stored(values, exact) for name, values in layer.variables.items()}
        )
        for layer in layers
    ]
    if not all(np.isfinite(v).all() for layer in stored for v in layer.variables.values()):
        raise CheckpointError(
            f"weights for '{path}'", "finite values", "train with a lower learning rate"
        )
    write_bytes(path, _written(stored), "weights", CheckpointError)
