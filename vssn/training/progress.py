"""Progress of a training; imports no TensorFlow, so that commands can use it."""

from __future__ import annotations

from dataclasses import dataclass

Metrics = dict[str, float]

MAX_LOG_BYTES = 1 << 28
LOG_FILE = "training_log.json"
NOT_CURVES = ("epoch", "seconds", "validated")  # what a log's rows hold beside metrics


@dataclass(frozen=True)
class TrainingLog:
    """What a training's log holds.

    Attributes:
        epochs: metrics by name, a row for each epoch.
    """

    epochs: tuple[Metrics, ...]


@dataclass(frozen=True)
class Progress:
    """Progress of a training.

    Attributes:
        epoch: current epoch, from 0, of ``epochs``.
        step: steps done in it, of ``steps``.
        seconds_left: until the end of the training, at the pace so far.
        metrics: of the last step.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds_left: float
    metrics: Metrics
