"""Frozen graphs: ours, Keras 2's, foreign and hostile ones."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copy
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from vssn.checkpoints.freeze import write_frozen_graph
from vssn.checkpoints.frozen import INPUT_NAME, OUTPUT_NAME, read_frozen_graph, write_graph_def
from vssn.checkpoints.graph_def import checksum_path
from vssn.errors import CheckpointError
from vssn.openvino_core import openvino_core

HW = (32, 64)
IMAGE = np.random.default_rng(5).uniform(-100, 100, (1, *HW, 3)).astype(np.float32)
placeholder = tf.compat.v1.placeholder


@pytest.fixture(scope="module")
def frozen_path(segnet: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frozen") / "resnet50_segnet.pb"
    write_frozen_graph(segnet, path)
    return path


def _probabilities(image: Any, classes: int = 12, stride: int = 2) -> Any:
    kernel = np.random.default_rng(6).normal(0, 0.02, (3, 3, 3, classes)).astype(np.float32)
    x = tf.nn.conv2d(image, tf.constant(kernel, name="kernel"), stride, "SAME")
    return tf.reshape(x, (-1, HW[0] // stride * HW[1] // stride, classes))


def _image(name: str = "image", shape: Any = (None, *HW, 3)) -> Any:
    return placeholder(tf.float32, shape, name=name)


def _write(path: Path, build: Callable[[], object]) -> Path:
    with tf.Graph().as_default() as graph:
        build()
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def _nodes(path: Path) -> Any:
    return tf.compat.v1.GraphDef.FromString(path.read_bytes()).node


def _foreign() -> None:
    tf.identity(tf.identity(tf.nn.softmax(_probabilities(_image()), name="classes")))


def test_a_written_graph_gives_the_models_output(
    frozen_path: Path, segnet_image: np.ndarray, segnet_probabilities: np.ndarray
) -> None:
    graph = read_frozen_graph(frozen_path)
    assert (graph.input_name, graph.output_name) == (INPUT_NAME, OUTPUT_NAME)
    assert graph.input_hw == segnet_image.shape[1:3]
    (probabilities,) = graph.run(tf.constant(segnet_image))
    np.testing.assert_allclose(probabilities, segnet_probabilities, atol=1e-5)
    assert segnet_probabilities.std() > 0.02  # the comparison would see a difference


def test_the_graph_is_that_of_a_plain_folded_network(frozen_path: Path) -> None:
    nodes = _nodes(frozen_path)
    counts = {op: sum(node.op == op for node in nodes) for op in {node.op for node in nodes}}
    assert counts["Conv2D"] == counts["BiasAdd"] == 43 + 5
    assert counts["Placeholder"] == counts["RealDiv"] == 1
    assert not {"FusedBatchNormV3", "Rsqrt", "AddV2", "Identity", "VarHandleOp"} & counts.keys()
    assert not any("explicit_paddings" in node.attr for node in nodes)


def test_openvino_reads_it_too(
    frozen_path: Path, segnet_image: np.ndarray, segnet_probabilities: np.ndarray
) -> None:
    pytest.importorskip("openvino")
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino_core().compile_model(str(frozen_path), "CPU", options)
    np.testing.assert_allclose(compiled(segnet_image)[0], segnet_probabilities, atol=1e-5)


def test_mixed_precision_models_are_frozen_in_float32(
    segnet: keras.Model, frozen_path: Path, tmp_path: Path
) -> None:
    from vssn.models.segnet import build_segnet

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = build_segnet(segnet.input_shape[1:3])
    finally:
        keras.config.set_dtype_policy(before)
    model.set_weights(segnet.get_weights())
    write_frozen_graph(model, tmp_path / "again.pb")
    assert (tmp_path / "again.pb").read_bytes() == frozen_path.read_bytes()


def test_the_checksum_beside_it_is_one_of_sha256sum(frozen_path: Path) -> None:
    digest = hashlib.sha256(frozen_path.read_bytes()).hexdigest()
    assert checksum_path(frozen_path).read_text() == f"{digest}  {frozen_path.name}\n"
    assert not any(node.op == "NoOp" for node in _nodes(frozen_path))


def test_damage_anywhere_in_our_file_is_refused(frozen_path: Path, tmp_path: Path) -> None:
    whole = frozen_path.read_bytes()
    copy(checksum_path(frozen_path), checksum_path(tmp_path / "a.pb"))
    positions = [0, 10, len(whole) - 1]
    positions += np.random.default_rng(7).integers(0, len(whole), 12).tolist()
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        (tmp_path / "a.pb").write_bytes(damaged)
        with pytest.raises(CheckpointError, match="checksum is wrong"):
            read_frozen_graph(tmp_path / "a.pb")


@pytest.mark.parametrize("kept", [0, 1, 1000, 0.5, -1])
def test_a_cut_off_file_is_refused(frozen_path: Path, tmp_path: Path, kept: float) -> None:
    whole = frozen_path.read_bytes()
    (tmp_path / "a.pb").write_bytes(whole[: int(kept if kept != 0.5 else len(whole) // 2)])
    with pytest.raises(CheckpointError, match=r"^graph '.*a\.pb'"):
        read_frozen_graph(tmp_path / "a.pb")


def test_other_names_are_found_behind_identities(tmp_path: Path) -> None:
    graph = read_frozen_graph(_write(tmp_path / "a.pb", _foreign))
    assert (graph.input_name, graph.output_name, graph.input_hw) == ("image", "classes", HW)
    (probabilities,) = graph.run(IMAGE)
    np.testing.assert_allclose(probabilities.sum(axis=-1), 1, rtol=1e-5)


def test_the_originals_names_win_over_others(tmp_path: Path) -> None:
    def build() -> None:
        placeholder(tf.bool, (), name="training")
        image = _image(INPUT_NAME)
        tf.nn.softmax(_probabilities(_image("other")))
        exponents = tf.exp(_probabilities(image))
        total = tf.reduce_sum(exponents, axis=-1, keepdims=True)
        tf.raw_ops.RealDiv(x=exponents, y=total, name=OUTPUT_NAME)

    graph = read_frozen_graph(_write(tmp_path / "a.pb", build))
    assert (graph.input_name, graph.output_name) == (INPUT_NAME, OUTPUT_NAME)


def _two_inputs() -> None:
    tf.nn.softmax(_probabilities(_image("left") + _image("right")))


def _two_outputs() -> None:
    image = _image()
    tf.nn.softmax(_probabilities(image), name="left")
    tf.nn.softmax(_probabilities(image), name="right")


def test_names_can_be_given(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.pb", _two_outputs)
    assert read_frozen_graph(path, "image:0", "right:0").output_name == "right"
    with pytest.raises(CheckpointError, match="no tensor 'middle:0'"):
        read_frozen_graph(path, output_name="middle")


def _variable() -> None:
    tf.compat.v1.get_variable("v", initializer=np.ones(3, np.float32))
    _foreign()


def _file_writer() -> None:
    tf.io.write_file("/tmp/never", "x")
    _foreign()


def _file_reader() -> None:
    tf.io.read_file("/etc/hostname")
    _foreign()


def _python_function() -> None:
    tf.numpy_function(lambda: np.float32(1), [], tf.float32)
    _foreign()


def _loop() -> None:
    tf.while_loop(lambda i: i < 5, lambda i: i + 1, [tf.constant(0)])
    _foreign()


def _not_finite() -> None:
    tf.nn.softmax(_probabilities(_image()) * tf.constant(np.float32("nan")))


def _huge() -> None:
    tf.fill((1 << 20, 1 << 20), np.float32(1))
    _foreign()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tf.constant(1.0), "float input. found none"),
        (lambda: tf.nn.relu(_probabilities(_image())), "softmax output. found none"),
        (_two_inputs, "float input. found left, right"),
        (_two_outputs, "softmax output. found left, right"),
        (
            lambda: tf.nn.softmax(_probabilities(_image(shape=(None, None, None, 3)))),
            "multiples of 32",
        ),
        (lambda: tf.nn.softmax(_probabilities(_image(shape=(None, 33, 64, 3)))), "multiples of 32"),
        (
            lambda: tf.nn.softmax(_probabilities(_image(), classes=5)),
            r"\[None, 512, 5\], not float32",
        ),
        (
            lambda: tf.nn.softmax(_probabilities(_image(), stride=1)),
            r"\[None, 2048, 12\], not float32",
        ),
        (_variable, "none of a frozen network's"),
        (_file_writer, "is of type 7"),
        (_file_reader, "is of type 7"),
        (_python_function, "none of a frozen network's"),
        (_loop, "none of a frozen network's|functions of its own"),
        (_not_finite, "non-finite"),
        (_huge, "a Fill, is none of a frozen network's"),
    ],
)
def test_other_graphs_are_refused(
    tmp_path: Path, build: Callable[[], object], message: str
) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_frozen_graph(_write(tmp_path / "a.pb", build))


def test_a_constant_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    graph_def = tf.compat.v1.GraphDef()
    node = graph_def.node.add(name="bomb", op="Const")
    node.attr["value"].tensor.dtype = node.attr["dtype"].type = tf.float32.as_datatype_enum
    node.attr["value"].tensor.float_val.append(1)
    for size in (1 << 20, 1 << 20):
        node.attr["value"].tensor.tensor_shape.dim.add(size=size)
    write_graph_def(tmp_path / "a.pb", graph_def)
    with pytest.raises(CheckpointError, match="'bomb' has shape"):
        read_frozen_graph(tmp_path / "a.pb")


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n" * 99, b"\x0a\xff\xff\xff\xff\x0f", None])
def test_files_that_are_no_graph_are_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.pb").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"^graph '.*a\.pb'"):
        read_frozen_graph(tmp_path / "a.pb")


FUZZ = """
import sys
from pathlib import Path
import numpy as np
from vssn.checkpoints.frozen import read_frozen_graph
from vssn.errors import CheckpointError

path, copy = Path(sys.argv[1]), Path(sys.argv[2])
whole, rng, read = path.read_bytes(), np.random.default_rng(8), 0
for trial in range(60):
    damaged = bytearray(whole)
    position = int(rng.integers(len(whole)))
    if trial % 4 == 0:
        del damaged[position:]
    else:
        damaged[position] ^= 1 << int(rng.integers(8))
    copy.write_bytes(damaged)
    try:
        graph = read_frozen_graph(copy)
        (probabilities,) = graph.run(np.zeros((1, *graph.input_hw, 3), np.float32))
        assert probabilities.shape[-1] == 12
        read += 1
    except CheckpointError as error:
        assert "\\n" not in str(error)
print("read", read)
"""


def test_damaged_foreign_graphs_never_crash(tmp_path: Path) -> None:
    """They carry no checksum, so some damage passes; apart, so that a crash would be seen."""
    path = _write(tmp_path / "a.pb", _foreign)
    command = [sys.executable, "-c", FUZZ, str(path), str(tmp_path / "b.pb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) < 60  # some of it was refused


def test_a_place_that_can_not_be_written_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="written to"):
        write_graph_def(tmp_path / "missing" / "a.pb", tf.compat.v1.GraphDef())
