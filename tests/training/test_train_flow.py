"""Training of FlowNetS on synthetic motion and a clip: one tiny epoch, and its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.data.stills import list_stills
from vssn.training.loop import LoopConfig, train

if TYPE_CHECKING:
    from vssn.training.flow import FlowTask
    from vssn.training.synthetic_motion import FlowExample


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two stills with a car each, and a clip of three frames that moves to the right."""
    root = tmp_path_factory.mktemp("camvid")
    for folder in ("train", "trainannot", "clip"):
        (root / folder).mkdir()
    rng = np.random.default_rng(0)
    for number in range(2):
        texture = cv2.resize(rng.integers(0, 256, (30, 40, 3), np.uint8), (480, 360))
        label = np.full((360, 480), 3, np.uint8)
        label[200:260, 100:200] = 8
        cv2.imwrite(str(root / f"train/{number}.png"), texture)
        cv2.imwrite(str(root / f"trainannot/{number}.png"), label)
    wide = cv2.resize(rng.integers(0, 256, (30, 44, 3), np.uint8), (520, 360))
    for number in range(3):
        start = 20 - 6 * number
        cv2.imwrite(str(root / f"clip/{number}.png"), wide[:, start : start + 480])
    return root


@pytest.fixture(scope="module")
def task(data_dir: Path) -> FlowTask:
    from vssn.models.flownets import build_flownets
    from vssn.training import flow
    from vssn.training.clip_pairs import PseudoLabelledClip
    from vssn.training.recipes import FlowRecipe

    recipe = FlowRecipe(batch_size=2, steps_per_epoch=3, real_share=0.5, clip_pairs=2)
    clip = PseudoLabelledClip(data_dir / "clip", 2, 2, np.random.default_rng(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow, "HELD_OUT", 4)
        stills = list_stills(data_dir, "train")
        made = flow.FlowTask(build_flownets(), stills, [clip], recipe, 1)
    # The count is read again when it validates.
    made.validate = lambda: {"val_end_point_error_px": evaluated(made)}  # type: ignore[method-assign]
    return made


def evaluated(task: FlowTask) -> float:
    import tensorflow as tf

    return float(task._evaluator(*(tf.constant(part[:2]) for part in task._held_out)))


@pytest.fixture(scope="module")
def trained(task: FlowTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flow")
    (row,) = train(task, LoopConfig(1, folder))
    assert row["end_point_error_px"] > 0
    assert row["val_end_point_error_px"] > 0
    return folder


def test_batches_hold_pairs_flow_and_weight_the_same_ones_each_time(task: FlowTask) -> None:
    first, again = (list(task.batches(0)) for _ in range(2))
    assert len(first) == 3
    pairs, flow, weight = first[0]
    assert (pairs.shape, pairs.dtype.name) == ((2, 208, 304, 6), "uint8")
    assert (flow.shape, flow.dtype.name) == ((2, 208, 304, 2), "float32")
    assert (weight.shape, weight.dtype.name) == ((2, 208, 304), "float32")
    for one, other in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(pairs, next(iter(task.batches(1)))[0])


def test_clip_pairs_and_synthetic_pairs_are_mixed(
    task: FlowTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic: list[tuple[int, ...]] = []
    original = task._synthetic

    def recorded(seed: tuple[int, ...]) -> FlowExample:
        synthetic.append(seed)
        return original(seed)

    monkeypatch.setattr(task, "_synthetic", recorded)
    for index in range(30):
        task._example(0, index)
    assert 5 < len(synthetic) < 25


def test_one_epoch_changes_the_flow_and_not_the_scale(task: FlowTask, trained: Path) -> None:
    scale = task.model.get_layer("predict_scale")
    assert not np.asarray(scale.kernel).any()
    assert (np.asarray(scale.bias) == 1).all()
    assert all(v is not scale.kernel for v in task.model.trainable_variables)
    assert np.asarray(task.model.get_layer("predict_flow2").bias).any()


@pytest.mark.usefixtures("tf1_in_this_process")
def test_best_and_last_are_checkpoints_that_load(task: FlowTask, trained: Path) -> None:
    from vssn.checkpoints.locate import locate_tf1
    from vssn.checkpoints.tf1 import load_flownets
    from vssn.models.flownets import build_flownets

    assert (trained / "modelFinal.ckpt.index").is_file()
    prefix = locate_tf1(trained, "dvs_net_flownets_checkpoints")
    assert prefix == trained / "model.ckpt"
    model = build_flownets()
    load_flownets(model, prefix)
    for ours, loaded in zip(task.model.weights, model.weights, strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(loaded))


def test_it_learns(task: FlowTask, trained: Path) -> None:
    import tensorflow as tf
    from keras import optimizers

    # After its one epoch the rate is zero.
    task._optimizer._learning_rate = optimizers.schedules.ExponentialDecay(1e-3, 1000, 1.0)
    task._step = tf.function(task._train_step, autograph=False)
    batch = next(iter(task.batches(0)))
    errors = [task.train_step(*batch)["end_point_error_px"] for _ in range(12)]
    assert np.isfinite(errors).all()
    assert min(errors[-3:]) < errors[0] * 0.97
