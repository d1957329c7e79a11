"""A segmentation network learns from teachers: from what, how much, and exactly again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import h5py
import numpy as np
import pytest
from made_weights import fill

from vssn.checkpoints.arrays import read_segnet
from vssn.cli.main import main
from vssn.training.loop import LoopConfig, train
from vssn.training.segnet_recipe import SegnetRecipe
from vssn.training.sources import read_source

if TYPE_CHECKING:
    import keras

    from vssn.training.segnet import SegnetTask

HW = (32, 64)
CROP_HW = (32, 32)
RECIPE = SegnetRecipe(batch_size=2, crop_hw=CROP_HW, decoder_rate=5e-3)


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stills without labels to learn from, and one with labels to choose by."""
    root = tmp_path_factory.mktemp("data") / "drive"
    rng = np.random.default_rng(0)
    for split, count in (("train", 4), ("val", 1)):
        (root / split).mkdir(parents=True)
        for number in range(count):
            coarse = rng.integers(0, 255, (4, 8, 3), np.uint8)
            cv2.imwrite(str(root / split / f"{number}.png"), cv2.resize(coarse, HW[::-1]))
    (root / "valannot").mkdir()
    cv2.imwrite(str(root / "valannot" / "0.png"), np.full(HW, 3, np.uint8))
    return root


@pytest.fixture(scope="module")
def networks() -> list[keras.Model]:
    """One of each architecture, at the size of a view."""
    from vssn.models.architectures import ARCHITECTURES

    return [fill(_built(each, CROP_HW), seed) for seed, each in enumerate(ARCHITECTURES)]


