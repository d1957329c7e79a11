"""Reading .h5 and .keras files that are damaged, or made to do harm."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from vssn.checkpoints.hdf5 import (
    LayerWeights,
    parse_layer_weights,
    read_layer_weights,
    write_layer_weights,
)
from vssn.errors import CheckpointError

RNG = np.random.default_rng(21)
LAYERS = [
    LayerWeights(
        "conv1",
        {
            "kernel": RNG.normal(size=(3, 3, 4, 8)).astype(np.float32),
            "bias": RNG.normal(size=8).astype(np.float32),
        },
    ),
    LayerWeights(
        "bn_conv1", {"gamma": np.full(8, 1e6, np.float32), "beta": np.ones(8, np.float32)}
    ),
]


def _assert_layers(given: list[LayerWeights], expected: list[LayerWeights]) -> None:
    assert [layer.name for layer in given] == [layer.name for layer in expected]
    for one, other in zip(given, expected, strict=True):
        assert list(one.variables) == list(other.variables)
        for name, values in other.variables.items():
            np.testing.assert_array_equal(one.variables[name], values, strict=True)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    write_layer_weights(tmp_path / "a.h5", LAYERS, exact=True)
    _assert_layers(read_layer_weights(tmp_path / "a.h5"), LAYERS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_kernels_are_halved_and_vectors_are_not(tmp_path: Path) -> None:
    write_layer_weights(tmp_path / "a.h5", LAYERS)
    conv, norm = read_layer_weights(tmp_path / "a.h5")
    kernel = LAYERS[0].variables["kernel"].astype(np.float16).astype(np.float32)
    np.testing.assert_array_equal(conv.variables["kernel"], kernel)
    assert norm.variables["gamma"][0] == 1e6  # more than float16 holds


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_what_can_not_be_kept_is_not_written(tmp_path: Path, value: float) -> None:
    layer = LayerWeights("a", {"kernel": np.full((2, 2), value, np.float32)})
    with pytest.raises(CheckpointError, match="finite values"):
        write_layer_weights(tmp_path / "a.h5", [layer])
    assert not list(tmp_path.iterdir())


def test_a_place_that_can_not_be_written_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="written to"):
        write_layer_weights(tmp_path / "missing" / "a.h5", LAYERS)


def test_names_in_numbered_chunks_are_joined(tmp_path: Path) -> None:
    """Keras splits attributes of more than 64 kB."""
    write_layer_weights(tmp_path / "a.h5", LAYERS, exact=True)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"], file.attrs["layer_names1"] = [b"conv1"], [b"bn_conv1"]
    _assert_layers(read_layer_weights(tmp_path / "a.h5"), LAYERS)


def test_plain_groups_are_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["conv1/kernel"] = LAYERS[0].variables["kernel"]
    assert read_layer_weights(tmp_path / "a.h5")[0].variables.keys() == {"kernel"}


def _soft(file: h5py.File, group: h5py.Group) -> None:
    group["kernel"] = h5py.SoftLink("/other")


def _external(file: h5py.File, group: h5py.Group) -> None:
    group["kernel"] = h5py.ExternalLink("elsewhere.h5", "/x")


def _group_elsewhere(file: h5py.File, group: h5py.Group) -> None:
    del file["conv1"]
    file["conv1"] = h5py.ExternalLink("elsewhere.h5", "/")


def _external_values(file: h5py.File, group: h5py.Group) -> None:
    group.create_dataset("kernel", (2, 2), "f4", external=[("/etc/hostname", 0, 16)])


def _virtual(file: h5py.File, group: h5py.Group) -> None:
    layout = h5py.VirtualLayout((2, 2), "f4")
    layout[:] = h5py.VirtualSource("elsewhere.h5", "x", (2, 2))
    group.create_virtual_dataset("kernel", layout)


def _huge(file: h5py.File, group: h5py.Group) -> None:
    group.create_dataset("kernel", (1 << 20, 1 << 20), "f4", chunks=(1, 1))


def _huge_chunk(file: h5py.File, group: h5py.Group) -> None:
    group.create_dataset("kernel", (2, 2), "f4", chunks=(1 << 14, 1 << 14), maxshape=(None, None))


def _many_links(file: h5py.File, group: h5py.Group) -> None:
    file["large"] = np.zeros(1 << 20, np.float32)
    for number in range(70):
        group[f"kernel{number}"] = file["large"]
    del file["large"]


def _many_names(file: h5py.File, group: h5py.Group) -> None:
    file.attrs.create("layer_names", np.zeros(70_000, "i1"), dtype="i1")


def _set(values: object) -> Callable[[h5py.File, h5py.Group], None]:
    return lambda file, group: group.__setitem__("kernel", values)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_soft, "'conv1/kernel' is missing or a link|'kernel' is missing or a link"),
        (_external, "is missing or a link"),
        (_group_elsewhere, "is missing or a link"),
        (_external_values, "no plain array"),
        (_virtual, "no plain array"),
        (_huge, r"float32 \(1048576, 1048576\)"),
        (_huge_chunk, r"float32 \(2, 2\)"),
        (_many_links, "more than 67108864 values"),
        (_set(np.array([1.0, np.nan])), "non-finite"),
        (_set(np.array([1e300])), "non-finite"),
        (_set(np.array([1, 2])), "int64"),
        (_set(np.array([b"text"])), "S4"),
        (_set(h5py.Empty("f4")), "float32 None"),
        (lambda file, group: group.create_group("kernel"), "no plain array"),
        (lambda file, group: file.attrs.__setitem__("layer_names", 5), "'5' is missing"),
        (_many_names, r"attribute 'layer_names' of '/' has shape \(70000,\)"),
        (lambda file, group: file.attrs.__setitem__("layer_names", [b"\xff"]), "Unicode"),
        (lambda file, group: file.attrs.__setitem__("layer_names", [b"gone"]), "'gone' is missing"),
        (lambda file, group: file.__delitem__("conv1"), "no weights"),
    ],
)
def test_hostile_files_are_refused(
    tmp_path: Path, make: Callable[[h5py.File, h5py.Group], None], message: str
) -> None:
    with h5py.File(tmp_path / "elsewhere.h5", "w") as file:
        file["x"] = file["kernel"] = np.ones((2, 2), np.float32)
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        make(file, file.create_group("conv1"))
    with pytest.raises(CheckpointError, match=message) as caught:
        parse_layer_weights(tmp_path / "a.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x05\x06" + bytes(18), b"text"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.h5"):
        parse_layer_weights(tmp_path / "a.h5")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.h5"):
        with pytest.raises(CheckpointError, match="readable file"):
            read_layer_weights(path)


def test_zip_bombs_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.keras"
    monkeypatch.setattr("vssn.checkpoints.hdf5.MAX_MEMBER_BYTES", 10_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(10_000_001))
    assert path.stat().st_size < 20_000
    with pytest.raises(CheckpointError, match="too large"):
        parse_layer_weights(path)


def test_a_zip_archive_of_something_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(CheckpointError, match=r"model\.weights\.h5"):
        read_layer_weights(tmp_path / "a.keras")


def test_values_that_moved_are_found(tmp_path: Path) -> None:
    """HDF5's checksum holds for both arrays, but they are not where they were written."""
    write_layer_weights(tmp_path / "a.h5", LAYERS)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        group = file["bn_conv1/bn_conv1"]
        group.move("gamma:0", "x")
        group.move("beta:0", "gamma:0")
        group.move("x", "beta:0")
    with pytest.raises(CheckpointError, match="checksum"):
        read_layer_weights(tmp_path / "a.h5")


