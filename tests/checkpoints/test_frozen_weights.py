"""Weights read out of frozen graphs: ours, and as Keras 2 froze the original's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from vssn.checkpoints.arrays import Weights, read_segnet
from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.freeze import frozen_graph_def, write_frozen_graph
from vssn.checkpoints.frozen_weights import OtherNetworkError, read_frozen_weights
from vssn.checkpoints.segnet_weights import model_weights, save_segnet_weights
from vssn.errors import CheckpointError
from vssn.models.layout import STAGES

HW = (64, 96)
Norm = Callable[[Any, list[Any]], Any]


def _fused(x: Any, values: list[Any]) -> Any:
    gamma, beta, mean, variance = values
    return tf.compat.v1.nn.fused_batch_norm(
        x, gamma, beta, mean, variance, epsilon=1e-3, is_training=False
    )[0]


def _written(x: Any, values: list[Any]) -> Any:
    """The arithmetic of ``tf.nn.batch_normalization``."""
    gamma, beta, mean, variance = values
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


class _Keras2:
    """Builds the original's graph, whose layers are numbered in the order they were made.

    Args:
        weights: by our names.
        norm: how it writes batch norms.
    """

    def __init__(self, weights: Weights, norm: Norm) -> None:
        self._weights, self._norm = weights, norm
        self._number = 0

    def _constant(self, name: str) -> Any:
        return tf.identity(tf.constant(self._weights[name]), name="read")

    def convolution(
        self, x: Any, name: str, norm: str | None, strides: int = 1, padding: str = "VALID"
    ) -> Any:
        self._number += 1
        with tf.compat.v1.name_scope(f"conv2d_{self._number}/"):
            x = tf.nn.conv2d(x, self._constant(f"{name}/kernel"), strides, padding)
            x = tf.nn.bias_add(x, self._constant(f"{name}/bias"))
        if norm is None:
            return x
        with tf.compat.v1.name_scope(f"batch_normalization_{self._number}/"):
            names = ("gamma", "beta", "moving_mean", "moving_variance")
            return self._norm(x, [self._constant(f"{norm}/{each}") for each in names])

    def block(self, x: Any, stage: int, letter: str) -> Any:
        strides = 2 if letter == "a" and stage > 2 else 1

        def layer(x: Any, branch: str, strides: int = 1, padding: str = "VALID") -> Any:
            tail = f"{stage}{letter}_branch{branch}"
            return self.convolution(x, f"res{tail}", f"bn{tail}", strides, padding)

        y = tf.nn.relu(layer(x, "2a", strides))
        y = layer(tf.nn.relu(layer(y, "2b", padding="SAME")), "2c")
        shortcut = layer(x, "1", strides) if letter == "a" else x
        return tf.nn.relu(tf.raw_ops.Add(x=y, y=shortcut))

    def build(self) -> None:
        x = tf.compat.v1.placeholder(tf.float32, (None, *HW, 3), name="input_1")
        x = self.convolution(_padded(x, 3), "conv1", "bn_conv1", strides=2)
        x = tf.nn.max_pool2d(tf.nn.relu(x), 3, 2, "VALID")
        for stage, _, letters in STAGES:
            for letter in letters:
                x = self.block(x, stage, letter)
        for number in range(1, 5):
            if number > 1:
                size = tf.shape(x)[1:3] * tf.constant([2, 2])
                x = tf.compat.v1.image.resize_nearest_neighbor(x, size)
            x = self.convolution(_padded(x, 1), f"conv2d_{number}", f"batch_normalization_{number}")
        x = self.convolution(x, "conv2d_5", None, padding="SAME")
        x = tf.reshape(x, (-1, HW[0] // 2 * HW[1] // 2, 12))
        with tf.compat.v1.name_scope("activation_49/"):
            e = tf.exp(x - tf.reduce_max(x, -1, keepdims=True))
            tf.divide(e, tf.reduce_sum(e, -1, keepdims=True), name="truediv")


def _padded(x: Any, px: int) -> Any:
    return tf.pad(x, [[0, 0], [px, px], [px, px], [0, 0]])


@pytest.fixture(scope="module")
def weights(segnet: keras.Model) -> Weights:
    return model_weights(segnet)


def test_ours_has_the_digest_of_the_h5_that_it_was_made_of(
    segnet: keras.Model, weights: Weights, tmp_path: Path
) -> None:
    write_frozen_graph(segnet, tmp_path / "a.pb")
    save_segnet_weights(segnet, tmp_path / "a.h5", exact=True)
    given, input_hw = read_frozen_weights(tmp_path / "a.pb")
    assert input_hw == HW
    assert not any("gamma" in key for key in given)
    expected = weights_digest(read_segnet(tmp_path / "a.h5"))
    assert weights_digest(given) == expected == weights_digest(weights)


@pytest.mark.parametrize("norm", [_fused, _written])
def test_the_originals_graph_gives_its_weights_exactly(
    weights: Weights, tmp_path: Path, norm: Norm
) -> None:
    with tf.Graph().as_default() as graph:
        _Keras2(weights, norm).build()
    (tmp_path / "a.pb").write_bytes(graph.as_graph_def().SerializeToString())
    given, input_hw = read_frozen_weights(tmp_path / "a.pb")
    assert input_hw == HW
    assert given.keys() == weights.keys()
    for key, values in weights.items():
        np.testing.assert_array_equal(given[key], values, err_msg=key)


@pytest.mark.parametrize("lowest", [-1e-5, -0.5])
def test_negative_variances_are_told_or_refused(
    weights: Weights, tmp_path: Path, lowest: float, caplog: pytest.LogCaptureFixture
) -> None:
    name = "bn_conv1/moving_variance"
    variance = weights[name].copy()
    variance[0] = lowest
    with tf.Graph().as_default() as graph:
        _Keras2({**weights, name: variance}, _fused).build()
    (tmp_path / "a.pb").write_bytes(graph.as_graph_def().SerializeToString())
    if lowest > -1e-3:
        read_frozen_weights(tmp_path / "a.pb")
        assert f"{name} is negative (-1e-05)" in caplog.text
    else:
        with pytest.raises(CheckpointError, match=f"negative: {name}"):
            read_frozen_weights(tmp_path / "a.pb")


def _changed(graph_def: Any, change: Callable[[dict[str, Any]], None], path: Path) -> Path:
    change({node.name: node for node in graph_def.node})
    path.write_bytes(graph_def.SerializeToString())
    return path


def _strides(nodes: dict[str, Any]) -> None:
    nodes["res3b_branch2b/Conv2D"].attr["strides"].list.i[1] = 2


def _shortcut(nodes: dict[str, Any]) -> None:
    nodes["add2c"].input[1] = "relu2a"


def _activation(nodes: dict[str, Any]) -> None:
    nodes["relu4f"].op = "Identity"


@pytest.mark.parametrize("change", [_strides, _shortcut, _activation])
def test_a_graph_that_differs_somewhere_is_another_network(
    segnet: keras.Model, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    path = _changed(frozen_graph_def(segnet), change, tmp_path / "a.pb")
    with pytest.raises(OtherNetworkError):
        read_frozen_weights(path)


def _loop(nodes: dict[str, Any]) -> None:
    nodes["relu2a"].input[0] = "relu4f"


def _fill(nodes: dict[str, Any]) -> None:
    nodes["relu2a"].op = "Fill"


def _huge_padding(nodes: dict[str, Any]) -> None:
    tensor = nodes["conv1_pad/paddings"].attr["value"].tensor
    tensor.tensor_content = np.full(8, 1 << 30, np.int32).tobytes()


def _huge_input(nodes: dict[str, Any]) -> None:
    nodes["input_1"].attr["shape"].shape.dim[1].size = 1 << 20


def _not_finite(nodes: dict[str, Any]) -> None:
    tensor = nodes["conv1/bias"].attr["value"].tensor
    tensor.tensor_content = np.full(64, np.nan, np.float32).tobytes()


def _impossible(nodes: dict[str, Any]) -> None:
    tensor = nodes["conv1/bias"].attr["value"].tensor
    tensor.tensor_content = np.full(64, 1e6, np.float32).tobytes()


def _astronomic(nodes: dict[str, Any]) -> None:
    tensor = nodes["conv1/bias"].attr["value"].tensor
    tensor.tensor_content = np.full(64, 1e20, np.float32).tobytes()


def _short(nodes: dict[str, Any]) -> None:
    nodes["conv1/bias"].attr["value"].tensor.tensor_content = bytes(8)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_loop, "a loop"),
        (_fill, "none of a frozen network's"),
        (_huge_padding, "sizes up to"),
        (_huge_input, "an input of"),
        (_not_finite, "non-finite"),
        (_impossible, "conv1/bias up to 1e"),
        (_astronomic, "'conv1/bias' goes up to 1e.20"),
        (_short, "cannot reshape"),
    ],
)
def test_hostile_graphs_are_refused_before_any_library_reads_them(
    segnet: keras.Model, tmp_path: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    path = _changed(frozen_graph_def(segnet), change, tmp_path / "a.pb")
    with pytest.raises(CheckpointError, match=why):
        read_frozen_weights(path)


def test_too_many_operations_are_refused(tmp_path: Path) -> None:
    graph_def = tf.compat.v1.GraphDef()
    for number in range(5001):
        graph_def.node.add(name=f"n{number}", op="NoOp")
    (tmp_path / "a.pb").write_bytes(graph_def.SerializeToString())
    with pytest.raises(CheckpointError, match="too many operations"):
        read_frozen_weights(tmp_path / "a.pb")
