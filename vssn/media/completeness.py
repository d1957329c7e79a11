"""Whether a video file was cut short, from the lengths that its own structure states.

FFmpeg reads what is there and says nothing where a file simply ends. Only lengths are read here,
never contents. Sources: ISO 14496-12 (boxes), RFC 8794 and RFC 9559 (Matroska), Microsoft's RIFF
reference (AVI), ISO 13818-1 (transport and program streams), Adobe's FLV specification, SMPTE 377
(MXF), RFC 3533 (Ogg), the Y4M format of mjpegtools, the GIF89a specification.

Bare streams of H.264, HEVC or MPEG-4 state no lengths: there only a broken picture tells. Nor
does a stream in pieces (MPEG, FLV, recorded Matroska) that is cut exactly between two of them.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import BinaryIO

MAX_BOXES = 1_000_000
TS_SYNC = 0x47
TS_PACKETS = ((188, 0), (192, 4), (204, 0))  # bytes, and those before the first sync byte
TS_PROBED = 8  # packets
TAIL_BYTES = 1 << 17
EBML_HEADER, MATROSKA_SEGMENT, MATROSKA_CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
UNKNOWN = -1
PACK, PROGRAM_END = b"\x00\x00\x01\xba", 0xB9
MXF_HEADER = bytes.fromhex("060e2b34020501010d01020101")
OGG_HEADER_BYTES = 27
Y4M_HEADER_BYTES = 1 << 10
Y4M_KIND = re.compile(r"(420|422|444alpha|444|411|mono)(?:jpeg|mpeg2|paldv)?p?(\d{1,2})?")
# Samples of a picture of 2x2 pixels.
Y4M_SAMPLES = {"420": 6, "422": 8, "444": 12, "444alpha": 16, "411": 6, "mono": 4}


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
        "mpeg": _program_stream_cut,
        "flv": _flv_cut,
        "mxf": _mxf_cut,
        "ogg": _ogg_cut,
        "yuv4mpegpipe": _y4m_cut,
        "mjpeg": _mjpeg_cut,
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
    """An EBML number; None at the end of the file, ``UNKNOWN`` for a size that is not known."""
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
    return UNKNOWN if value == (1 << 7 * length) - 1 else value


def _matroska_cut(file: BinaryIO, size: int) -> bool:
    for _ in range(MAX_BOXES):
        start = file.tell()
        name = _read_vint(file, keep_marker=True)
        length = _read_vint(file, keep_marker=False)
        if name is None or length is None:
            # Nothing more, or half an element's head.
            return start < size < start + 12 and file.tell() >= size
        if length == UNKNOWN:  # written while it was recorded: what is inside knows its lengths
            if name in (MATROSKA_SEGMENT, MATROSKA_CLUSTER):
                continue
            return False
        end = file.tell() + length
        if end > size or name == MATROSKA_SEGMENT:
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


def _ts_packet(file: BinaryIO, size: int) -> tuple[int, int]:
    """A transport stream's packet in bytes, and those before its sync byte; 0 where unknown."""
    start = file.read(TS_PROBED * max(packet for packet, _ in TS_PACKETS))
    for packet, before in TS_PACKETS:
        synced = start[before::packet][: min(TS_PROBED, size // packet)]
        if synced and set(synced) == {TS_SYNC}:
            return packet, before
    return 0, 0


def _transport_stream_cut(file: BinaryIO, size: int) -> bool:
    packet, _ = _ts_packet(file, size)
    return bool(packet and size % packet)


def _program_stream_cut(file: BinaryIO, size: int) -> bool:
    first = max(0, size - TAIL_BYTES)
    file.seek(first)
    data = file.read()
    at = data.find(PACK)
    while at >= 0 and data[at : at + 3] == PACK[:3] and len(data) - at >= 4:
        code = data[at + 3]
        if code == PROGRAM_END:
            return False
        if code == PACK[3]:
            if len(data) - at < 14:
                return True
            # MPEG-2 says so by two bits, and has bytes of stuffing.
            at += 14 + (data[at + 13] & 7) if data[at + 4] >> 6 == 1 else 12
        elif len(data) - at < 6:
            return True
        else:
            at += 6 + int.from_bytes(data[at + 4 : at + 6], "big")
    return at > len(data) or (0 < len(data) - at < 4)


def _flv_cut(file: BinaryIO, size: int) -> bool:
    header = file.read(9)
    if header[:3] != b"FLV" or len(header) < 9:
        return False
    at = int.from_bytes(header[5:9], "big") + 4
    for _ in range(MAX_BOXES):
        if at >= size:
            return at > size
        file.seek(at)
        tag = file.read(4)
        if len(tag) < 4:
            return True
        at += 11 + int.from_bytes(tag[1:4], "big") + 4
    return False


def _mxf_cut(file: BinaryIO, size: int) -> bool:
    header = file.read(64)
    if not header.startswith(MXF_HEADER) or len(header) < 64:
        return False
    # A long form of the length has its number of bytes in its first one.
    value = 17 + (header[16] & 0x7F if header[16] & 0x80 else 0)
    footer = int.from_bytes(header[value + 24 : value + 32], "big")
    return footer >= size


def _ogg_cut(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - TAIL_BYTES))
    data = file.read()
    at = data.rfind(b"OggS")
    page = data[at:] if at >= 0 else b""
    if len(page) < OGG_HEADER_BYTES:
        return True
    segments = page[26]
    sizes = page[OGG_HEADER_BYTES : OGG_HEADER_BYTES + segments]
    return len(sizes) < segments or len(page) < OGG_HEADER_BYTES + segments + sum(sizes)


def _y4m_cut(file: BinaryIO, size: int) -> bool:
    header = file.readline(Y4M_HEADER_BYTES)
    fields = {field[:1]: field[1:] for field in header.decode("ascii", "replace").split()[1:]}
    if file.readline(Y4M_HEADER_BYTES) != b"FRAME\n":  # one with fields of its own
        return False
    kind = Y4M_KIND.fullmatch(fields.get("C", "420"))
    sides = [fields.get(side, "") for side in "WH"]
    if kind is None or not all(side.isdecimal() and len(side) < 6 for side in sides):
        return False
    width, height = map(int, sides)
    if (width % 4 or height % 2) and kind[1] != "mono":
        return False  # rounding differs by kind
    bytes_each = 2 if int(kind[2] or 8) > 8 else 1
    frame = len(b"FRAME\n") + width * height * Y4M_SAMPLES[kind[1]] // 4 * bytes_each
    return bool((size - len(header)) % frame)


def _mjpeg_cut(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 1024))
    return not file.read().rstrip(b"\0\r\n").endswith(b"\xff\xd9")


def _gif_cut(file: BinaryIO, size: int) -> bool:
    file.seek(max(0, size - 1024))
    return file.read().rstrip(b"\0")[-1:] != b";"
