"""TF1 checkpoints against real savers, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from vssn.checkpoints.bundle import parse_bundle, write_bundle
from vssn.checkpoints.locate import data_path, index_path
from vssn.checkpoints.tf1 import (
    BEST_NAME,
    FINAL_NAME,
    load_decision,
    load_flownets,
    read_tf1_variables,
    save_decision,
    save_flownets,
)
from vssn.errors import CheckpointError
from vssn.models.decision import build_decision
from vssn.models.flownets import build_flownets

pytestmark = pytest.mark.usefixtures("tf1_in_this_process")

# The original's layers, written down apart from the package's own.
ENCODER_SHAPES = {
    "conv1": (7, 7, 6, 24),
    "conv2": (5, 5, 24, 48),
    "conv3": (5, 5, 48, 96),
    "conv3_1": (3, 3, 96, 96),
    "conv4": (3, 3, 96, 192),
    "conv4_1": (3, 3, 192, 192),
    "conv5": (3, 3, 192, 192),
    "conv5_1": (3, 3, 192, 192),
    "conv6": (3, 3, 192, 384),
    "conv6_1": (3, 3, 384, 384),
    "predict_flow6": (3, 3, 384, 2),
    "predict_flow5": (3, 3, 386, 2),
    "predict_flow4": (3, 3, 290, 2),
    "predict_flow3": (3, 3, 146, 2),
    "predict_flow2": (3, 3, 74, 2),
    "predict_scale": (3, 3, 74, 19),
}
DECONVOLUTION_SHAPES = {
    "deconv5": (4, 4, 192, 384),
    "deconv4": (4, 4, 96, 386),
    "deconv3": (4, 4, 48, 290),
    "deconv2": (4, 4, 24, 146),
    "upsample_flow6to5": (4, 4, 2, 2),
    "upsample_flow5to4": (4, 4, 2, 2),
    "upsample_flow4to3": (4, 4, 2, 2),
    "upsample_flow3to2": (4, 4, 2, 2),
}
DECISION_SHAPES = {
    "Conv": (3, 3, 384, 96),
    "fully_connected": (1920, 1024),
    "fully_connected_1": (1024, 1024),
    "fully_connected_2": (1024, 10),
    "fully_connected_3": (10, 1),
}
Shapes = dict[str, tuple[int, ...]]


def _named(scope: str, with_bias: Shapes, without_bias: Shapes) -> Shapes:
    return {
        **{f"{scope}/{layer}/weights": s for layer, s in {**with_bias, **without_bias}.items()},
        **{f"{scope}/{layer}/biases": s[-1:] for layer, s in with_bias.items()},
    }


FLOWNETS = _named("FlowNets", ENCODER_SHAPES, DECONVOLUTION_SHAPES)
DECISION = _named("decision", DECISION_SHAPES, {})


def _random(shapes: Shapes, seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {name: rng.normal(0, 0.05, s).astype(np.float32) for name, s in shapes.items()}


def _tf1(variables: dict[str, np.ndarray], use: Callable[[Any, Any], Any]) -> Any:
    """Run ``use(saver, session)`` in a TF1-style graph of these variables and Adam's slots."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        names = [*variables, *(f"{name}/{slot}" for name in variables for slot in SLOTS)]
        for name in names:
            values = variables[name.removesuffix("/Adam").removesuffix("/Adam_1")]
            tf.compat.v1.get_variable(name, initializer=values, use_resource=False)
        tf.compat.v1.get_variable("beta1_power", initializer=np.float32(0.9))
        tf.compat.v1.get_variable("global_step", initializer=np.int64(5))
        tf.compat.v1.get_variable("Variable", initializer=np.float32(0.1))
        session.run(tf.compat.v1.global_variables_initializer())
        variables_of_net = [v for v in tf.compat.v1.global_variables() if v.op.name in variables]
        return use(variables_of_net, session)


SLOTS = ("Adam", "Adam_1")


