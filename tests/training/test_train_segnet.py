"""Training of ResNet50-SegNet on a tiny made data set: it runs, learns, and keeps its files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import h5py
import numpy as np
import pytest
from made_weights import fill

from vssn.cli.main import main
from vssn.training.frame_pairs import FramePairs
from vssn.training.loop import LoopConfig, train
from vssn.training.segnet_recipe import SegnetRecipe
from vssn.training.sources import Source, read_source

if TYPE_CHECKING:
    from vssn.training.segnet import SegnetTask

HW = (64, 96)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stills to learn from and one to judge by: bright sky over dark road, a red car."""
    root = tmp_path_factory.mktemp("data") / "camvid"
    root.mkdir()
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 1)):
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir()
        for number in range(count):
            label = np.zeros(HW, np.uint8)
            label[30 + number :] = 3
            label[40:56, 20 + 10 * number : 50 + 10 * number] = 8
            label[:, :2] = 11
            colours = np.array([[230, 200, 180], [60, 60, 60], [20, 20, 220]], np.float64)
            picture = colours[np.searchsorted([0, 3, 8], np.minimum(label, 8))]
            noisy = np.clip(picture + rng.normal(0, 8, picture.shape), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / split / f"{number}.png"), noisy)
            cv2.imwrite(str(root / f"{split}annot" / f"{number}.png"), label)
    return root


@pytest.fixture(scope="module")
def task(data_dir: Path) -> SegnetTask:
    import keras

    from vssn.models.segnet import build_segnet
    from vssn.training.segnet import SegnetTask

    keras.utils.set_random_seed(1)
    recipe = SegnetRecipe(batch_size=2, crop_hw=(64, 64))
    return SegnetTask([read_source(data_dir)], recipe, 6, build_segnet(HW))


@pytest.fixture(scope="module")
def trained(task: SegnetTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one epoch's training."""
    folder = tmp_path_factory.mktemp("model")
    (row,) = train(task, LoopConfig(1, folder))
    assert set(row) == {
        *("epoch", "loss", "jaccard_loss", "seconds", "val_mean_iou", "validated"),
        "camvid_mean_iou",
    }
    assert row["val_mean_iou"] == row["camvid_mean_iou"]
    assert 0 <= row["val_mean_iou"] <= 1
    return folder


def test_batches_are_views_of_the_stills_the_same_ones_each_time(task: SegnetTask) -> None:
    first, again = (list(task.batches(0)) for _ in range(2))
    assert len(first) == task.steps_per_epoch == 2
    images, labels, plain, flow, known = first[0]
    assert len(plain) == len(flow) == len(known) == 0
    assert (images.shape, labels.shape) == ((2, 64, 64, 3), (2, 64, 64))
    assert images.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 3, 8, 11}
    for one, other in zip(first, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert not np.array_equal(images, next(iter(task.batches(1)))[0])


def test_encoder_and_decoder_are_trained_at_rates_of_their_own(task: SegnetTask) -> None:
    (slow, encoder), (fast, decoder) = task._groups
    assert {v.path.split("/")[0][:3] for v in encoder} == {"con", "bn_", "res", "bn2", "bn3", "bn4"}
    assert {v.path.split("/")[0].rsplit("_", 1)[0] for v in decoder} == {
        *("conv2d", "batch_normalization"),
    }
    assert len(encoder) + len(decoder) == len(task.model.trainable_variables)
    assert slow._learning_rate.warmup_target < fast._learning_rate.warmup_target


def test_an_exact_resume_has_all_that_it_needs(task: SegnetTask, trained: Path) -> None:
    count = len(task.model.weights)
    optimizers = [optimizer for optimizer, _ in task._groups]
    assert len(task.variables()) == 2 * count + sum(len(o.variables) for o in optimizers)
    assert {int(optimizer.iterations) for optimizer in optimizers} == {2}
    with np.load(trained / "training_state.npz") as state:
        assert len(state.files) == len(task.variables()) + 1


def test_the_files_are_kept_as_users_load_them(task: SegnetTask, trained: Path) -> None:
    from vssn.checkpoints.segnet_weights import load_segnet_weights
    from vssn.models.segnet import build_segnet

    assert {path.name for path in trained.iterdir()} == {
        *("resnet50_segnet.h5", "resnet50_segnet_last.h5", "resnet50_segnet_config.json"),
        *("training_state.npz", "training_log.json"),
    }
    config = json.loads((trained / "resnet50_segnet_config.json").read_text())
    assert config == {
        "model_class": "resnet50_segnet",
        "n_classes": 12,
        "input_height": 64,
        "input_width": 96,
        "output_height": 32,
        "output_width": 48,
    }
    with h5py.File(trained / "resnet50_segnet.h5") as file:
        assert file["conv1/conv1/kernel:0"].dtype == np.float16
        assert file["bn_conv1/bn_conv1/moving_variance:0"].dtype == np.float32
    model = build_segnet(HW)
    load_segnet_weights(model, trained / "resnet50_segnet.h5")
    # What is kept is the running average of the weights.
    for variable, average in zip(model.weights, task.average, strict=True):
        np.testing.assert_allclose(np.asarray(variable), average.numpy(), rtol=2e-3, atol=1e-5)


def test_batch_norm_statistics_follow_the_data(task: SegnetTask, trained: Path) -> None:
    mean = np.asarray(task.model.get_layer("bn_conv1").moving_mean)
    assert np.abs(mean).max() > 1e-3


def test_several_data_sets_are_learned_from_by_their_shares(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., str]
) -> None:
    learned: list[list[tuple[str, float, int]]] = []
    recipes: list[SegnetRecipe] = []

    def pretend(task: SegnetTask, *_: object) -> list[object]:
        sources = task.mixture.sources
        learned.append([(source.name, source.share, len(source.train)) for source in sources])
        recipes.append(task.recipe)
        return []

    monkeypatch.setattr("vssn.training.loop.train", pretend)
    monkeypatch.setattr("vssn.cli.printing.finish_training", lambda directory: None)
    town = tmp_path / "town"
    for part in ("", "annot"):
        shutil.copytree(data_dir / f"val{part}", town / f"train{part}")
    argv = ["train-segnet", "--encoder_weights", "none", "--save_dir", str(tmp_path / "out")]
    refuses([*argv, "--data", data_dir, tmp_path / "city"], "city", "without images")
    refuses([*argv, "--data", town], "without val/")
    refuses([*argv, "--data", f"{town}:much"], "'much' is no number", ", in ")
    refuses([*argv, "--data", f"{town}:0"], "is not from 0.001")
    refuses([*argv, "--data", town, "--data_dir", data_dir], "not allowed with")
    refuses(argv, "--data_dir", "--data", "required")
    main([*argv, "--data", f"{data_dir}:3", str(town), "--frozen_norms", "--views_colour", "0.2"])
    main([*argv, "--data_dir", str(data_dir)])
    assert learned == [[("camvid", 3, 4), ("town", 1, 1)], [("camvid", 1, 4)]]
    assert recipes[0].frozen_norms
    assert recipes[0].views.colour == 0.2
    assert recipes[1] == replace(SegnetRecipe(), mixed_precision=recipes[1].mixed_precision)


