"""How a training tells where it stands; without TensorFlow, so that the commands can share it."""

from __future__ import annotations

from dataclasses import dataclass

Metrics = dict[str, float]

LOG_FILE = "training_log.json"
NOT_CURVES = ("epoch", "seconds", "validated")  # what a log's rows hold beside metrics


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        epoch: the epoch under way, from 0, of ``epochs``.
        step: steps done in it, of ``steps``.
        seconds_left: until the whole training is done, at the pace so far.
        metrics: of the last step.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds_left: float
    metrics: Metrics
