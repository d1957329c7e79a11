"""The training loop of all three networks: epochs, exact resume, best model, log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vssn.errors import BadInputError, CheckpointError
from vssn.files import atomic_path, check_writable, folder_lock, make_directory, open_regular
from vssn.json_files import loads, parse, write_json
from vssn.training.archive import read_archive
from vssn.training.progress import LOG_FILE, Metrics, Progress


class Task(Protocol):
    """A training: its data, its step, its validation, and how the model is saved."""

    steps_per_epoch: int

    def variables(self) -> list[Any]:
        """Every Keras or TensorFlow variable that an exact resume needs, in a fixed order."""

    def batches(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch; they depend on its number alone."""

    def train_step(self, *batch: Any) -> Metrics:
        """Train on a batch; the metrics are averaged over the epoch."""

    def validate(self) -> Metrics:
        """Evaluate the network on held-out data."""

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """Whether ``metrics`` of an epoch are better than the ``best`` so far."""

    def save(self, directory: Path, best: bool) -> None:
        """Write the model for users: the best so far, or the last epoch's."""


@dataclass(frozen=True)
class LoopConfig:
    """Length of a training, and where its files go.

    Attributes:
        epochs: passes over the data.
        directory: of models, log and resume state.
        validate_every: epochs between validations; the last epoch is always validated.
        resume: continue from the state in ``directory``.
        fingerprint: settings as JSON; a resumed training must have the same.
    """

    epochs: int
    directory: Path
    validate_every: int = 1
    resume: bool = False
    fingerprint: str = "{}"


STATE_FILE = "training_state.npz"
STATE_EXPECTED = "the state that an interrupted training left"
STATE_REMEDY = "train without --resume"
MAX_HEADER_BYTES = 1 << 26
MAX_STATE_BYTES = 1 << 36  # of any training; reading one knows better


@dataclass(frozen=True)
class _Header:
    fingerprint: str
    history: tuple[dict[str, float], ...]


def check_start(directory: Path, resume: bool) -> None:
    """Find out before a network is built whether a training can begin in a folder.

    Args:
        directory: see :class:`LoopConfig`.
        resume: see :class:`LoopConfig`.

    Raises:
        MediaError: the folder can't be written to.
        CheckpointError: there is no file of a state to resume from.
    """
    check_writable(directory)
    if resume:
        path = directory / STATE_FILE
        try:
            open_regular(path, MAX_STATE_BYTES, "training state", CheckpointError).close()
        except CheckpointError as error:
            raise _no_state(path, error.__cause__) from error


def _no_state(path: Path, problem: object) -> CheckpointError:
    return CheckpointError(f"training state '{path}' ({problem})", STATE_EXPECTED, STATE_REMEDY)


def _save_state(config: LoopConfig, task: Task, history: list[Metrics]) -> None:
    arrays: dict[str, Any] = {f"v{i}": np.asarray(v) for i, v in enumerate(task.variables())}
    header = json.dumps({"fingerprint": config.fingerprint, "history": history})
    with atomic_path(config.directory / STATE_FILE, "training state") as temporary:
        np.savez(temporary, header=np.array(header), **arrays)


def _save_log(config: LoopConfig, history: list[Metrics]) -> None:
    log = {"settings": json.loads(config.fingerprint), "epochs": history}
    write_json(config.directory / LOG_FILE, log, "training log")


def _read_state(path: Path, variables: list[Any]) -> tuple[str, list[Any], list[Metrics]]:
    """Header's fingerprint, a value for each variable, and the history.

    Raises:
        ValueError: other entries, shapes or types than this training's; in words.
    """
    limit = MAX_HEADER_BYTES + sum(np.asarray(each).nbytes + 1024 for each in variables)
    names = ["header", *(f"v{i}" for i in range(len(variables)))]
    arrays = read_archive(path, names, limit, "training state", CheckpointError)
    raw: Any = loads(str(arrays.pop("header")))
    header = parse(_Header, raw, "the header")
    values = list(arrays.values())
    for index, (variable, value) in enumerate(zip(variables, values, strict=True)):
        expected = np.asarray(variable)
        if (value.shape, value.dtype) != (expected.shape, expected.dtype):
            raise ValueError(
                f"variable {index} is {value.dtype} {value.shape}, "
                f"not {expected.dtype} {expected.shape}"
            )
    rows = header.history
    if [row.get("epoch") for row in rows] != [*range(1, len(rows) + 1)]:
        raise ValueError("its epochs don't count from 1")
    if not all(math.isfinite(value) for row in rows for value in row.values()):
        raise ValueError("its metrics are not finite")
    return header.fingerprint, values, raw["history"]


