"""TF1 checkpoints by TensorFlow's own reader, in a child process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vssn.checkpoints.bundle import parse_bundle, read_bundle, write_bundle
from vssn.checkpoints.locate import data_path, index_path
from vssn.errors import CheckpointError

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
    for given in (read_bundle(prefix), parse_bundle(prefix)):
        assert list(given) == sorted(VARIABLES)
        for name, values in VARIABLES.items():
            assert given[name].dtype == np.float32
            np.testing.assert_array_equal(given[name], values, strict=True)


def test_same_variables_give_the_same_bytes_and_nothing_else(prefix: Path) -> None:
    write_bundle(prefix.with_name("again"), dict(reversed(VARIABLES.items())))
    for name in (index_path, data_path):
        assert name(prefix).read_bytes() == name(prefix.with_name("again")).read_bytes()
    assert {path.name for path in prefix.parent.iterdir()} == {
        name(prefix.with_name(stem)).name
        for stem in ("model.ckpt", "again")
        for name in (index_path, data_path)
    }


@pytest.mark.parametrize("kind", [index_path, data_path])
def test_damaged_bytes_are_refused_or_change_nothing(prefix: Path, kind: object) -> None:
    path = kind(prefix)  # type: ignore[operator]
    whole = path.read_bytes()
    refused = 0
    for position in range(0, len(whole), max(1, len(whole) // 200)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        path.write_bytes(damaged)
        try:
            given = parse_bundle(prefix)
        except CheckpointError:
            refused += 1
            continue
        for name, values in VARIABLES.items():
            np.testing.assert_array_equal(given[name], values, strict=True)
    assert refused > 100


@pytest.mark.parametrize("kind", [index_path, data_path])
def test_cut_off_files_are_refused(prefix: Path, kind: object) -> None:
    path = kind(prefix)  # type: ignore[operator]
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"^TF1 checkpoint '.*' \(.+\): expected"):
        read_bundle(prefix)


@pytest.mark.parametrize("kind", [index_path, data_path])
def test_a_missing_file_is_named(prefix: Path, kind: object) -> None:
    kind(prefix).unlink()  # type: ignore[operator]
    with pytest.raises(CheckpointError, match=r"model\.ckpt"):
        read_bundle(prefix)


def test_a_place_that_can_not_be_written_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="written to"):
        write_bundle(tmp_path / "missing" / "model.ckpt", VARIABLES)


def test_giants_are_refused_unread(prefix: Path) -> None:
    with index_path(prefix).open("r+b") as file:
        file.truncate(1 << 40)
    with pytest.raises(CheckpointError, match="1099511627776 bytes"):
        read_bundle(prefix)


def test_reading_loads_tensorflow_in_the_child_only(prefix: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from vssn.checkpoints.bundle import read_bundle
print(len(read_bundle(Path({str(prefix)!r}))), "tensorflow" in sys.modules)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == [str(len(VARIABLES)), "False"]
