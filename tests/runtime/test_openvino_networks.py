from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest

from vssn.checkpoints.arrays import read_segnet
from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.segnet_weights import write_segnet_config
from vssn.errors import BadInputError, CheckpointError
from vssn.labels import NUM_CLASSES
from vssn.networks import Precision, RuntimeOptions
from vssn.openvino_core import openvino_core
from vssn.preprocess import segnet_input
from vssn.runtime import openvino_networks
from vssn.runtime.int8_ranges import write_ranges
from vssn.runtime.load import Networks, WeightPaths
from vssn.runtime.openvino_frozen import build_frozen_graph
from vssn.runtime.openvino_networks import (
    OpenVINOLoader,
    OpenVINOSegmentation,
    choose_precision,
)

if TYPE_CHECKING:
    import keras

RUN = """
import sys
from pathlib import Path
import numpy as np
from vssn.runtime.load import (WeightPaths, load_networks)
from vssn.networks import (RuntimeOptions)

folder = Path(sys.argv[1])
paths = WeightPaths(folder / "made.h5", folder / "flow/model.ckpt", folder / "decision/model.ckpt")
networks = load_networks(paths, options=RuntimeOptions(threads=1))
frame_bgr = np.load(folder / "frame.npy")
probabilities = networks.segmentation.probabilities(frame_bgr)
view = networks.flow.prepare(frame_bgr)
comparison = networks.flow.compare(view, view)
expected = networks.decision.predicted_confidence(comparison.feature)
flow = comparison.estimate().flow
loaded = [name for name in ("tensorflow", "keras") if name in sys.modules]
print(networks.runtime, probabilities.shape, flow.shape, np.isfinite(expected), loaded)
"""


def load_networks(
    paths: WeightPaths,
    precision: Precision = "auto",
    threads: int | None = None,
    cache_dir: Path | None = None,
) -> Networks:
    loader = OpenVINOLoader(precision, threads, cache_dir)
    segmentation = loader.segmentation(paths.segnet)
    flow, decision = loader.flow(paths.flownets), loader.decision(paths.decision)
    return Networks(segmentation, flow, decision, loader.name)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    small_segnet: keras.Model,
    flownets: keras.Model,
    decision: keras.Model,
) -> Path:
    from vssn.checkpoints.freeze import write_frozen_graph
    from vssn.checkpoints.segnet_weights import save_segnet_weights
    from vssn.checkpoints.tf1 import save_decision, save_flownets

    folder = tmp_path_factory.mktemp("weights")
    save_segnet_weights(small_segnet, folder / "made.h5", exact=True)
    write_frozen_graph(small_segnet, folder / "made.pb")
    save_flownets(flownets, folder / "flow")
    save_decision(decision, folder / "decision")
    np.save(folder / "frame.npy", np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
    return folder


@pytest.mark.slow
def test_inference_never_imports_tensorflow_and_the_cache_is_used(folder: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, "-c", RUN, str(folder)]
    for attempt in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        name, shapes = done.stdout.split(" (", 1)
        assert name.startswith("OpenVINO 20"), attempt
        assert name.endswith((" f32", " bf16"))
        assert shapes.strip() == f"208, 304, {NUM_CLASSES}) (52, 76, 2) True []"
    assert len(list((folder / "cache").rglob("*.blob"))) == 4


def test_a_frozen_graph_runs_as_the_keras_model_does(
    folder: Path, small_segnet: keras.Model, frame_bgr: np.ndarray
) -> None:
    graph = build_frozen_graph(folder / "made.pb")
    network = OpenVINOSegmentation(
        openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    )
    flat = small_segnet(segnet_input(frame_bgr, (64, 96)), training=False).numpy()
    expected = flat.reshape(32, 48, -1)[..., :NUM_CLASSES]
    np.testing.assert_allclose(network.probabilities(frame_bgr), expected, rtol=1e-3, atol=1e-4)


def test_a_frozen_graph_and_the_keras_weights_are_one_network(
    folder: Path, tmp_path: Path, frame_bgr: np.ndarray
) -> None:
    """Also where the graph has the ranges of the weights that it was made of."""
    for name in ("made.h5", "made.pb", "made.pb.sha256"):
        copyfile(folder / name, tmp_path / name)
    digest = weights_digest(read_segnet(tmp_path / "made.h5"))
    write_ranges(tmp_path / "made.h5", {"image": (0.0, 255.0), "conv1": (0.0, 20.0)}, digest)
    results = []
    for name in ("made.h5", "made.pb"):
        loader = OpenVINOLoader("int8", cache_dir=tmp_path / "cache")
        if name == "made.h5":
            write_segnet_config((64, 96), tmp_path)
        results.append(loader.segmentation(tmp_path / name).probabilities(frame_bgr))
        assert loader.name.endswith("int8")
    np.testing.assert_array_equal(results[0], results[1], strict=True)
    assert len(list((tmp_path / "cache").glob("*.blob"))) == 1


def test_another_networks_graph_runs_as_it_is_and_says_so(
    folder: Path, tmp_path: Path, frame_bgr: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    import tensorflow as tf

    graph_def = tf.compat.v1.GraphDef.FromString((folder / "made.pb").read_bytes())
    nodes = {node.name: node for node in graph_def.node}
    nodes["relu4f"].op = "Identity"
    (tmp_path / "other.pb").write_bytes(graph_def.SerializeToString())
    loader = OpenVINOLoader("f32", cache_dir=tmp_path / "cache")
    for _ in range(2):
        caplog.clear()
        network = loader.segmentation(tmp_path / "other.pb")
        assert "a Add, where Relu is expected" in caplog.text
        assert "runs as it is written" in caplog.text
    np.testing.assert_allclose(network.probabilities(frame_bgr).sum(-1).max(), 1, atol=0.1)
    with pytest.raises(BadInputError, match="int8"):
        OpenVINOLoader("int8", cache_dir=tmp_path / "cache").segmentation(tmp_path / "other.pb")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "missing", "text"])
