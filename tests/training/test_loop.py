"""The training loop: exact resume, best model, log, and what it refuses."""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vssn.errors import BadInputError, CheckpointError, MediaError
from vssn.training.loop import STATE_FILE, LoopConfig, train
from vssn.training.progress import LOG_FILE, Metrics, Progress

SETTINGS = '{"rate": 0.1}'
HEADER = json.dumps({"fingerprint": SETTINGS, "history": []})


class Variable:
    """As much of a Keras variable as the loop uses."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = np.array(value)


class TinyTask:
    """Least squares with momentum: what an epoch does depends on all that was before."""

    steps_per_epoch = 3

    def __init__(self) -> None:
        self.weights = Variable(np.zeros(4))
        self.momentum = Variable(np.zeros(4))
        self.validations: list[float] = []
        self.interrupt_at: tuple[int, int] | None = None
        self.loss_at: dict[int, float] = {}
        self.saved: list[tuple[str, float]] = []
        self._step = (0, 0)

    def variables(self) -> list[Variable]:
        return [self.weights, self.momentum]

    def batches(self, epoch: int) -> Iterator[tuple[np.ndarray]]:
        rng = np.random.default_rng((7, epoch))
        for step in range(self.steps_per_epoch):
            self._step = (epoch, step)
            yield (rng.standard_normal((5, 4)),)

    def train_step(self, *batch: np.ndarray) -> Metrics:
        if self._step == self.interrupt_at:
            raise KeyboardInterrupt
        (x,) = batch
        error = x @ self.weights.value - x @ np.arange(4.0)
        self.momentum.assign(0.9 * self.momentum.value + x.T @ error)
        self.weights.assign(self.weights.value - 0.003 * self.momentum.value)
        return {"loss": self.loss_at.get(self._step[0], float((error**2).mean()))}

    def validate(self) -> Metrics:
        if self.validations:
            return {"val": self.validations.pop(0)}
        return {"val": float(np.abs(self.weights.value - np.arange(4.0)).sum())}

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        return metrics["val"] < best["val"]

    def save(self, directory: Path, best: bool) -> None:
        self.saved.append(("best" if best else "last", float(self.weights.value[0])))
        np.save(directory / ("best.npy" if best else "last.npy"), self.weights.value)


def config(directory: Path, epochs: int = 4, **others: Any) -> LoopConfig:
    return LoopConfig(epochs, directory, **{"fingerprint": SETTINGS, **others})


def run(task: TinyTask, settings: LoopConfig) -> list[Metrics]:
    return list(train(task, settings))


def assert_same_result(one: Path, other: Path) -> None:
    for name in ("best.npy", "last.npy"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    with np.load(one / STATE_FILE) as a, np.load(other / STATE_FILE) as b:
        assert a.files == b.files
        for key in ("v0", "v1"):
            assert np.array_equal(a[key], b[key])


def test_training_between_epochs_interrupted_and_resumed_is_the_same(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(TinyTask(), config(whole))
    first = train(TinyTask(), config(parts))
    assert [next(first)["epoch"], next(first)["epoch"]] == [1, 2]
    first.close()  # type: ignore[attr-defined]
    rows = run(TinyTask(), config(parts, resume=True))
    assert [row["epoch"] for row in rows] == [3, 4]
    assert_same_result(whole, parts)


def test_training_interrupted_within_an_epoch_and_resumed_is_the_same(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(TinyTask(), config(whole))
    task = TinyTask()
    task.interrupt_at = (2, 1)
    with pytest.raises(KeyboardInterrupt):
        run(task, config(parts))
    assert [row["epoch"] for row in run(TinyTask(), config(parts, resume=True))] == [3, 4]
    assert_same_result(whole, parts)


def test_each_epoch_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    for row in train(TinyTask(), config(tmp_path)):
        log = json.loads((tmp_path / LOG_FILE).read_text())
        assert log["settings"] == json.loads(SETTINGS)
        assert log["epochs"][-1] == row
        assert len(log["epochs"]) == row["epoch"]
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_the_log_goes_on_after_a_resume(tmp_path: Path) -> None:
    next(train(TinyTask(), config(tmp_path)))
    run(TinyTask(), config(tmp_path, resume=True))
    log = json.loads((tmp_path / LOG_FILE).read_text())
    assert [row["epoch"] for row in log["epochs"]] == [1, 2, 3, 4]


def test_a_finished_training_has_nothing_to_resume(tmp_path: Path) -> None:
    run(TinyTask(), config(tmp_path))
    before = (tmp_path / STATE_FILE).read_bytes()
    assert run(TinyTask(), config(tmp_path, resume=True)) == []
    assert (tmp_path / STATE_FILE).read_bytes() == before


def test_a_log_that_was_not_written_after_the_last_state_is_written_by_a_resume(
    tmp_path: Path,
) -> None:
    run(TinyTask(), config(tmp_path))
    before = (tmp_path / LOG_FILE).read_bytes()
    (tmp_path / LOG_FILE).unlink()
    assert run(TinyTask(), config(tmp_path, resume=True)) == []
    assert (tmp_path / LOG_FILE).read_bytes() == before


def test_metrics_are_means_over_the_epoch(tmp_path: Path) -> None:
    task, losses = TinyTask(), []
    rows = list(train(task, config(tmp_path, 1), lambda p: losses.append(p.metrics["loss"])))
    assert len(losses) == 3
    assert rows[0]["loss"] == pytest.approx(np.mean(losses))


def test_the_best_epoch_is_kept(tmp_path: Path) -> None:
    task = TinyTask()
    task.validations = [3.0, 1.0, 2.0, 1.5]
    run(task, config(tmp_path))
    assert [kind for kind, _ in task.saved] == ["best", "best", "last"]
    with np.load(tmp_path / STATE_FILE) as state:
        assert np.array_equal(np.load(tmp_path / "last.npy"), state["v0"])
    assert not np.array_equal(np.load(tmp_path / "best.npy"), np.load(tmp_path / "last.npy"))


def test_a_resumed_training_knows_the_best_epoch(tmp_path: Path) -> None:
    task = TinyTask()
    task.validations = [1.0, 2.0]
    first = train(task, config(tmp_path))
    next(first)
    next(first)
    first.close()
    kept = (tmp_path / "best.npy").read_bytes()
    resumed = TinyTask()
    resumed.validations = [1.5, 1.2]
    run(resumed, config(tmp_path, resume=True))
    assert [kind for kind, _ in resumed.saved] == ["last"]
    assert (tmp_path / "best.npy").read_bytes() == kept


def test_validation_comes_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    rows = run(TinyTask(), config(tmp_path, 5, validate_every=2))
    assert [row["epoch"] for row in rows if "val" in row] == [2, 4, 5]


def test_progress_counts_steps_and_time_left(tmp_path: Path) -> None:
    seen: list[Progress] = []
    list(train(TinyTask(), config(tmp_path, 2), seen.append))
    assert [(p.epoch, p.step) for p in seen] == [(e, s) for e in (0, 1) for s in (1, 2, 3)]
    assert {(p.epochs, p.steps) for p in seen} == {(2, 3)}
    assert seen[-1].seconds_left == 0
    assert all(p.seconds_left > 0 for p in seen[:-1])


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_diverged_loss_ends_the_training_and_is_not_kept(tmp_path: Path, loss: float) -> None:
    task = TinyTask()
    task.loss_at = {2: loss}
    with pytest.raises(BadInputError, match="epoch 3"):
        run(task, config(tmp_path))
    log = json.loads((tmp_path / LOG_FILE).read_text())
    assert [row["epoch"] for row in log["epochs"]] == [1, 2]
    assert not (tmp_path / "last.npy").exists()


def test_other_settings_are_refused(tmp_path: Path) -> None:
    next(train(TinyTask(), config(tmp_path)))
    task = TinyTask()
    with pytest.raises(CheckpointError, match=r'settings it was started with: \{"rate": 0.1\}'):
        run(task, config(tmp_path, resume=True, fingerprint='{"rate": 0.2}'))
    assert not task.weights.value.any()


@pytest.mark.parametrize(
    "damage",
    ["missing", "empty", "text", "half", "foreign", "shape", "header", "metric", "pipe", "raw"],
)
def test_a_state_that_can_not_be_read_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / STATE_FILE
    next(train(TinyTask(), config(tmp_path)))
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "foreign":
        np.savez(path, something=np.zeros(3))
    elif damage in ("shape", "header"):
        header = '{"fingerprint": "{}", "history": [1]}' if damage == "header" else HEADER
        np.savez(path, header=np.array(header), v0=np.zeros(4), v1=np.zeros((2, 2)))
    elif damage in ("metric", "raw"):
        with np.load(path) as state:
            entries = dict(state)
        if damage == "metric":
            header = json.loads(str(entries["header"]))
            for row in header["history"]:
                row["another"] = row.pop("val")
            entries["header"] = np.array(json.dumps(header))
        np.savez(path, **entries)
        if damage == "raw":
            with zipfile.ZipFile(path) as archive:
                contents = {name: archive.read(name) for name in archive.namelist()}
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in contents.items():
                    archive.writestr(name, b"text" if name == "v0.npy" else content)
    elif damage == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        path.write_bytes(
            {"empty": b"", "text": b"text", "half": content[: len(content) // 2]}[damage]
        )
    with pytest.raises(CheckpointError, match="train without --resume") as caught:
        run(TinyTask(), config(tmp_path, resume=True))
    assert "\n" not in str(caught.value)


def test_without_resume_training_starts_anew(tmp_path: Path) -> None:
    run(TinyTask(), config(tmp_path, 2))
    assert [row["epoch"] for row in run(TinyTask(), config(tmp_path, 2))] == [1, 2]


def test_a_directory_that_can_not_be_written_is_refused_before_any_step(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    task = TinyTask()
    with pytest.raises(MediaError, match="output directory"):
        run(task, config(tmp_path / "file" / "below"))
    assert not task.weights.value.any()