def test_the_best_is_chosen_by_the_mean_over_the_validation_sets(data_dir: Path) -> None:
    from vssn.models.segnet import build_segnet
    from vssn.training.segnet import SegnetTask

    source = read_source(data_dir)
    others = Source("town", 1, source.train, source.train[:2]), Source("lane", 1, source.train, [])
    recipe = SegnetRecipe(batch_size=2, crop_hw=(64, 64))
    metrics = SegnetTask([source, *others], recipe, 6, build_segnet(HW)).validate()
    assert set(metrics) == {"val_mean_iou", "camvid_mean_iou", "town_mean_iou"}
    mean = (metrics["camvid_mean_iou"] + metrics["town_mean_iou"]) / 2
    assert metrics["val_mean_iou"] == pytest.approx(mean)


def test_neighbouring_frames_are_taught_to_agree_and_norms_stay_frozen(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vssn.models.light import build_light
    from vssn.training.segnet import SegnetTask

    # So much that the labels hardly count: they alone leave the frames as far apart as they were.
    recipe = SegnetRecipe(
        batch_size=2, crop_hw=(32, 32), frozen_norms=True, epoch_steps=3, consistency_weight=3000
    )
    pairs = FramePairs([data_dir / "train"], 3)
    task = SegnetTask([read_source(data_dir)], recipe, 20, fill(build_light(HW), 7), pairs)
    # A few steps take less time than making graphs of one with a pair and one without.
    monkeypatch.setattr(task, "_step", task._train_step)
    batches = list(task.batches(0))
    assert [(len(images), len(flow)) for images, _, _, flow, _ in batches] == [
        (4, 1),
        (2, 0),
        (4, 1),
    ]
    norms = [layer for layer in task.model.layers if hasattr(layer, "moving_mean")]
    assert len(norms) > 10
    before = [np.asarray(weight).copy() for norm in norms for weight in norm.weights]
    losses = [task.train_step(*batches[0])["disagreement"] for _ in range(5)]
    assert 0 < losses[-1] < losses[0] * 0.7
    assert task.train_step(*batches[1])["disagreement"] == 0
    after = [np.asarray(weight) for norm in norms for weight in norm.weights]
    assert all(map(np.array_equal, before, after))


def test_it_learns(task: SegnetTask, trained: Path) -> None:
    batch = next(iter(task.batches(0)))
    losses = [task.train_step(*batch)["loss"] for _ in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] * 0.8


def test_the_policy_of_mixed_precision_is_left_behind_nowhere(
    task: SegnetTask, data_dir: Path
) -> None:
    import keras

    from vssn.models.segnet import build_segnet
    from vssn.training.segnet import SegnetTask

    recipe = SegnetRecipe(batch_size=2, crop_hw=(64, 64), mixed_precision=True)
    mixed = SegnetTask([read_source(data_dir)], recipe, 6, build_segnet(HW)).model
    assert keras.config.dtype_policy().name == "float32"
    assert mixed.get_layer("conv1").compute_dtype == "bfloat16"
    assert mixed.get_layer("logits").compute_dtype == "float32"
    assert {str(np.asarray(v).dtype) for v in mixed.weights} == {"float32"}
    assert task.model.get_layer("conv1").compute_dtype == "float32"
