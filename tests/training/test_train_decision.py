"""Training of the decision network: it learns, resumes exactly, and refuses bad data."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vssn.checkpoints.locate import index_path
from vssn.errors import MediaError
from vssn.training.decision import DecisionTask
from vssn.training.feature_set import FeatureSet, hold_out, read_feature_set
from vssn.training.loop import LoopConfig, train
from vssn.training.recipes import DecisionRecipe

if TYPE_CHECKING:
    import keras

SHAPE = (4, 5, 384)
RECIPE = DecisionRecipe(batch_size=32, learning_rate=0.001)


def made_set(count: int, seed: int) -> FeatureSet:
    """Scores from 50 to 100 that show in some of the feature's channels."""
    rng = np.random.default_rng(seed)
    hidden = rng.random(count).astype(np.float32)
    features = rng.standard_normal((count, *SHAPE)).astype(np.float32) * 0.1
    features[..., :64] += hidden[:, np.newaxis, np.newaxis, np.newaxis]
    return FeatureSet(features, 50 + 50 * hidden)


@pytest.fixture(scope="module")
def sets() -> tuple[FeatureSet, FeatureSet]:
    return made_set(72, 0), made_set(40, 1)


def run(
    folder: Path, sets: tuple[FeatureSet, FeatureSet], epochs: int, resume: bool = False
) -> tuple[DecisionTask, list[dict[str, Any]]]:
    task = DecisionTask(*sets, RECIPE)
    config = LoopConfig(4, folder, resume=resume, fingerprint=RECIPE.fingerprint(pairs=72))
    rows = train(task, config)
    return task, [next(rows) for _ in range(epochs)]


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, sets: tuple[FeatureSet, FeatureSet]
) -> tuple[Path, DecisionTask, list[dict[str, Any]]]:
    """A training of 4 epochs that nothing interrupts."""
    folder = tmp_path_factory.mktemp("whole")
    return folder, *run(folder, sets, 4)


Whole = tuple[Path, DecisionTask, list[dict[str, Any]]]


@pytest.mark.usefixtures("tf1_in_this_process")
def test_training_lowers_the_error_on_pairs_it_has_not_seen(
    whole: Whole, sets: tuple[FeatureSet, FeatureSet]
) -> None:
    folder, task, rows = whole
    errors = [row["val_mean_absolute_error"] for row in rows]
    untrained = float(sets[1].agreement.mean())  # it predicts about 0
    assert min(errors) < untrained / 3
    # The best model is kept, and says what was measured.
    task.load_best(folder)
    assert task.validate()["val_mean_absolute_error"] == pytest.approx(min(errors), rel=1e-4)
    assert task.train_error() < untrained / 3


def test_best_and_last_are_checkpoints_and_the_best_is_found(whole: Whole) -> None:
    from vssn.checkpoints.locate import locate_tf1

    folder = whole[0]
    assert index_path(folder / "model.ckpt").is_file()
    assert index_path(folder / "modelFinal.ckpt").is_file()
    assert locate_tf1(folder, "decision_network_checkpoints") == folder / "model.ckpt"


def test_two_epochs_and_two_resumed_are_four_bit_for_bit(
    whole: Whole, tmp_path: Path, sets: tuple[FeatureSet, FeatureSet]
) -> None:
    run(tmp_path, sets, 2)
    task, rows = run(tmp_path, sets, 2, resume=True)
    assert [row["epoch"] for row in rows] == [3, 4]
    before = [np.asarray(variable) for variable in _uninterrupted(whole, tmp_path).variables()]
    after = [np.asarray(variable) for variable in task.variables()]
    assert len(before) == len(after) > 20
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    data = "modelFinal.ckpt.data-00000-of-00001"
    assert (tmp_path / data).read_bytes() == (whole[0] / data).read_bytes()
    for name in ("mean_absolute_error", "val_mean_absolute_error"):
        assert [row[name] for row in rows] == [row[name] for row in whole[2][2:]]


def test_a_step_leaves_nothing_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sets: tuple[FeatureSet, FeatureSet]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    task = DecisionTask(*sets, RECIPE)
    task.train_step(*next(task.batches(0)))
    assert list(tmp_path.iterdir()) == []


def _uninterrupted(whole: Whole, tmp_path: Path) -> DecisionTask:
    """The state of the whole training at its end, whatever tests did with its task."""
    from vssn.training.loop import _load_state

    config = LoopConfig(4, whole[0], fingerprint=RECIPE.fingerprint(pairs=72))
    _load_state(config, whole[1])
    return whole[1]


def test_every_pair_is_seen_once_an_epoch_in_another_order(
    whole: Whole, sets: tuple[FeatureSet, FeatureSet]
) -> None:
    task = whole[1]
    epochs = [np.concatenate([agreement for _, agreement in task.batches(e)]) for e in (0, 1, 0)]
    assert [len(agreement) for _, agreement in task.batches(0)] == [32, 32, 8]
    assert task.steps_per_epoch == 3
    assert sorted(epochs[0]) == sorted(sets[0].agreement)
    assert not np.array_equal(epochs[0], epochs[1])
    assert np.array_equal(epochs[0], epochs[2])
    features, agreement = next(iter(task.batches(0)))
    at = int(np.flatnonzero(sets[0].agreement == agreement[0])[0])
    assert np.array_equal(features[0], sets[0].features[at])