def _check_history(task: Task, history: list[Metrics]) -> None:
    """Find out whether each validated epoch has the metrics that epochs are compared by.

    Raises:
        ValueError: one is missing.
    """
    for row in history:
        if "validated" in row:
            try:
                task.is_better(row, row)
            except KeyError as error:
                raise ValueError(f"epoch {row['epoch']} lacks {error}") from error


def _load_state(config: LoopConfig, task: Task) -> list[Metrics]:
    """Restore every variable; return the history so far."""
    path = config.directory / STATE_FILE
    variables = task.variables()
    try:
        fingerprint, values, history = _read_state(path, variables)
        _check_history(task, history)
    except CheckpointError as error:
        raise _no_state(path, error.__cause__) from error
    except (ValueError, TypeError) as error:
        raise _no_state(path, error) from error
    if fingerprint != config.fingerprint:
        raise CheckpointError(
            f"training state '{path}'",
            f"the settings it was started with: {fingerprint}",
            "resume with those, or train without --resume",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return history


def _mean(rows: list[Metrics]) -> Metrics:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} if rows else {}


def _run_epoch(
    task: Task, config: LoopConfig, epoch: int, report: Callable[[Progress], None], start: float
) -> Metrics:
    rows: list[Metrics] = []
    first = time.monotonic()
    for step, batch in enumerate(task.batches(epoch), start=1):
        rows.append(task.train_step(*batch))
        left = (config.epochs - epoch) * task.steps_per_epoch - step
        per_step = (time.monotonic() - first) / step
        report(
            Progress(epoch, config.epochs, step, task.steps_per_epoch, left * per_step, rows[-1])
        )
    return {"epoch": epoch + 1, **_mean(rows), "seconds": time.monotonic() - start}


def _check_finite(metrics: Metrics) -> None:
    bad = [name for name, value in metrics.items() if not np.isfinite(value)]
    if bad:
        raise BadInputError(
            f"training, whose {bad[0]} is {metrics[bad[0]]} after epoch {metrics['epoch']}",
            "finite numbers",
            "check the data or lower the learning rate; the epochs before are kept",
        )


def train(
    task: Task, config: LoopConfig, report: Callable[[Progress], None] = lambda progress: None
) -> Generator[Metrics, None, None]:
    """Train ``task``; yield each epoch's metrics once its state is on disk.

    Other trainings are kept out of the folder until this generator ends or is closed.

    A training that was interrupted and resumed gives the same weights as an uninterrupted one:
    every variable is restored, and an epoch's batches depend on its number alone.

    Raises:
        CheckpointError: ``resume`` without a matching state.
        BadInputError: a loss or a validation metric is not finite.
        MediaError: a file can't be written, or another run writes to the folder.
    """
    with folder_lock(make_directory(config.directory)):
        yield from _epochs(task, config, report)


def _epochs(
    task: Task, config: LoopConfig, report: Callable[[Progress], None]
) -> Iterator[Metrics]:
    history: list[Metrics] = []
    if config.resume:
        history = _load_state(config, task)
        _save_log(config, history)  # the disk may have been full after the state was written
    best: Metrics = {}
    for row in history:
        if "validated" in row and (not best or task.is_better(row, best)):
            best = row
    for epoch in range(len(history), config.epochs):
        metrics = _run_epoch(task, config, epoch, report, time.monotonic())
        _check_finite(metrics)
        last = epoch + 1 == config.epochs
        if last or (epoch + 1) % config.validate_every == 0:
            metrics |= task.validate() | {"validated": 1.0}
            _check_finite(metrics)
            if not best or task.is_better(metrics, best):
                best = metrics
                task.save(config.directory, best=True)
        if last:
            task.save(config.directory, best=False)
        history.append(metrics)
        _save_state(config, task, history)
        _save_log(config, history)
        yield metrics
