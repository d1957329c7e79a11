"""TensorFlow's V2 checkpoint format ("tensor bundle"), read and written without TensorFlow.

A bundle is ``<prefix>.index``, a LevelDB table from variable names to small protocol buffers, and
``<prefix>.data-NNNNN-of-NNNNN``, the raw values. Both carry CRC-32C checksums and every one of
them is checked, so that a damaged byte never becomes a weight.

Sources: TensorFlow's ``tensor_bundle.{h,cc}`` and ``tensor_bundle.proto``; LevelDB's
``doc/table_format.md``.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from vssn.checkpoints.table import (
    DamagedError,
    encode_table,
    encode_varint,
    masked_crc32c,
    read_slice,
    read_table,
    read_varint,
)
from vssn.errors import CheckpointError
from vssn.files import atomic_path

Array = npt.NDArray[np.generic]

MAX_INDEX_BYTES = 1 << 24
MAX_SIDE = 1 << 31
HEADER_KEY = b""
# TensorFlow's DataType numbers of what a saver may hold beside weights (steps, flags).
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 10: "?", 19: "<f2"}
DT_FLOAT = 1
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class _Entry:
    """Where a variable lies: ``BundleEntryProto``."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


def index_path(prefix: Path) -> Path:
    """The ``.index`` file of a checkpoint prefix."""
    return prefix.with_name(f"{prefix.name}.index")


def data_path(prefix: Path, shard: int = 0, shards: int = 1) -> Path:
    """The data file number ``shard`` of a checkpoint prefix."""
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Field number, number value and bytes value (whichever it has) of a protocol buffer."""
    at = 0
    while at < len(message):
        key, at = read_varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = read_varint(message, at)
            yield number, value, b""
            continue
        if kind not in (FIXED64, BYTES, FIXED32):
            raise DamagedError(f"field type {kind}")
        size, at = read_varint(message, at) if kind == BYTES else (8 if kind == FIXED64 else 4, at)
        content = read_slice(message, at, size)
        at += size
        yield number, int.from_bytes(content, "little") if kind != BYTES else 0, content


def _shape(message: bytes) -> tuple[int, ...]:
    """The sizes in a ``TensorShapeProto``; a size of 0 is stored as an empty dimension."""
    dimensions = [content for number, _, content in _fields(message) if number == 2]
    return tuple(
        next((value for number, value, _ in _fields(dimension) if number == 1), 0)
        for dimension in dimensions
    )


def _entry(message: bytes) -> _Entry:
    numbers, contents = {}, {}
    for number, value, content in _fields(message):
        numbers[number], contents[number] = value, content
    kind = numbers.get(1, 0)
    if kind not in DTYPES or 7 in contents:
        raise DamagedError(f"variables of type {kind}" if 7 not in contents else "split variables")
    entry = _Entry(
        np.dtype(DTYPES[kind]),
        _shape(contents.get(2, b"")),
        *(numbers.get(i, 0) for i in range(3, 7)),
    )
    fits = math.prod(entry.shape) * entry.dtype.itemsize == entry.size
    if not fits or max(entry.shape, default=0) > MAX_SIDE:
        raise DamagedError(f"shape {entry.shape} in {entry.size} bytes")
    return entry


def _read_index(prefix: Path) -> tuple[int, dict[str, _Entry]]:
    """Number of data files, and all entries."""
    with index_path(prefix).open("rb") as file:
        pairs = read_table(file.read(MAX_INDEX_BYTES))
    shards = endianness = 0
    for number, value, _ in _fields(pairs.pop(HEADER_KEY, b"")):
        shards = value if number == 1 else shards
        endianness = value if number == 2 else endianness
    if endianness != 0 or not 0 < shards <= 99999:
        raise DamagedError(f"a header with {shards} data files and byte order {endianness}")
    entries = {}
    for name, message in pairs.items():
        entries[name.decode("utf-8")] = _entry(message)
    return shards, entries


def _read_value(file: BinaryIO, name: str, entry: _Entry) -> Array:
    if entry.offset + entry.size > os.fstat(file.fileno()).st_size:
        raise DamagedError(f"the values of '{name}' are cut off")
    file.seek(entry.offset)
    data = file.read(entry.size)
    if masked_crc32c(data) != entry.checksum:
        raise DamagedError(f"the values of '{name}' are damaged")
    return np.frombuffer(data, entry.dtype).reshape(entry.shape)


def _read_values(prefix: Path, shards: int, entries: Mapping[str, _Entry]) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for shard in sorted({entry.shard for entry in entries.values()}):
        with data_path(prefix, shard, shards).open("rb") as file:
            for name, entry in entries.items():
                if entry.shard == shard:
                    arrays[name] = _read_value(file, name, entry)
    return arrays


def read_bundle(prefix: Path) -> dict[str, Array]:
    """Read every variable of a checkpoint.

    Args:
        prefix: path without ``.index``, for instance ``finetune/model.ckpt``.

    Returns:
        Read-only arrays by variable name, in the order of names.

    Raises:
        CheckpointError: missing, damaged (all checksums are verified), or written in a way that
            ``tf.train.Saver`` doesn't use for network weights.
    """
    try:
        return _read_values(prefix, *_read_index(prefix))
    except (DamagedError, OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise CheckpointError(
            f"TF1 checkpoint '{prefix}' ({what})",
            "undamaged .index and .data files of tf.train.Saver",
            "copy or download the checkpoint again",
        ) from error


def _encode_field(number: int, kind: int, value: int | bytes) -> bytes:
    key = encode_varint(number << 3 | kind)
    if isinstance(value, bytes):
        return key + encode_varint(len(value)) + value
    return key + (value.to_bytes(4, "little") if kind == FIXED32 else encode_varint(value))


def _encode_entry(values: Array, offset: int, checksum: int) -> bytes:
    sizes = (_encode_field(2, BYTES, _encode_field(1, VARINT, size)) for size in values.shape)
    return b"".join(
        (
            _encode_field(1, VARINT, DT_FLOAT),
            _encode_field(2, BYTES, b"".join(sizes)),
            _encode_field(4, VARINT, offset),
            _encode_field(5, VARINT, values.nbytes),
            _encode_field(6, FIXED32, checksum),
        )
    )


def write_bundle(prefix: Path, variables: Mapping[str, npt.NDArray[np.float32]]) -> None:
    """Write variables as ``tf.train.Saver`` does, so that it restores them; atomically.

    The same variables give the same bytes. There is no ``.meta`` file: a saver needs it only to
    rebuild a graph, not to restore into one.

    Args:
        prefix: path without ``.index``; its folder must exist.
        variables: float32 arrays by variable name.

    Raises:
        CheckpointError: the files can't be written.
    """
    version = _encode_field(3, BYTES, _encode_field(1, VARINT, 1))
    pairs = {HEADER_KEY: _encode_field(1, VARINT, 1) + version}
    offset = 0
    try:
        # Both take their final names at the end. Should that be cut short between the two, then
        # the checksums tell: old values never pass for new ones.
        with atomic_path(index_path(prefix)) as index, atomic_path(data_path(prefix)) as data:
            with data.open("wb") as file:
                for name in sorted(variables, key=str.encode):
                    values = np.asarray(variables[name], "<f4")
                    raw = values.tobytes()
                    entry = _encode_entry(values, offset, masked_crc32c(raw))
                    pairs[name.encode()] = entry
                    offset += file.write(raw)
            index.write_bytes(encode_table(pairs))
    except OSError as error:
        raise CheckpointError(
            f"TF1 checkpoint '{prefix}' ({error.strerror})",
            "a place that can be written to",
            "check the disk's space and permissions",
        ) from error
