"""The training loop that all three networks share: epochs, exact resume, best model, log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import numpy as np

from vssn.errors import BadInputError, CheckpointError
from vssn.files import atomic_path, folder_lock, make_directory, open_regular
from vssn.json_files import parse
from vssn.training.progress import LOG_FILE, Metrics, Progress


class Task(Protocol):
    """What is trained: its data, one step of it, how it is judged and kept."""

    steps_per_epoch: int

    def variables(self) -> list[Any]:
        """Every Keras or TensorFlow variable that an exact resume needs, in a fixed order."""

    def batches(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """The batches of an epoch; the same ones whenever it is asked for again."""

    def train_step(self, *batch: Any) -> Metrics:
        """Learn from a batch; the metrics are averaged over the epoch."""

    def validate(self) -> Metrics:
        """Judge the network on held-out data."""

    def is_better(self, metrics: Metrics, best: Metrics) -> bool:
        """Whether ``metrics`` of an epoch beat the ``best`` so far."""

    def save(self, directory: Path, best: bool) -> None:
        """Write the model as users load it: the best so far, or that of the last epoch."""


@dataclass(frozen=True)
class LoopConfig:
    """How long to train and where to keep it.

    Attributes:
        epochs: passes over the data.
        directory: where models, log and resume state go.
        validate_every: epochs between validations; the last epoch is always validated.
        resume: continue from the state in ``directory``.
        fingerprint: settings as JSON, which a resumed run must share with the first one.
    """

    epochs: int
    directory: Path
    validate_every: int = 1
    resume: bool = False
    fingerprint: str = "{}"


STATE_FILE = "training_state.npz"
MAX_STATE_BYTES = 1 << 31


@dataclass(frozen=True)
class _StateHeader:
    """What the state holds beside the variables."""

    fingerprint: str
    history: tuple[dict[str, float], ...]


def _save_state(config: LoopConfig, task: Task, history: list[Metrics]) -> None:
    arrays: dict[str, Any] = {f"v{i}": np.asarray(v) for i, v in enumerate(task.variables())}
    header = json.dumps({"fingerprint": config.fingerprint, "history": history})
    with atomic_path(config.directory / STATE_FILE) as temporary:
        np.savez(temporary, header=np.array(header), **arrays)
    with atomic_path(config.directory / LOG_FILE) as temporary:
        log = {"settings": json.loads(config.fingerprint), "epochs": history}
        temporary.write_text(json.dumps(log, indent=1) + "\n")


def _load_state(config: LoopConfig, task: Task) -> list[Metrics]:
    """Restore every variable; return the history so far."""
    path = config.directory / STATE_FILE
    try:
        opened = open_regular(path, MAX_STATE_BYTES, "training state", CheckpointError)
        with opened as file, np.load(file, allow_pickle=False) as state:
            header: _StateHeader = parse(_StateHeader, json.loads(str(state["header"])))
            variables = task.variables()
            values = [state[f"v{i}"] for i in range(len(variables))]
        for variable, value in zip(variables, values, strict=True):
            if value.shape != tuple(variable.shape):
                raise ValueError(f"a variable has shape {value.shape}, not {variable.shape}")
    except (
        OSError,
        ValueError,
        KeyError,
        EOFError,
        BadZipFile,
        RecursionError,
        MemoryError,
    ) as error:
        raise CheckpointError(
            f"training state '{path}' ({error})",
            "the state that an interrupted training left",
            "train without --resume",
        ) from error
    if header.fingerprint != config.fingerprint:
        raise CheckpointError(
            f"training state '{path}'",
            f"the settings it was started with: {header.fingerprint}",
            "resume with those, or train without --resume",
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return list(header.history)


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
) -> Iterator[Metrics]:
    """Train ``task``, yielding each epoch's metrics once all of it is on disk.

    A run that was interrupted and resumed gives the same weights as one that was not: every
    variable is restored and an epoch's batches depend on its number alone.

    Raises:
        CheckpointError: ``resume`` without a matching state.
        MediaError: another training writes to the same folder.
        BadInputError: a loss or a validation metric is no longer finite.
    """
    make_directory(config.directory)
    with folder_lock(config.directory):
        yield from _train_epochs(task, config, report)


def _train_epochs(
    task: Task, config: LoopConfig, report: Callable[[Progress], None]
) -> Iterator[Metrics]:
    history = _load_state(config, task) if config.resume else []
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
        yield metrics