@pytest.fixture(scope="module")
def teachers(networks: list[keras.Model], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Their weights' files."""
    from vssn.checkpoints.segnet_weights import save_segnet_weights

    folder = tmp_path_factory.mktemp("teachers")
    paths = [folder / f"{network.name}.h5" for network in networks]
    for path, network in zip(paths, networks, strict=True):
        save_segnet_weights(network, path, exact=True)
    return paths


def _built(architecture: Any, hw: tuple[int, int]) -> keras.Model:
    from vssn.checkpoints.segnet_weights import build_network

    return build_network(architecture, hw)


def _task(drive: Path, recipe: SegnetRecipe, teachers: list[Path], epochs: int = 2) -> SegnetTask:
    """The light network, which starts from made weights."""
    from vssn.models.architectures import LIGHT_SEGMENTER
    from vssn.training.segnet import SegnetTask

    initial = fill(_built(LIGHT_SEGMENTER, HW), 7)
    weights = [read_segnet(path) for path in teachers]
    sources = [read_source(drive, taught=True)]
    return SegnetTask(sources, recipe, epochs, initial, teachers=weights)


@pytest.fixture(scope="module")
def task(drive: Path, teachers: list[Path]) -> SegnetTask:
    return _task(drive, RECIPE, teachers, epochs=20)


def _values(variables: Iterable[Any]) -> list[np.ndarray]:
    return [np.asarray(variable).copy() for variable in variables]


def test_the_targets_are_the_mean_of_all_teachers_probabilities_for_the_plain_view(
    task: SegnetTask, networks: list[keras.Model]
) -> None:
    from vssn.preprocess import SEGNET_MEANS_RGB

    images, labels, plain, *_ = next(iter(task.batches(0)))
    assert (images.shape, plain.shape, plain.dtype) == ((2, *CROP_HW, 3), images.shape, np.uint8)
    assert (labels == 11).all()
    assert not np.array_equal(images, plain)
    targets = task._soft_targets(plain).numpy()
    each = [
        network(plain.astype(np.float32) - SEGNET_MEANS_RGB).numpy()[..., :11]
        for network in networks
    ]
    # Without void, whose share the classes get.
    each = [probabilities / probabilities.sum(-1, keepdims=True) for probabilities in each]
    assert np.abs(each[0] - each[1]).max() > 0.1
    assert targets.shape == (2, 16, 16, 11)
    np.testing.assert_allclose(targets, np.mean(each, 0).reshape(targets.shape), atol=1e-5)


def test_views_are_the_same_with_and_without_teachers(
    task: SegnetTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught = list(task.batches(0))
    monkeypatch.setattr(task, "_teachers", [])
    for with_teachers, without in zip(taught, task.batches(0), strict=True):
        assert np.array_equal(with_teachers[0], without[0])
        assert np.array_equal(with_teachers[1], without[1])
        assert (len(with_teachers[2]), len(without[2])) == (2, 0)


def test_stills_without_labels_are_learned_from_teachers(
    task: SegnetTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Ten steps take less time than making a graph of one.
    monkeypatch.setattr(task, "_step", task._train_step)
    batch = next(iter(task.batches(0)))
    targets = task._soft_targets(batch[2]).numpy()
    least = -(targets * np.log(targets + 1e-9)).sum(-1).mean()
    before = _values(v for teacher in task._teachers for v in teacher.weights)
    rows = [task.train_step(*batch) for _ in range(10)]
    assert set(rows[0]) == {"loss", "jaccard_loss", "teacher_loss"}
    assert {row["loss"] for row in rows} == {row["jaccard_loss"] for row in rows} == {0}
    assert least < rows[-1]["teacher_loss"] < least + 0.7 * (rows[0]["teacher_loss"] - least)
    after = _values(v for teacher in task._teachers for v in teacher.weights)
    assert all(map(np.array_equal, before, after))


def test_the_weight_scales_what_teachers_ask_for(
    task: SegnetTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorflow as tf

    batch = [tf.constant(part) for part in next(iter(task.batches(0)))]
    start = _values(task.variables())
    asked = []
    for weight in (1.0, 3.0):
        for variable, value in zip(task.variables(), start, strict=True):
            variable.assign(value)
        momentum = task._groups[1][0]._momentums[0]
        momentum.assign(np.zeros(momentum.shape, np.float32))
        monkeypatch.setattr(task, "recipe", replace(RECIPE, teacher_weight=weight))
        task._train_step(*batch)
        # From nothing, the momentum is a tenth of the gradient.
        asked.append(np.asarray(momentum).copy())
    assert np.abs(asked[0]).max() > 0
    np.testing.assert_allclose(asked[1], 3 * asked[0], rtol=1e-3, atol=1e-6)


def test_a_training_with_teachers_resumes_bit_for_bit(
    drive: Path, teachers: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, average_teacher=True)
    whole, resumed = (_task(drive, recipe, teachers[1:]) for _ in range(2))
    for task in (whole, resumed):
        # Six steps take less time than making two graphs of one.
        monkeypatch.setattr(task, "_step", task._train_step)
    plain = next(iter(whole.batches(0)))[2]
    start = whole._soft_targets(plain).numpy()
    rows = []
    for row in train(whole, LoopConfig(2, tmp_path / "whole")):
        rows.append(row)
        if len(rows) == 1:
            shutil.copytree(tmp_path / "whole", tmp_path / "halted")
    (row,) = train(resumed, LoopConfig(2, tmp_path / "halted", resume=True))
    assert all(map(np.array_equal, _values(whole.variables()), _values(resumed.variables())))
    assert row["teacher_loss"] == rows[1]["teacher_loss"]
    # The running average of the weights is the second teacher, and has moved.
    assert len(whole._teachers) == 2
    kept = _values(whole._teachers[-1].weights)
    assert all(map(np.array_equal, kept, _values(whole.average)))
    assert not np.array_equal(whole._soft_targets(plain).numpy(), start)


def test_teachers_compute_in_the_precision_of_the_step(drive: Path, teachers: list[Path]) -> None:
    mixed = _task(drive, replace(RECIPE, mixed_precision=True, average_teacher=True), teachers[1:])
    for network in (mixed.model, *mixed._teachers):
        assert network.get_layer("stem").compute_dtype == "bfloat16"
        assert network.get_layer("logits").compute_dtype == "float32"
        assert {str(np.asarray(v).dtype) for v in network.weights} == {"float32"}


def test_the_command_reads_teachers_and_tells_them_by_their_content(
    drive: Path,
    teachers: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refuses: Callable[..., str],
) -> None:
    seen: list[tuple[int, str]] = []

    def pretend(task: SegnetTask, config: LoopConfig, *_: object) -> list[object]:
        seen.append((len(task._teachers), config.fingerprint))
        return []

    monkeypatch.setattr("vssn.training.loop.train", pretend)
    monkeypatch.setattr("vssn.cli.printing.finish_training", lambda directory: None)
    argv = ["train-segnet", "--model", "light", "--encoder_weights", "none"]
    argv += ["--crop_hw", "32", "32", "--save_dir", str(tmp_path / "out")]
    argv += ["--data_dir", str(drive)]
    refuses(argv, "without trainannot/", "--teachers or --average_teacher")
    copy = tmp_path / "copy.h5"
    shutil.copy(teachers[1], copy)
    main([*argv, "--teachers", str(teachers[1])])
    main([*argv, "--teachers", str(copy)])
    main([*argv, "--teachers", str(teachers[0]), str(copy), "--average_teacher"])
    assert [count for count, _ in seen] == [1, 1, 3]
    assert seen[0][1] == seen[1][1] != seen[2][1]


def test_a_teacher_that_is_no_segmentation_network_is_refused(
    drive: Path, teachers: list[Path], tmp_path: Path, refuses: Callable[..., str]
) -> None:
    argv = ["train-segnet", "--model", "light", "--data_dir", drive, "--save_dir", tmp_path]
    with h5py.File(tmp_path / "flow.h5", "w") as file:
        file.attrs["layer_names"] = [b"flow"]
        group = file.create_group("flow")
        group.attrs["weight_names"] = [b"flow/kernel:0"]
        group["flow/kernel:0"] = np.zeros((3, 3), np.float32)
    (tmp_path / "notes.h5").write_text("no weights")
    shutil.copy(teachers[1], tmp_path / "light_segmenter.h5")
    refuses([*argv, "--teachers", teachers[1], tmp_path / "flow.h5"], "flow.h5", "expected")
    refuses([*argv, "--teachers", tmp_path / "notes.h5"], "notes.h5", "expected")
    refuses([*argv, "--teachers", tmp_path / "none.h5"], "none.h5", "expected")
    said = refuses([*argv, "--teachers", tmp_path / "light_segmenter.h5"], "light_segmenter.h5")
    assert "this training doesn't write" in said
    refuses([*argv, "--teachers", teachers[1], "--teacher_weight", "0"], "is not above 0")
