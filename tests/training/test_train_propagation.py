"""Training for propagation: it learns, resumes exactly, and is saved."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.training.loop import LoopConfig, train
from vssn.training.recipes import PropagationRecipe

if TYPE_CHECKING:
    from vssn.training.propagation import PropagationTask

BATCH, STEPS = 2, 2


def picture(seed: int, width: int = 480) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(0, 256, (30, width // 12, 3), np.uint8)
    return cv2.resize(noise, (width, 360))


def probabilities(frame_bgr: np.ndarray) -> np.ndarray:
    """Building where the frame is dark, tree where it is bright, with a little doubt."""
    bright = cv2.resize(frame_bgr, (304, 208))[..., 1] > 127
    result = np.full((208, 304, 11), 2, np.uint8)
    result[..., 1] = np.where(bright, 10, 225)
    result[..., 5] = np.where(bright, 225, 10)
    return result


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clip")
    wide = picture(7, 540)
    for number in range(11):
        cv2.imwrite(str(folder / f"{number:02}.png"), wide[:, 50 - 5 * number :][:, :480])
    return folder


def made_task(clip_folder: Path, epochs: int = 2) -> PropagationTask:
    import keras

    from vssn.data.clips import iter_clip
    from vssn.models.flownets import build_flownets
    from vssn.training.propagation import PropagationTask
    from vssn.training.propagation_validation import PropagationEvaluator
    from vssn.training.synthetic_chains import SegmentedStill
    from vssn.training.video_chains import VideoChains

    keras.utils.set_random_seed(0)
    recipe = PropagationRecipe(
        batch_size=BATCH, steps_per_epoch=2, chain_steps=STEPS, clip_chains=3
    )
    stills = []
    for seed in range(2):
        image = picture(seed)
        label = np.where(image[..., 1] > 127, 5, 1).astype(np.uint8)
        stills.append(SegmentedStill(image, label, probabilities(image)))
    clip = VideoChains(clip_folder, 3, STEPS, probabilities, np.random.default_rng(0))
    frames = list(iter_clip(clip_folder))
    labels = [np.where(frame[..., 1] > 127, 5, 1).astype(np.uint8) for frame in frames]
    evaluator = PropagationEvaluator(frames, labels, [probabilities(frame) for frame in frames])
    return PropagationTask(build_flownets(), stills, [clip], evaluator, recipe, epochs)


@pytest.fixture(scope="module")
def trained(
    clip_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PropagationTask, Path]:
    """Two epochs without a break; beside them, "halted" is what stood there after the first."""
    folder = tmp_path_factory.mktemp("training") / "propagation"
    task = made_task(clip_folder)
    rows = []
    for row in train(task, LoopConfig(2, folder)):
        rows.append(row)
        if len(rows) == 1:
            shutil.copytree(folder, folder.with_name("halted"))
    ious = [row for row in rows[-1] if row.startswith("val_iou")]
    assert sorted(ious) == [
        "val_iou_chained_10",
        "val_iou_chained_5",
        "val_iou_key_1",
        "val_iou_key_3",
    ]
    mean = np.mean([rows[-1][name] for name in ious])
    assert rows[-1]["val_mean_iou"] == pytest.approx(mean)
    assert 0.2 < mean <= 1
    return task, folder


def test_batches_are_the_same_ones_each_time(trained: tuple[PropagationTask, Path]) -> None:
    task, _ = trained
    first, again = (list(task.batches(0)) for _ in range(2))
    shapes = [(part.shape, part.dtype.name) for part in first[0]]
    assert shapes == [
        ((BATCH, STEPS + 1, 208, 304, 3), "uint8"),
        ((BATCH, 208, 304, 11), "uint8"),
        ((BATCH, STEPS, 208, 304), "uint8"),
        ((BATCH, STEPS, 208, 304, 2), "float32"),
        ((BATCH, STEPS, 208, 304), "float32"),
    ]
    for one, other in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(first[0][0], next(iter(task.batches(1)))[0])


@pytest.mark.usefixtures("tf1_in_this_process")
def test_flow_and_scale_are_learned_and_kept(trained: tuple[PropagationTask, Path]) -> None:
    from vssn.checkpoints.locate import locate_tf1
    from vssn.checkpoints.tf1 import load_flownets
    from vssn.models.flownets import build_flownets

    task, folder = trained
    assert np.asarray(task.model.get_layer("predict_scale").kernel).any()
    assert (folder / "model.ckpt.index").is_file()
    model = build_flownets()
    load_flownets(model, locate_tf1(folder / "modelFinal.ckpt", "none"))
    for ours, loaded in zip(task.model.weights, model.weights, strict=True):
        assert np.array_equal(np.asarray(ours), np.asarray(loaded))


def test_training_resumed_is_the_same_as_without_a_break(
    trained: tuple[PropagationTask, Path], clip_folder: Path
) -> None:
    task, folder = trained
    resumed = made_task(clip_folder)
    (row,) = train(resumed, LoopConfig(2, folder.with_name("halted"), resume=True))
    assert row["epoch"] == 2
    for one, other in zip(task.variables(), resumed.variables(), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_it_learns(clip_folder: Path) -> None:
    from keras import optimizers

    task = made_task(clip_folder)
    task._optimizer._learning_rate = optimizers.schedules.ExponentialDecay(1e-3, 1000, 1.0)
    batch = next(iter(task.batches(0)))
    losses = [task.train_step(*batch)["warp_loss"] for _ in range(14)]
    assert np.isfinite(losses).all()
    assert min(losses[-3:]) < losses[0] * 0.95


def test_too_short_a_validation_video_is_refused_in_one_line() -> None:
    from vssn.training.propagation_validation import PropagationEvaluator

    frame = picture(0)
    with pytest.raises(MediaError, match="video of 3 frames") as caught:
        PropagationEvaluator([frame] * 3, [frame[..., 0]] * 3, [probabilities(frame)] * 3)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scores_dir", "x"], "--scores_dir without --task"),
        (["--chain_steps", "3"], "--chain_steps without --task"),
        (["--task", "--clip_pairs", "3"], "--clip_pairs with --task"),
        (["--task", "--start_weights", "/missing"], "/missing"),
        (["--task", "--clips", "/missing.mp4"], "/missing.mp4"),
        (["--task"], "train"),
    ],
)
def test_bad_arguments_get_one_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vssn.cli.main import main

    common = ["train-flownets", "--data_dir", str(tmp_path), "--save_dir", str(tmp_path / "out")]
    assert main([*common, *arguments]) != 0
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_the_fingerprint_tells_settings_and_sources_apart() -> None:

    recipe = PropagationRecipe()
    texts = {
        recipe.fingerprint(epochs=3, clips=["a"], start="x"),
        recipe.fingerprint(epochs=4, clips=["a"], start="x"),
        recipe.fingerprint(epochs=3, clips=["b"], start="x"),
        recipe.fingerprint(epochs=3, clips=["a"], start="y"),
        replace(recipe, seed=2).fingerprint(epochs=3, clips=["a"], start="x"),
    }
    assert len(texts) == 5
