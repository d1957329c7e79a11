"""Whether a video file was cut short, from the lengths that its own structure states.

FFmpeg reads what is there and says nothing where a file simply ends. Only lengths are read here,
never contents. Sources: ISO 14496-12 (boxes), RFC 8794 and RFC 9559 (Matroska), Microsoft's RIFF
reference (AVI), ISO 13818-1 (transport streams), the GIF89a specification.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 1_000_000
TS_PACKET_BYTES = (188, 192, 204)
EBML_HEADER, MATROSKA_SEGMENT = 0x1A45DFA3, 0x18538067


def is_cut_short(path: Path, format_name: str, size: int) -> bool:
    """Tell whether a file ends before its structure does.

    Args:
        path: the file.
        format_name: FFmpeg's name of its container.
        size: its length in bytes.

    Returns:
        False also where the container states no lengths.

    Raises:
        OSError: it can't be read.
    """
    checks = {
        "mov,mp4,m4a,3gp,3g2,mj2": _boxes_cut,
        "matroska,webm": _matroska_cut,
        "avi": _riff_cut,
        "mpegts": _transport_stream_cut,
        "gif": _gif_cut,
    }
    check = checks.get(format_name)
    if check is None:
        return False
    with path.open("rb") as file:
        return check(file, size)


def _boxes_cut(file: BinaryIO, size: int) -> bool:
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        header = file.read(16)
        if len(header) < 8:
            return bool(header)
        (length,) = struct.unpack_from(">I", header)
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack_from(">Q", header, 8)
        if length == 0:  # it reaches to the end of the file, wherever that is
            return False
        if length < 8:  # no box: FFmpeg stops here as well
            return False
        at += length
        if at >= size:
            return bool(at > size)
    return False


def _read_vint(file: BinaryIO, keep_marker: bool) -> int | None:
    """An EBML number; None at the end of the file, or for a size that is not known."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    data = first + file.read(length - 1)
    if len(data) < length:
        return None
    value = int.from_bytes(data, "big")
    if keep_marker:
        return value
    value &= (1 << 7 * length) - 1
    return None if value == (1 << 7 * length) - 1 else value


def _matroska_cut(file: BinaryIO, size: int) -> bool:
    for _ in range(MAX_BOXES):
        name = _read_vint(file, keep_marker=True)
        length = _read_vint(file, keep_marker=False)
        if name is None or length is None:
            return False
        end = file.tell() + length
        if name not in (EBML_HEADER, MATROSKA_SEGMENT) and end > size:
            return True
        if name == MATROSKA_SEGMENT:
            return end > size
        file.seek(end)
    return False


def _riff_cut(file: BinaryIO, size: int) -> bool:
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        header = file.read(12)
        if len(header) < 12 or header[:4] != b"RIFF":
            return False
        (length,) = struct.unpack_from("<I", header, 4)
        if not length:  # a writer that was killed never filled it in
            return True
        at += 8 + length + length % 2
        if at >= size:
            return bool(at - length % 2 > size)
    return False


def _transport_stream_cut(_file: BinaryIO, size: int) -> bool:
    return all(size % packet for packet in TS_PACKET_BYTES)


def _gif_cut(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 1024))
    return file.read().rstrip(b"\0")[-1:] != b";"
