"""Schedules by name, as commands take them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from vssn.errors import BadInputError, argument
from vssn.streaming.confidence import ConfidenceEstimator, NetworkConfidence
from vssn.streaming.schedule import DynamicSchedule, FixedInterval, Schedule, TargetSchedule

ScheduleMaker = Callable[[ConfidenceEstimator, float], Schedule]


def parse_schedule(text: str) -> ScheduleMaker:
    """What makes a schedule of an estimator and a target, by name.

    Args:
        text: ``confidence``, which compares the predicted confidence with the target, whoever
            predicts it; ``decision``, the same, of DVSNet's decision network alone; ``dynamic``,
            with a target that moves; ``fixed:K``, every K-th frame; ``always``, every frame.

    Raises:
        BadInputError: there is no such schedule; or, when it is made, ``decision`` without the
            decision network.
    """
    name, _, interval = text.strip().lower().partition(":")
    makers: dict[str, ScheduleMaker] = {
        "confidence": TargetSchedule,
        "decision": _of_decision_network,
        "dynamic": DynamicSchedule,
        "always": lambda estimator, target: FixedInterval(1),
    }
    if name == "fixed" and interval.isascii() and interval.isdecimal() and 0 < len(interval) < 7:
        return partial(_every, int(interval))
    if name in makers and not interval:
        return makers[name]
    raise BadInputError(
        argument("schedule", text),
        "confidence, decision, dynamic, always, or fixed:K such as fixed:5",
        f"pass {argument('schedule', 'confidence')}",
    )


def _every(interval: int, estimator: ConfidenceEstimator, target: float) -> Schedule:
    return FixedInterval(interval)


def _of_decision_network(estimator: ConfidenceEstimator, target: float) -> Schedule:
    if not isinstance(estimator, NetworkConfidence):
        raise BadInputError(
            argument("schedule", "decision"),
            "FlowNetS from the key frame, which the decision network was trained for",
            f"pass {argument('flow', 'flownets')} and {argument('propagate', 'key')}",
        )
    return TargetSchedule(estimator, target)
