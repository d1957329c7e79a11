"""LevelDB's table format, as far as TensorFlow's checkpoints use it.

Blocks of sorted keys and values, each block with a masked CRC-32C. Source: LevelDB's
``doc/table_format.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import google_crc32c

TABLE_MAGIC = 0xDB4775248B80FB57
HANDLES_BYTES = 40  # two block handles, padded with zeros
FOOTER_BYTES = HANDLES_BYTES + 8
TRAILER_BYTES = 5  # after each block: compression type and checksum


class DamagedError(Exception):
    """What is wrong with the bytes; becomes a CheckpointError where the path is known."""


def masked_crc32c(data: bytes) -> int:
    """LevelDB's checksum; it is masked because data may itself hold checksums."""
    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The variable-length number at ``at``, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        value |= (data[at] & 127) << shift
        at += 1
        if data[at - 1] < 128:
            return value, at
    raise DamagedError("a number runs out of its block")


def read_slice(data: bytes, at: int, size: int) -> bytes:
    """``size`` bytes from ``at`` on; they must all be there."""
    if size > len(data) - at:
        raise DamagedError("a field runs out of its block")
    return data[at : at + size]


def encode_varint(value: int) -> bytes:
    """A number as 7 bits per byte, the low ones first."""
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes((*encoded, value))


def _block(table: bytes, offset: int, size: int) -> bytes:
    """A block's content, checked; also its trailer must lie in front of the footer."""
    if offset + size + TRAILER_BYTES > len(table) - FOOTER_BYTES:
        raise DamagedError("a block lies outside of the file")
    content = table[offset : offset + size + 1]
    stored = int.from_bytes(table[offset + size + 1 : offset + size + TRAILER_BYTES], "little")
    if masked_crc32c(content) != stored:
        raise DamagedError("the checksum of a block is wrong")
    if content[-1] != 0:
        raise DamagedError("a compressed block; save the checkpoint again with TensorFlow 1.14")
    return content[:-1]


def _pairs(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A block's keys and values; each key gives only what differs from the one before."""
    if len(block) < 4:
        raise DamagedError("a block is too short")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    at, key = 0, b""
    while at < end:
        shared, at = read_varint(block, at)
        segmented, at = read_varint(block, at)
        size, at = read_varint(block, at)
        key = read_slice(key, 0, shared) + read_slice(block, at, segmented)
        yield key, read_slice(block, at + segmented, size)
        at += segmented + size


def read_table(table: bytes) -> dict[bytes, bytes]:
    """All keys and values of a LevelDB table."""
    footer = table[-FOOTER_BYTES:]
    if len(footer) < FOOTER_BYTES or int.from_bytes(footer[-8:], "little") != TABLE_MAGIC:
        raise DamagedError("no index of TensorFlow's V2 format")
    handles, at = [], 0
    for _ in range(4):  # offset and size of the meta index, then of the index
        value, at = read_varint(footer[:HANDLES_BYTES], at)
        handles.append(value)
    if any(footer[at:HANDLES_BYTES]):
        raise DamagedError("the footer is damaged")
    _block(table, handles[0], handles[1])
    pairs: dict[bytes, bytes] = {}
    for _, handle in _pairs(_block(table, handles[2], handles[3])):
        offset, at = read_varint(handle, 0)
        size, _ = read_varint(handle, at)
        pairs.update(_pairs(_block(table, offset, size)))
    return pairs


def _encode_block(pairs: Mapping[bytes, bytes]) -> bytes:
    """A block with its trailer; every key is a restart point, so none depends on another."""
    content, restarts = bytearray(), []
    for key, value in pairs.items():
        restarts.append(len(content))
        content += b"\0" + encode_varint(len(key)) + encode_varint(len(value)) + key + value
    restarts = restarts or [0]
    for number in (*restarts, len(restarts)):
        content += number.to_bytes(4, "little")
    content += b"\0"  # not compressed
    return bytes(content) + masked_crc32c(bytes(content)).to_bytes(4, "little")


def encode_table(pairs: Mapping[bytes, bytes]) -> bytes:
    """A LevelDB table: one data block, an empty meta index, the index, the footer."""

    def handle(offset: int, block: bytes) -> bytes:
        return encode_varint(offset) + encode_varint(len(block) - TRAILER_BYTES)

    data, meta = _encode_block(pairs), _encode_block({})
    index = _encode_block({max(pairs): handle(0, data)})
    handles = handle(len(data), meta) + handle(len(data) + len(meta), index)
    footer = handles.ljust(HANDLES_BYTES, b"\0") + TABLE_MAGIC.to_bytes(8, "little")
    return data + meta + index + footer
