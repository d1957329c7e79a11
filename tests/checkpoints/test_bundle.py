"""TensorFlow's V2 checkpoint format, written and read by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vssn.checkpoints.bundle import data_path, index_path, read_bundle, write_bundle
from vssn.checkpoints.table import (
    FOOTER_BYTES,
    DamagedError,
    encode_table,
    encode_varint,
    masked_crc32c,
    read_table,
    read_varint,
)
from vssn.errors import CheckpointError

DATA_END = "data-00000-of-00001"
RNG = np.random.default_rng(1)
VARIABLES = {
    "net/b/weights": RNG.normal(size=(3, 3, 5, 200)).astype(np.float32),
    "net/a/biases": RNG.normal(size=130).astype(np.float32),
    "net/a/empty": np.zeros((0, 4), np.float32),
    "step": np.float32(7).reshape(()),
}


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    write_bundle(tmp_path / "model.ckpt", VARIABLES)
    return tmp_path / "model.ckpt"


def test_variables_come_back_bit_by_bit_in_order_of_names(prefix: Path) -> None:
    given = read_bundle(prefix)
    assert list(given) == sorted(VARIABLES)
    for name, values in VARIABLES.items():
        assert given[name].dtype == np.float32
        np.testing.assert_array_equal(given[name], values, strict=True)


def test_same_variables_give_the_same_bytes(prefix: Path) -> None:
    write_bundle(prefix.with_name("again"), dict(reversed(VARIABLES.items())))
    for name in (index_path, data_path):
        assert name(prefix).read_bytes() == name(prefix.with_name("again")).read_bytes()
    assert {path.name for path in prefix.parent.iterdir()} == {
        f"{stem}.{end}" for stem in ("model.ckpt", "again") for end in ("index", DATA_END)
    }


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63])
def test_varint_round_trip(number: int) -> None:
    encoded = encode_varint(number)
    assert read_varint(b"\xff" + encoded + b"\x05", 1) == (number, 1 + len(encoded))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 11])
def test_varint_without_end_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedError):
        read_varint(data, 0)


def test_checksum_is_crc32c_masked_as_leveldb_does() -> None:
    # CRC-32C of "123456789" is 0xe3069283 (RFC 3720's check value).
    rotated = (0xE3069283 >> 15 | 0xE3069283 << 17) & 0xFFFFFFFF
    assert masked_crc32c(b"123456789") == (rotated + 0xA282EAD8) & 0xFFFFFFFF


def test_table_keeps_keys_that_share_their_start() -> None:
    pairs = {b"": b"head", b"net/conv1": b"1" * 300, b"net/conv1_1": b""}
    assert read_table(encode_table(pairs)) == pairs


@pytest.mark.parametrize("kind", [index_path, data_path])
def test_every_single_damaged_byte_is_refused(prefix: Path, kind: object) -> None:
    path = kind(prefix)  # type: ignore[operator]
    whole = path.read_bytes()
    step = max(1, len(whole) // 400)
    for position in range(0, len(whole), step):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"TF1 checkpoint '.*' \(.+\): expected"):
            read_bundle(prefix)


@pytest.mark.parametrize("kind", [index_path, data_path])
@pytest.mark.parametrize("kept", [0, 1, FOOTER_BYTES - 1, FOOTER_BYTES, -1])
def test_cut_off_files_are_refused(prefix: Path, kind: object, kept: int) -> None:
    path = kind(prefix)  # type: ignore[operator]
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError):
        read_bundle(prefix)


@pytest.mark.parametrize("kind", [index_path, data_path])
def test_a_missing_file_is_named(prefix: Path, kind: object) -> None:
    kind(prefix).unlink()  # type: ignore[operator]
    with pytest.raises(CheckpointError, match="No such file"):
        read_bundle(prefix)


def _entry_table(entry: bytes) -> bytes:
    return encode_table({b"": b"\x08\x01", b"w": entry})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (b"\x08\x07\x28\x04", "type 7"),  # a string
        (b"\x08\x01\x12\x04\x12\x02\x08\x02\x28\x04", "in 4 bytes"),  # 2 values need 8
        (b"\x08\x01\x12\x0b\x12\x09\x08" + encode_varint(1 << 50) + b"\x28\x04", "in 4 bytes"),
        (b"\x08\x01\x12\x0f\x12\x00\x12\x0b\x08" + encode_varint(1 << 63), "in 0 bytes"),
        (b"\x08\x01\x20" + encode_varint(1 << 62) + b"\x28\x04", "cut off"),
        (b"\x08\x01\x3a\x00\x28\x04", "split"),
        (b"\x0f", "field type 7"),
        (b"\x0a\x7f", "runs out"),
    ],
)
def test_entries_that_ask_for_the_absurd_are_refused(
    prefix: Path, entry: bytes, message: str
) -> None:
    """The checksums are right here: such an index was made on purpose."""
    index_path(prefix).write_bytes(_entry_table(entry))
    with pytest.raises(CheckpointError, match=message):
        read_bundle(prefix)


def test_compressed_blocks_are_refused() -> None:
    table = bytearray(encode_table({b"": b"x"}))
    content = next(i for i in range(len(table)) if _is_first_trailer(table, i))
    table[content] = 1  # Snappy
    table[content + 1 : content + 5] = masked_crc32c(bytes(table[: content + 1])).to_bytes(
        4, "little"
    )
    with pytest.raises(DamagedError, match="compressed"):
        read_table(bytes(table))


def _is_first_trailer(table: bytearray, at: int) -> bool:
    stored = int.from_bytes(table[at + 1 : at + 5], "little")
    return masked_crc32c(bytes(table[: at + 1])) == stored


def test_big_endian_and_headless_files_are_refused(prefix: Path) -> None:
    for header in ({b"": b"\x08\x01\x10\x01"}, {}):
        index_path(prefix).write_bytes(encode_table(header | {b"w": b"\x08\x01\x28\x04"}))
        with pytest.raises(CheckpointError, match="a header with"):
            read_bundle(prefix)


def test_a_place_that_can_not_be_written_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="written to"):
        write_bundle(tmp_path / "missing" / "model.ckpt", VARIABLES)
