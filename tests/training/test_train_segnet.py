"""Training of ResNet50-SegNet on a tiny made data set: it runs, learns, and keeps its files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import h5py
import numpy as np
import pytest

from vssn.cli.main import main
from vssn.data.stills import list_stills
from vssn.training.loop import LoopConfig, train

if TYPE_CHECKING:
    from vssn.training.segnet import SegnetTask

HW = (64, 96)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four stills to learn from and one to judge by: bright sky over dark road, a red car."""
    root = tmp_path_factory.mktemp("camvid")
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
    from vssn.training.segnet import SegnetRecipe, SegnetTask

    keras.utils.set_random_seed(1)
    recipe = SegnetRecipe(batch_size=2, crop_hw=(64, 64))
    stills = list_stills(data_dir, "train"), list_stills(data_dir, "val")
    return SegnetTask(*stills, recipe, 6, build_segnet(HW))


@pytest.fixture(scope="module")
def trained(task: SegnetTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one epoch's training."""
    folder = tmp_path_factory.mktemp("model")
    (row,) = train(task, LoopConfig(1, folder))
    assert set(row) == {
        *("epoch", "loss", "jaccard_loss", "seconds", "val_mean_iou", "validated"),
    }
    assert 0 <= row["val_mean_iou"] <= 1
    return folder


def test_batches_are_views_of_the_stills_the_same_ones_each_time(task: SegnetTask) -> None:
    first, again = (list(task.batches(0)) for _ in range(2))
    assert len(first) == task.steps_per_epoch == 2
    images, labels = first[0]
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
    assert slow._learning_rate.peak < fast._learning_rate.peak


def test_rare_classes_weigh_more_and_void_nothing() -> None:
    from vssn.training.segnet import class_weights

    label = np.zeros((100, 100), np.uint8)
    label[:1] = 8
    label[50:] = 11
    weights = class_weights([label, label])
    assert weights.shape == (12,)
    assert weights[11] == 0
    assert weights[8] / weights[0] == pytest.approx(7)  # of 49 to 1
    assert (weights[0] * 49 + weights[8]) / 50 == pytest.approx(1)


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


def test_more_folders_are_learned_from(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuses: Callable[..., str]
) -> None:
    learned: list[int] = []

    def pretend(task: SegnetTask, *_: object) -> list[object]:
        learned.append(len(task.examples))
        return []

    monkeypatch.setattr("vssn.training.loop.train", pretend)
    monkeypatch.setattr("vssn.cli.options.finish_training", lambda directory: None)
    argv = ["train-segnet", "--data_dir", str(data_dir), "--encoder_weights", "none"]
    argv += ["--save_dir", str(tmp_path / "out"), "--more_data"]
    refuses([*argv, tmp_path / "city"], "city' without images")
    monkeypatch.chdir(data_dir)
    main([*argv, "val", str(data_dir / "train")])
    assert learned == [4 + 1 + 4]


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
    from vssn.training.segnet import SegnetRecipe, SegnetTask

    recipe = SegnetRecipe(batch_size=2, crop_hw=(64, 64), mixed_precision=True)
    stills = list_stills(data_dir, "train"), list_stills(data_dir, "val")
    mixed = SegnetTask(*stills, recipe, 6, build_segnet(HW)).model
    assert keras.config.dtype_policy().name == "float32"
    assert mixed.get_layer("conv1").compute_dtype == "bfloat16"
    assert mixed.get_layer("logits").compute_dtype == "float32"
    assert {str(np.asarray(v).dtype) for v in mixed.weights} == {"float32"}
    assert task.model.get_layer("conv1").compute_dtype == "float32"