FUZZ = """
import sys
from pathlib import Path
import numpy as np
from vssn.checkpoints.hdf5 import parse_layer_weights
from vssn.errors import CheckpointError

path, copy, checked = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "checked"
original = [(x.name, {k: v.tobytes() for k, v in x.variables.items()})
            for x in parse_layer_weights(path)]
whole, rng, refused = path.read_bytes(), np.random.default_rng(22), 0
for trial in range(400):
    damaged = bytearray(whole)
    position = int(rng.integers(len(whole)))
    if trial % 8 == 0:
        del damaged[position:]
    else:
        damaged[position] ^= 1 << int(rng.integers(8))
    copy.write_bytes(damaged)
    try:
        layers = parse_layer_weights(copy)
    except CheckpointError as error:
        assert "\\n" not in str(error)
        refused += 1
        continue
    assert all(np.isfinite(v).all() for x in layers for v in x.variables.values())
    if checked:
        read = [(x.name, {k: v.tobytes() for k, v in x.variables.items()}) for x in layers]
        assert read == original, (trial, position)
print("refused", refused)
"""


def _as_keras2(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in LAYERS]
        for layer in LAYERS:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{n}:0".encode() for n in layer.variables]
            for name, values in layer.variables.items():
                group[f"{layer.name}/{name}:0"] = values


def _as_keras3(path: Path) -> None:
    with h5py.File(path, "w") as file:
        for layer in LAYERS:
            group = file.create_group(f"layers/{layer.name}/vars")
            group.attrs["name"] = layer.name
            for number, values in enumerate(layer.variables.values()):
                group[str(number)] = values


def _as_keras_archive(path: Path) -> None:
    _as_keras3(path.with_suffix(".h5"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(path.with_suffix(".h5"), "model.weights.h5")


@pytest.mark.parametrize(
    ("write", "name", "checked"),
    [
        (lambda path: write_layer_weights(path, LAYERS), "a.h5", True),
        (_as_keras_archive, "a.keras", True),
        (_as_keras2, "a.h5", False),
        (_as_keras3, "a.weights.h5", False),
    ],
)
def test_damaged_files_never_crash(
    tmp_path: Path, write: Callable[[Path], None], name: str, checked: bool
) -> None:
    """Apart, so that a crash inside the HDF5 library would be seen.

    With a checksum (``checked``), damage either is refused or touched no weight.
    """
    write(tmp_path / name)
    kind = "checked" if checked else "unchecked"
    command = [sys.executable, "-c", FUZZ, str(tmp_path / name), str(tmp_path / f"b{name}"), kind]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 20