def _save_with_tf1(variables: dict[str, np.ndarray], prefix: Path, step: int | None = None) -> None:
    _tf1(
        variables,
        lambda _, session: tf.compat.v1.train.Saver().save(session, str(prefix), global_step=step),
    )


@pytest.fixture(scope="module")
def flownets() -> keras.Model:
    return build_flownets()


@pytest.fixture(scope="module")
def decision() -> keras.Model:
    return build_decision()


def _kernels_and_biases(model: keras.Model, scope: str) -> dict[str, np.ndarray]:
    names = {"kernel": "weights", "bias": "biases"}
    return {
        f"{scope}/{layer.name}/{names[v.name]}": v.numpy()
        for layer in model.layers
        for v in layer.trainable_weights
    }


def _assert_same(given: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert given.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(given[name], values, err_msg=name)


@pytest.mark.parametrize("step", [None, 123])
def test_flownets_of_a_real_saver_load(
    tmp_path: Path, flownets: keras.Model, step: int | None
) -> None:
    variables = _random(FLOWNETS)
    _save_with_tf1(variables, tmp_path / "finetune" / "model.ckpt", step)
    load_flownets(flownets, tmp_path)
    _assert_same(_kernels_and_biases(flownets, "FlowNets"), variables)


def test_decision_of_a_real_saver_loads(tmp_path: Path, decision: keras.Model) -> None:
    variables = _random(DECISION)
    _save_with_tf1(variables, tmp_path / "model.ckpt")
    load_decision(decision, tmp_path)
    _assert_same(_kernels_and_biases(decision, "decision"), variables)


def test_a_real_saver_restores_what_we_write(
    tmp_path: Path, flownets: keras.Model, decision: keras.Model
) -> None:
    for model, save, scope in (
        (flownets, save_flownets, "FlowNets"),
        (decision, save_decision, "decision"),
    ):
        expected = _kernels_and_biases(model, scope)
        save(model, tmp_path / scope)

        def restore(variables: Any, session: Any, folder: Path = tmp_path / scope) -> Any:
            found = tf.train.get_checkpoint_state(str(folder)).model_checkpoint_path
            tf.compat.v1.train.Saver(variables).restore(session, found)
            return {variable.op.name: session.run(variable) for variable in variables}

        blank = {name: np.zeros_like(values) for name, values in expected.items()}
        _assert_same(_tf1(blank, restore), expected)


def test_written_bytes_are_those_of_a_real_saver(tmp_path: Path, decision: keras.Model) -> None:
    save_decision(decision, tmp_path / "ours")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        for name, values in read_tf1_variables(tmp_path / "ours").items():
            tf.compat.v1.get_variable(name, initializer=values)
        session.run(tf.compat.v1.global_variables_initializer())
        tf.compat.v1.train.Saver().save(session, str(tmp_path / "theirs" / "model.ckpt"))
    ours, theirs = (data_path(tmp_path / who / "model.ckpt") for who in ("ours", "theirs"))
    assert ours.read_bytes() == theirs.read_bytes()


def test_round_trip_is_exact(tmp_path: Path, flownets: keras.Model) -> None:
    expected = _kernels_and_biases(flownets, "FlowNets")
    save_flownets(flownets, tmp_path)
    flownets.set_weights([np.zeros(v.shape) for v in flownets.weights])
    load_flownets(flownets, tmp_path)
    _assert_same(_kernels_and_biases(flownets, "FlowNets"), expected)


def test_the_state_file_names_the_best_model_and_moves_with_its_folder(
    tmp_path: Path, decision: keras.Model
) -> None:
    save_decision(decision, tmp_path / "a", FINAL_NAME)
    assert tf.train.latest_checkpoint(str(tmp_path / "a")).endswith(FINAL_NAME)
    save_decision(decision, tmp_path / "a", BEST_NAME)
    save_decision(decision, tmp_path / "a", FINAL_NAME)
    (tmp_path / "a").rename(tmp_path / "b")
    state = tf.train.get_checkpoint_state(str(tmp_path / "b"))
    assert state.model_checkpoint_path == str(tmp_path / "b" / BEST_NAME)
    assert [Path(each).name for each in state.all_model_checkpoint_paths] == [BEST_NAME, FINAL_NAME]
    ends = ("index", "data-00000-of-00001")
    expected = {f"{name}.{end}" for name in (BEST_NAME, FINAL_NAME) for end in ends}
    assert {path.name for path in (tmp_path / "b").iterdir()} == {*expected, "checkpoint"}


def test_slots_and_steps_are_left_out(tmp_path: Path) -> None:
    write_bundle(
        tmp_path / "model.ckpt",
        {
            name: np.ones(2, np.float32)
            for name in (
                "a/weights",
                "a/weights/Adam",
                "a/weights/Adam_1",
                "a/b/Momentum",
                "Adam/w",
            )
        }
        | {"beta1_power": np.float32(1), "beta2_power_1": np.ones(1, np.float32)},
    )
    assert list(read_tf1_variables(tmp_path / "model.ckpt")) == ["Adam/w", "a/weights"]


def test_every_mismatch_is_listed_in_one_line(tmp_path: Path, decision: keras.Model) -> None:
    variables = _random(DECISION)
    del variables["decision/Conv/biases"]
    variables["decision/extra/weights"] = np.ones((2, 2), np.float32)
    variables["decision/fully_connected_3/weights"] = np.ones((10, 2), np.float32)
    variables["decision/fully_connected_3/biases"] = np.array([np.nan], np.float32)
    write_bundle(tmp_path / "model.ckpt", variables)
    before = decision.get_weights()
    with pytest.raises(CheckpointError) as caught:
        load_decision(decision, tmp_path / "model.ckpt")
    for part in (
        "missing: decision/Conv/biases;",
        "unexpected: decision/extra/weights;",
        "mis-shaped: decision/fully_connected_3/weights [10, 2], not [10, 1];",
        "not finite: decision/fully_connected_3/biases",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    for old, new in zip(before, decision.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_long_lists_are_cut(tmp_path: Path, flownets: keras.Model, decision: keras.Model) -> None:
    save_decision(decision, tmp_path)
    with pytest.raises(
        CheckpointError, match=r"missing: .* and 36 more; unexpected: .* and 6 more"
    ):
        load_flownets(flownets, tmp_path)


def test_other_types_are_refused(tmp_path: Path, decision: keras.Model) -> None:
    variables = _random(DECISION)
    double = variables["decision/Conv/biases"].astype(np.float64)
    _save_with_tf1(variables | {"decision/Conv/biases": double}, tmp_path / "model.ckpt")
    with pytest.raises(CheckpointError, match="not float32: decision/Conv/biases float64"):
        load_decision(decision, tmp_path)


def test_damage_in_a_real_savers_files_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    """Also in slots, which nothing reads: the user should know."""
    prefix = tmp_path / "model.ckpt"
    _save_with_tf1({"decision/Conv/weights": np.ones((3, 3, 64, 8), np.float32)}, prefix)
    expected = parse_bundle(prefix)
    rng, refused = np.random.default_rng(4), 0
    for path in (index_path(prefix), data_path(prefix)):
        whole = path.read_bytes()
        for position in rng.integers(0, len(whole), 60):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << int(rng.integers(8))
            path.write_bytes(damaged)
            try:
                _assert_same(parse_bundle(prefix), expected)
            except CheckpointError:
                refused += 1
            path.write_bytes(whole[:position])
            with pytest.raises(CheckpointError):
                parse_bundle(prefix)
        path.write_bytes(whole)
    assert refused > 60


def test_a_checkpoint_of_several_data_files(tmp_path: Path) -> None:
    """Savers with sharded=True write one per device."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.get_variable("a/weights", initializer=np.arange(6, dtype=np.float32))
        session.run(tf.compat.v1.global_variables_initializer())
        saver = tf.compat.v1.train.Saver(sharded=True)
        saver.save(session, str(tmp_path / "model.ckpt"))
    np.testing.assert_array_equal(
        read_tf1_variables(tmp_path)["a/weights"], np.arange(6, dtype=np.float32)
    )
