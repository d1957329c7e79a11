"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.evaluation.statistics import RunStatistics


@dataclass(frozen=True)
class VideoRun:
    """What became of a video.

    Attributes:
        statistics: frames, steps and times.
        provenance: preset, flow, reference frame, runtime, and the weights' SHA-256 by path; empty
            for a segmenter that was passed in.
        output: the video written, under the name that it got; None for none.
        written_frames: how many frames it holds.
        truncated: whether the source ended before its end.
        lost_frames: how many of its frames could not be decoded.
        budget_target: the target, 0-100, that a budget amounted to; None where there was none.
    """

    statistics: RunStatistics
    provenance: dict[str, Any] = field(default_factory=dict)
    output: Path | None = None
    written_frames: int = 0
    truncated: bool = False
    lost_frames: int = 0
    budget_target: float | None = None

    def lines(self) -> list[str]:
        """The figures as printed."""
        written = [f"{self.output}: {self.written_frames} frames"] if self.written_frames else []
        return [*self.statistics.lines(), *_target(self.budget_target), *written]

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        return {
            **self.provenance,
            **self.statistics.summary(),
            "truncated": self.truncated,
            "lost_frames": self.lost_frames,
            "budget_target": self.budget_target,
        }


@dataclass(frozen=True)
class DatasetRun:
    """What became of a data set.

    Attributes:
        statistics: frames, steps and times.
        evaluation: of the labelled frames.
        provenance: see :class:`VideoRun`.
        budget_target: likewise.
    """

    statistics: RunStatistics
    evaluation: DatasetEvaluation
    provenance: dict[str, Any]
    budget_target: float | None = None

    def lines(self) -> list[str]:
        """The figures as printed."""
        return [*self.statistics.lines(), *_target(self.budget_target), *self.evaluation.lines()]

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        figures = {**self.statistics.summary(), **self.evaluation.summary()}
        return {**self.provenance, **figures, "budget_target": self.budget_target}


def _target(budget_target: float | None) -> list[str]:
    if budget_target is None:
        return []
    return [f"Target that the budget amounted to: {budget_target:.1f}"]
