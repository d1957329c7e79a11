"""The converter: every format agrees with the Keras model, or leaves nothing."""

from __future__ import annotations

import dataclasses
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from made_weights import SEGNET_HW

from vssn.checkpoints import convert as convert_module
from vssn.checkpoints.convert import convert
from vssn.checkpoints.exporters import EXPORTERS, Exporter
from vssn.checkpoints.segnet_weights import save_segnet_weights, write_segnet_config
from vssn.errors import BadInputError, CheckpointError, VssnError
from vssn.models.architectures import RESNET50_SEGNET

FRAMES = np.random.default_rng(31).integers(0, 256, (2, 48, 80, 3), np.uint8)


@pytest.fixture(scope="module")
def weights(segnet: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    save_segnet_weights(segnet, folder / "resnet50_segnet.h5", exact=True)
    write_segnet_config(segnet.input_shape[1:3], folder)
    return folder / "resnet50_segnet.h5"


@pytest.fixture
def built_already(segnet: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares a test the seconds of building and loading what is there."""
    monkeypatch.setattr(convert_module, "load_segnet", lambda weights, config: segnet)


def _missing(exporter: Exporter) -> str:
    return " ".join(each for each in exporter.packages if importlib.util.find_spec(each) is None)


@pytest.mark.usefixtures("built_already")
@pytest.mark.parametrize("fmt", EXPORTERS)
def test_formats_agree_with_keras_and_replace_what_was_there(
    weights: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    fmt: str,
) -> None:
    systems = tmp_path_factory.mktemp("systems")
    monkeypatch.setattr(tempfile, "tempdir", str(systems))
    exporter = EXPORTERS[fmt]
    if _missing(exporter):
        pytest.skip(f"NOT CHECKED: format '{fmt}' needs {_missing(exporter)}")
    output = tmp_path / f"out{exporter.suffix}"
    if exporter.suffix:
        output.write_bytes(b"old")
    report = convert(weights, None, output, fmt, FRAMES[:1])
    names = {path.name for path in tmp_path.iterdir()}
    beside = {"openvino": ["out.bin"], "pb": ["out.pb.sha256"]}.get(fmt, [])
    assert names == {output.name, *beside}
    assert report.path == output
    assert 0 < report.largest_difference < 1e-5
    assert report.frames == 1
    if fmt == "saved_model":  # a folder takes more care to replace than a file
        convert(weights, None, output, fmt, FRAMES)
        assert {path.name for path in tmp_path.iterdir()} == names
    assert not list(systems.iterdir())  # SIGKILL would leave it there for ever
    probabilities = exporter.load(output)(np.zeros((1, *SEGNET_HW, 3), np.float32))
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.usefixtures("built_already")
@pytest.mark.parametrize("difference", [2e-4, np.nan])
def test_a_difference_leaves_nothing_and_keeps_the_old_file(
    segnet: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float
) -> None:
    def write(graph_def: Any, path: Path) -> None:
        path.write_bytes(b"new")

    def load(path: Path) -> Callable[[Any], Any]:
        assert path.read_bytes() == b"new"
        return lambda image: segnet(image, training=False).numpy() + np.float32(difference)

    monkeypatch.setitem(convert_module.EXPORTERS, "pb", Exporter(write, load, ".pb"))
    (tmp_path / "out.pb").write_bytes(b"old")
    with pytest.raises(CheckpointError, match=r"out\.pb' \(differs by .* at most 0\.0001"):
        convert(tmp_path / "a.h5", None, tmp_path / "out.pb", "pb", FRAMES)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out.pb", b"old")]


def test_the_input_size_is_that_of_the_config(weights: Path, tmp_path: Path) -> None:
    config = tmp_path / "other.json"
    text = weights.with_name(RESNET50_SEGNET.config_file).read_text()
    config.write_text(text.replace("96", "128").replace("48", "64"))
    convert(weights, config, tmp_path / "out.pb", "pb", FRAMES[:1])
    assert EXPORTERS["pb"].load(tmp_path / "out.pb")(
        np.zeros((1, 64, 128, 3), np.float32)
    ).shape == (
        1,
        32 * 64,
        12,
    )


def _package(monkeypatch: pytest.MonkeyPatch) -> None:
    exporter = dataclasses.replace(EXPORTERS["onnx"], packages=("gone_package",))
    monkeypatch.setitem(convert_module.EXPORTERS, "onnx", exporter)


@pytest.mark.parametrize(
    ("name", "fmt", "message"),
    [
        ("out.pb", "coreml", "format 'coreml': expected one of pb, saved_model"),
        ("out.onnx", "onnx", r"'gone_package'; pip install 'vssn\[onnx\]'"),
        ("out.pbtxt", "pb", r"ends in '\.pb'"),
        ("out.pb", "saved_model", "a folder"),
        ("full", "saved_model", "folder of other files"),
        ("folder.pb", "pb", "folder of other files"),
    ],
)
def test_what_can_be_refused_is_refused_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, fmt: str, message: str
) -> None:
    _package(monkeypatch)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "folder.pb").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(VssnError, match=message):
        convert(tmp_path / "weights that nobody looked for.h5", None, tmp_path / name, fmt, FRAMES)
    assert sorted(tmp_path.rglob("*")) == before


def test_no_frames_prove_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no frames"):
        convert(tmp_path / "a.h5", None, tmp_path / "out.pb", "pb", iter([]))
    assert not list(tmp_path.iterdir())


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"gone\.h5"):
        convert(tmp_path / "gone.h5", None, tmp_path / "out.pb", "pb", FRAMES)