def test_a_damaged_frozen_graph_is_refused(folder: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray((folder / "made.pb").read_bytes())
    path = tmp_path / "damaged.pb"
    if damage == "flipped":
        copyfile(folder / "made.pb.sha256", tmp_path / "damaged.pb.sha256")
        data[len(data) // 2] ^= 1
    contents = {"cut": data[: len(data) // 2], "flipped": data, "empty": b"", "text": b"no graph"}
    if damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(CheckpointError, match=r"damaged\.pb"):
        build_frozen_graph(path)


def test_a_graph_whose_refusal_quotes_no_text_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_model(*_: object) -> ov.Model:
        raise UnicodeDecodeError("utf-8", b"graph \xff", 6, 7, "invalid start byte")

    copyfile(folder / "made.pb", tmp_path / "odd.pb")
    monkeypatch.setattr(ov.Core, "read_model", read_model)
    with pytest.raises(CheckpointError, match=r"odd\.pb"):
        build_frozen_graph(tmp_path / "odd.pb")


@pytest.mark.parametrize(
    ("wanted", "capabilities", "has_ranges", "byte_products", "expected"),
    [
        ("auto", ["BF16", "INT8"], True, True, "int8"),
        ("auto", ["BF16", "INT8"], False, True, "bf16"),
        ("auto", ["INT8"], True, True, "int8"),
        ("auto", ["INT8"], True, False, "f32"),
        ("auto", ["FP32"], False, True, "f32"),
        ("f32", ["BF16"], True, True, "f32"),
        ("int8", ["FP32"], True, False, "int8"),
    ],
)
def test_auto_takes_what_the_processor_is_good_at(
    monkeypatch: pytest.MonkeyPatch,
    wanted: openvino_networks.Precision,
    capabilities: list[str],
    has_ranges: bool,
    byte_products: bool,
    expected: str,
) -> None:
    monkeypatch.setattr(openvino_networks, "multiplies_bytes", lambda: byte_products)
    assert choose_precision(wanted, capabilities, has_ranges) == expected


def test_impossible_precisions_are_refused() -> None:
    with pytest.raises(BadInputError, match="bf16"):
        choose_precision("bf16", ["FP32"], True)
    with pytest.raises(BadInputError, match="int8 ranges"):
        choose_precision("int8", ["INT8"], False)


@pytest.mark.usefixtures("tf1_in_this_process")
def test_wrong_weights_and_threads_are_refused(folder: Path, tmp_path: Path) -> None:
    flow = folder / "flow/model.ckpt"
    for threads in (0, 1_000_000_000):
        with pytest.raises(BadInputError, match="threads"):
            RuntimeOptions(threads=threads)
    with pytest.raises(CheckpointError, match="missing: decision/Conv"):
        load_networks(WeightPaths(folder / "made.h5", flow, flow), "f32", None, tmp_path)


def test_int8_needs_the_ranges_of_these_weights(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "made.h5"
    copy.write_bytes((folder / "made.h5").read_bytes())
    write_ranges(copy, {"image": (0.0, 255.0)}, "0" * 64)
    paths = WeightPaths(copy, folder / "flow/model.ckpt", folder / "decision/model.ckpt")
    with pytest.raises(BadInputError, match="int8 ranges"):
        load_networks(paths, "int8", None, tmp_path / "cache")
