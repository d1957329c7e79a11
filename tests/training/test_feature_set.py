"""Features read from their file as they are needed: the same values, and little memory."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.training import feature_set, feature_statistics
from vssn.training.feature_set import FeatureSet, hold_out, read_feature_set
from vssn.training.feature_statistics import channel_deviations, deviation

SHAPE = (4, 5, 384)
GIANT = (1 << 32) - 4096
MOST_BYTES = 2 << 30
# Reads a folder of features, and prints the error, if any, and the most memory it took.
CHILD = """
import json, sys
from pathlib import Path
from vssn.errors import MediaError
from vssn.training.feature_set import read_feature_set
said = ""
try:
    read_feature_set(Path(sys.argv[1]))
except MediaError as error:
    said = str(error)
# Not of getrusage, which counts what the process took that this one was started by.
status = Path("/proc/self/status").read_text()
kilobytes = int(status.split("VmHWM:")[1].split()[0])
print(json.dumps([said, kilobytes << 10]))
"""


def made(folder: Path, count: int, kind: str = "<f4") -> np.ndarray:
    rng = np.random.default_rng(count)
    features = (100 * rng.random((count, *SHAPE))).astype(kind)
    np.save(folder / "X.npy", features)
    np.save(folder / "Y.npy", rng.uniform(0, 100, count).astype(np.float32))
    return features


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> int:
    for module in (feature_set, feature_statistics):
        monkeypatch.setattr(module, "BLOCK_PAIRS", 4)
    return 4


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", "<f8", "|u1", "<i8"])
def test_values_are_those_of_the_file_whatever_their_type(
    tmp_path: Path, small_blocks: int, kind: str
) -> None:
    expected = made(tmp_path, 11, kind).astype(np.float32)
    features = read_feature_set(tmp_path).features
    assert len(features) == 11
    for chosen in (slice(None), slice(2, 5), np.array([7, 0, 7]), np.array([], int)):
        assert np.array_equal(features[chosen], expected[chosen])
        assert features[chosen].dtype == np.float32
    taken = features.take(np.array([9, 3, 4]), axis=0)
    assert np.array_equal(taken[1:], expected[[3, 4]])
    assert np.array_equal(np.concatenate(list(feature_set.blocks(features))), expected)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 37])
def test_deviations_are_numpys_to_the_bit(tmp_path: Path, small_blocks: int, count: int) -> None:
    expected = made(tmp_path, count)
    for features in (expected, read_feature_set(tmp_path).features):
        assert deviation(features) == float(expected.std())
        assert np.array_equal(channel_deviations(features), expected.std(axis=(0, 1, 2)))


def test_pairs_are_held_out_alike_in_memory_and_in_their_file(tmp_path: Path) -> None:
    features = made(tmp_path, 70)
    stored = read_feature_set(tmp_path)
    there = hold_out(FeatureSet(features, stored.agreement), 0.5, seed=3)
    for one, other in zip(there, hold_out(stored, 0.5, seed=3), strict=True):
        assert np.array_equal(one.features[:], other.features[:])
        assert np.array_equal(one.agreement, other.agreement)


def test_a_training_is_the_same_in_memory_and_from_its_file(
    tmp_path: Path, small_blocks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vssn.training import decision
    from vssn.training.recipes import DecisionRecipe

    monkeypatch.setattr(decision, "PREDICT_BATCH", 2)
    features = made(tmp_path, 11)
    stored = read_feature_set(tmp_path)
    states = []
    for pairs in (FeatureSet(features, stored.agreement), stored):
        task = decision.DecisionTask(pairs, pairs, DecisionRecipe(batch_size=4))
        for batch in task.batches(0):
            task.train_step(*batch)
        states.append([*map(np.asarray, task.variables()), task.predict(pairs.features)])
    assert all(np.array_equal(one, other) for one, other in zip(*states, strict=True))


def test_a_file_that_is_cut_short_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    made(tmp_path, 3)
    features = read_feature_set(tmp_path).features
    with (tmp_path / "X.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(MediaError, match=r"X\.npy' \(cut short"):
        features[:]


def header(shape: tuple[int, ...], kind: str = "<f4", fortran: bool = False) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": kind, "fortran_order": fortran, "shape": shape}
    )
    return file.getvalue()


def long_header() -> bytes:
    """The start of a header that says to fill the file."""
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", GIANT - 12)


PAIRS = 80_000
CROWD = GIANT // 7680 - 1  # of bytes, of which each would take four in float32


@pytest.mark.skipif(sys.platform == "win32", reason="Windows tells memory in another way")
@pytest.mark.parametrize(
    ("start", "size", "count", "why"),
    [
        (header((3, *SHAPE)), GIANT, 3, "bytes of values"),
        (header((GIANT,), "|u1"), GIANT, 3, "with X (4294963200,)"),
        (long_header(), GIANT, 3, "X.npy"),
        (header((3, *SHAPE), fortran=True), GIANT, 3, "Fortran order"),
        (header((CROWD, *SHAPE), "|u1"), CROWD * 7680, CROWD, "at most 140000 pairs"),
        (header((PAIRS, *SHAPE)), PAIRS * 30720, PAIRS, ""),
    ],
    ids=["short shape", "bytes", "long header", "Fortran", "small numbers", "as it should be"],
)
def test_a_giant_takes_little_memory(
    tmp_path: Path, start: bytes, size: int, count: int, why: str
) -> None:
    np.save(tmp_path / "Y.npy", np.zeros(count, np.float32))
    with (tmp_path / "X.npy").open("wb") as file:
        file.write(start)
        file.truncate(size + len(start))
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)], capture_output=True, check=True, text=True
    )
    said, most = json.loads(done.stdout)
    assert why in said
    assert bool(said) == bool(why)
    assert most < MOST_BYTES
