"""Weight files whose bytes crash libraries, or fill the memory, end as one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from vssn.checkpoints.hdf5 import read_layer_weights
from vssn.checkpoints.isolated import read_isolated
from vssn.errors import CheckpointError

MEMORY_LIMIT_BYTES = 1 << 30


def _linked_bomb(path: Path) -> None:
    """A file of kilobytes, each of whose 40 hard links is one array of 67 million zeros."""
    with h5py.File(path, "w") as file:
        group = file.create_group("conv1")
        array = file.create_dataset("x", (1 << 26,), "f4", chunks=(1 << 20,), compression="gzip")
        for number in range(40):
            group[f"kernel{number}"] = array
        del file["x"]


def test_arrays_come_back_with_their_names_and_types(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["conv1/kernel"] = values
    ((names, given),) = read_isolated("hdf5", tmp_path / "a.h5")
    assert names == ("conv1", "kernel")
    np.testing.assert_array_equal(given, values, strict=True)


def test_a_small_file_that_fills_the_memory_is_refused(tmp_path: Path) -> None:
    _linked_bomb(tmp_path / "a.h5")
    assert (tmp_path / "a.h5").stat().st_size < 200_000
    code = f"""
import resource
from pathlib import Path
from vssn.checkpoints.hdf5 import read_layer_weights
from vssn.errors import CheckpointError
try:
    read_layer_weights(Path({str(tmp_path / "a.h5")!r}))
except CheckpointError as error:
    print(error)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    error, peak_bytes = done.stdout.splitlines()
    assert "a.h5" in error
    assert int(peak_bytes) < MEMORY_LIMIT_BYTES


def test_a_reader_that_dies_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "vssn.checkpoints.isolated.CHILD", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    )
    with pytest.raises(CheckpointError, match="its reader failed") as caught:
        read_isolated("hdf5", tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


def test_a_reader_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "import signal, time; signal.alarm(1); time.sleep(60)"
    monkeypatch.setattr("vssn.checkpoints.isolated.CHILD", child)
    with pytest.raises(CheckpointError, match="took too long"):
        read_isolated("hdf5", tmp_path / "a.h5")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\xff" * 8,
        b"\x02" + bytes(7) + b"[]",
        b"\x02" + bytes(7) + b"{}",
        b"\x29" + bytes(7) + b'{"arrays": [[["a"], "|O8", [2]]], "b": 00}',
    ],
)
def test_an_answer_of_another_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    child = f"import os; os.write(1, {answer!r})"
    monkeypatch.setattr("vssn.checkpoints.isolated.CHILD", child)
    with pytest.raises(CheckpointError, match="its reader failed"):
        read_isolated("hdf5", tmp_path / "a.h5")


def test_pipes_and_giants_are_refused_without_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vssn.checkpoints.isolated.subprocess.Popen", None)
    os.mkfifo(tmp_path / "pipe.h5")
    with (tmp_path / "giant.h5").open("wb") as file:
        file.truncate(1 << 42)
    for name in ("pipe.h5", "giant.h5"):
        with pytest.raises(CheckpointError, match=name):
            read_layer_weights(tmp_path / name)