def test_the_learning_rate_falls_by_the_decay_each_epoch(whole: Whole) -> None:
    rate = whole[1]._optimizer._learning_rate
    assert float(rate(0)) == float(rate(2)) == pytest.approx(0.001)
    assert float(rate(3)) == pytest.approx(0.001 * 0.99)
    assert float(rate(300)) == pytest.approx(0.001 * 0.99**100, rel=1e-4)


def test_the_originals_defaults() -> None:
    recipe = DecisionRecipe()
    assert (recipe.batch_size, recipe.learning_rate, recipe.decay) == (32, 0.002, 0.99)


def save(folder: Path, features: np.ndarray, agreement: np.ndarray) -> Path:
    np.save(folder / "X.npy", features)
    np.save(folder / "Y.npy", agreement)
    return folder


def test_a_good_set_is_read_also_in_float64_and_as_a_column(tmp_path: Path) -> None:
    made = made_set(3, 0)
    save(tmp_path, made.features.astype(np.float64), made.agreement[:, np.newaxis])
    found = read_feature_set(tmp_path)
    assert found.features[:].dtype == found.agreement.dtype == np.float32
    assert np.array_equal(found.features[:], made.features)
    assert np.array_equal(found.agreement, made.agreement)


X, Y = np.zeros((3, *SHAPE), np.float32), np.array([10, 50, 100], np.float32)
WITH_NAN = X.copy()
WITH_NAN[1, 2, 3, 4] = np.nan


@pytest.mark.parametrize(
    ("features", "agreement", "message"),
    [
        (X, Y[:2], "as many features as agreements"),
        (WITH_NAN, Y, "finite numbers only"),
        (X, np.array([1, np.inf, 2], np.float32), "finite numbers only"),
        (X, np.array([0, 50, 100.5], np.float32), "values from 0 to 100"),
        (X, np.array([-1, 50, 100], np.float32), "from -1 to 100.*values from 0 to 100"),
        (np.zeros((3, 4, 6, 384), np.float32), Y, r"X \(N, \(4, 5, 384\)\)"),
        (X.reshape(3, -1), Y, r"X \(N, \(4, 5, 384\)\)"),
        (X, np.zeros((3, 2), np.float32), r"Y \(N,\)"),
        (X[:0], Y[:0], r"Y \(N,\)"),
        (np.array(1.0), np.array(1.0), "without rows"),
        (X, np.array(["a", "b", "c"]), "numbers in a NumPy array file"),
        (X.astype(bool), Y, "numbers in a NumPy array file"),
        (X, np.zeros(3, [("a", "f4"), ("b", "i4")]), "numbers in a NumPy array file"),
    ],
)
def test_bad_data_is_refused_in_one_line(
    tmp_path: Path, features: np.ndarray, agreement: np.ndarray, message: str
) -> None:
    save(tmp_path, features, agreement)
    with pytest.raises(MediaError, match=message) as caught:
        read_feature_set(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage", ["missing", "empty", "text", "half", "pickle", "zip", "huge", "pipe"]
)
def test_a_file_that_is_no_array_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = save(tmp_path, X, Y) / "X.npy"
    content = path.read_bytes()
    if damage in ("missing", "pipe"):
        path.unlink()
        if damage == "pipe":
            os.mkfifo(path)
    elif damage == "pickle":
        np.save(path, np.array([{}, 1], dtype=object))
    elif damage == "huge":
        path.write_bytes(content.replace(b"(3, 4, 5, 384)", b"(9999999999999, 4, 5, 384)"))
    else:
        kinds = {"empty": b"", "text": b"text", "half": content[:5000], "zip": b"PK\x03\x04" * 9}
        path.write_bytes(kinds[damage])
    with pytest.raises(MediaError, match=r"X\.npy") as caught:
        read_feature_set(tmp_path)
    assert "\n" not in str(caught.value)


def test_dropout_is_off_when_the_network_predicts(whole: Whole, decision: keras.Model) -> None:
    features = made_set(5, 3).features
    assert np.array_equal(whole[1].predict(features), whole[1].predict(features))


def test_training_starts_at_the_scores_mean_whatever_the_features_scale() -> None:
    rng = np.random.default_rng(0)
    agreement = np.full(8, 90, np.float32)
    for scale in (1e-3, 1e3):
        features = (rng.normal(size=(8, *SHAPE)) * scale).astype(np.float32)
        pairs = FeatureSet(features, agreement)
        assert DecisionTask(pairs, pairs, DecisionRecipe()).train_error() < 20


@pytest.mark.parametrize(("share", "held_runs"), [(0.0, 0), (0.25, 1), (0.5, 2)])
def test_runs_of_pairs_are_held_out(share: float, held_runs: int) -> None:
    pairs = FeatureSet(np.zeros((70, *SHAPE), np.float32), np.arange(70, dtype=np.float32))
    left, held = hold_out(pairs, share, seed=3)
    assert sorted([*left.agreement, *held.agreement]) == pairs.agreement.tolist()
    assert len(left.features) == len(left.agreement)
    runs = {int(score) // 20 for score in held.agreement}
    assert len(runs) == held_runs
    assert not runs & {int(score) // 20 for score in left.agreement}
    again = hold_out(pairs, share, seed=3)[1]
    np.testing.assert_array_equal(again.agreement, held.agreement)


def test_something_must_be_left_to_learn_from() -> None:
    pairs = FeatureSet(np.zeros((5, *SHAPE), np.float32), np.zeros(5, np.float32))
    with pytest.raises(MediaError, match="some to train on"):
        hold_out(pairs, 0.9, seed=1)
