"""From files to networks: what is missing or damaged is refused, never made up."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn import shipped
from vssn.errors import BadInputError, CheckpointError
from vssn.flow.dis import DISFlow
from vssn.labels import NUM_CLASSES
from vssn.networks import RuntimeOptions
from vssn.preprocess import segnet_input
from vssn.runtime import load
from vssn.runtime.load import WeightPaths, load_networks
from vssn.types import FlowMethod, Propagate, Propagation

if TYPE_CHECKING:
    import keras


@pytest.fixture
def in_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights here, and none beside the package."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "installed" / "vssn")


@pytest.mark.usefixtures("in_empty_folder")
def test_nothing_is_located_where_there_is_nothing(weights_dir: Path) -> None:
    given = {
        "segnet": weights_dir / "segnet.h5",
        "flownets": weights_dir / "flow",
        "decision": weights_dir / "decision",
    }
    assert WeightPaths.locate(**given) == WeightPaths(**given)
    for name, folder in (
        ("segnet", "resnet50_segnet_model"),
        ("flownets", "dvs_net_flownets_checkpoints"),
        ("decision", "decision_network_checkpoints"),
    ):
        with pytest.raises(CheckpointError, match=folder):
            WeightPaths.locate(**{**given, name: None})
        with pytest.raises(CheckpointError, match="missing"):
            WeightPaths.locate(**{**given, name: weights_dir / "missing"})


@pytest.mark.usefixtures("in_empty_folder")
@pytest.mark.parametrize(
    ("propagation", "needed"),
    [
        (Propagation(FlowMethod.DIS, Propagate.CHAIN), ["segnet"]),
        (Propagation(FlowMethod.DIS, Propagate.KEY), ["segnet"]),
        (Propagation(FlowMethod.FLOWNETS, Propagate.CHAIN), ["segnet", "flownets"]),
    ],
)
def test_what_has_no_part_is_neither_located_nor_hashed(
    weights_dir: Path, propagation: Propagation, needed: list[str]
) -> None:
    there = {"segnet": weights_dir / "segnet.h5", "flownets": weights_dir / "flow"}
    given = {name: there[name] for name in needed}
    paths = WeightPaths.locate(**given, propagation=propagation)
    assert paths == WeightPaths(**given)
    assert {Path(path).stem.split(".")[0] for path in paths.sha256()} == {
        path.stem for path in given.values()
    }
    missing = weights_dir / "missing"
    unused = {name: missing for name in ("flownets", "decision") if name not in needed}
    assert WeightPaths.locate(**given, **unused, propagation=propagation) == paths


@pytest.mark.parametrize("flownets", [None, Path("flow")])
@pytest.mark.parametrize("decision", [None, Path("decision")])
def test_only_networks_with_weights_are_loaded_and_dis_needs_none(
    monkeypatch: pytest.MonkeyPatch, flownets: Path | None, decision: Path | None
) -> None:
    loaded: list[Path] = []

    def note(path: Path) -> Path:
        loaded.append(path)
        return path

    loader = SimpleNamespace(segmentation=note, flow=note, decision=note, name="noting")
    monkeypatch.setattr(load, "make_loader", lambda *_: loader)
    networks = load_networks(WeightPaths(Path("segnet.h5"), flownets, decision))
    assert loaded == [path for path in (decision, flownets, Path("segnet.h5")) if path]
    assert networks.decision == decision
    assert networks.flow == flownets if flownets else isinstance(networks.flow, DISFlow)


def test_digests_are_of_every_file(weights_dir: Path) -> None:
    paths = WeightPaths(weights_dir / "segnet.h5", weights_dir / "flow", weights_dir / "decision")
    digests = paths.sha256()
    assert {Path(path).name for path in digests} == {
        "segnet.h5",
        *(
            f"{name}.{end}"
            for name in ("flow", "decision")
            for end in ("index", "data-00000-of-00001")
        ),
    }
    assert all(len(digest) == 64 for digest in digests.values())
    assert len(set(digests.values())) == 5


@pytest.fixture(scope="module")
def saved(
    tmp_path_factory: pytest.TempPathFactory, flownets: keras.Model, decision: keras.Model
) -> Path:
    """Checkpoints of the two small networks."""
    from vssn.checkpoints.tf1 import save_decision, save_flownets

    folder = tmp_path_factory.mktemp("saved")
    save_flownets(flownets, folder / "flow")
    save_decision(decision, folder / "decision")
    return folder


@pytest.mark.usefixtures("tf1_in_this_process")
def test_damaged_weights_of_each_network_are_refused(weights_dir: Path, saved: Path) -> None:
    good = {"flownets": saved / "flow/model.ckpt", "decision": saved / "decision/model.ckpt"}
    segnet = weights_dir / "segnet.h5"
    with pytest.raises(CheckpointError, match=r"segnet\.h5"):
        load_networks(WeightPaths(segnet, **good))
    with pytest.raises(CheckpointError, match="decision"):
        load_networks(WeightPaths(segnet, good["flownets"], weights_dir / "decision"))
    with pytest.raises(CheckpointError, match="flow"):
        load.load_flow(weights_dir / "flow")


@pytest.mark.usefixtures("tf1_in_this_process")
def test_weights_of_another_network_are_refused(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="missing: FlowNets/"):
        load.load_flow(saved / "decision/model.ckpt")


@pytest.mark.usefixtures("tf1_in_this_process")
def test_flow_and_decision_run_with_the_weights_of_their_files(
    saved: Path, flownets: keras.Model, decision: keras.Model
) -> None:
    network = load.load_flow(saved / "flow/model.ckpt", options=RuntimeOptions(precision="f32"))
    frame = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    view = network.prepare(frame)
    pair = np.concatenate([view, view], axis=-1)[np.newaxis]
    expected = np.asarray(flownets(pair, training=False)["feature"])[0]
    np.testing.assert_allclose(network.compare(view, view).feature, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("suffix", [".h5", ".pb", ".keras"])
def test_a_segmentation_file_of_junk_is_refused_in_one_line(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"resnet50_segnet{suffix}"
    path.write_bytes(b"junk" * 1000)
    with pytest.raises(CheckpointError, match="resnet50_segnet") as caught:
        load.load_segmentation(path)
    assert "\n" not in str(caught.value)


def test_a_segmenter_loads_in_one_call(
    fake_networks: object, weights_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import vssn

    monkeypatch.setattr(load, "load_networks", lambda *_, **__: fake_networks)
    segmenter = vssn.load_segmenter(
        target=100,
        segmenter=weights_dir / "segnet.h5",
        flownets=weights_dir / "flow",
        decision=weights_dir / "decision",
    )
    results = list(segmenter.stream([np.zeros((48, 64, 3), np.uint8)] * 2))
    assert [result.path for result in results] == [vssn.FramePath.SEGMENT] * 2
    with pytest.raises(CheckpointError):
        vssn.load_segmenter(segmenter=weights_dir / "missing.h5")


@pytest.fixture(scope="module")
def foreign_graph(small_segnet: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen graph as Keras 2 left them: with a placeholder for the learning phase."""
    import tensorflow as tf

    from vssn.checkpoints.freeze import frozen_graph_def

    graph = frozen_graph_def(small_segnet)
    phase = graph.node.add(op="Placeholder", name="keras_learning_phase")
    phase.attr["dtype"].type = tf.bool.as_datatype_enum
    path = tmp_path_factory.mktemp("graph") / "resnet50_segnet.pb"
    path.write_bytes(graph.SerializeToString())
    return path


@pytest.mark.parametrize(
    "options",
    [
        RuntimeOptions(precision="f32"),
        RuntimeOptions("tensorflow"),
        RuntimeOptions(graph_input="input_1", graph_output="activation_49/truediv"),
    ],
)
def test_graphs_of_others_run_whatever_reads_them(
    foreign_graph: Path, small_segnet: keras.Model, options: RuntimeOptions
) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    probabilities = load.load_segmentation(foreign_graph, options=options).probabilities(frame)
    flat = np.asarray(small_segnet(segnet_input(frame, (64, 96)), training=False))
    expected = flat.reshape(32, 48, -1)[..., :NUM_CLASSES]
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-4)


def test_names_that_a_graph_lacks_are_refused(foreign_graph: Path) -> None:
    with pytest.raises(CheckpointError, match="logits"):
        load.load_segmentation(foreign_graph, options=RuntimeOptions(graph_output="logits"))
    with pytest.raises(BadInputError, match="openvino"):
        load.load_segmentation(
            foreign_graph, options=RuntimeOptions("openvino", graph_input="input_1")
        )
