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
    """

    statistics: RunStatistics
    provenance: dict[str, Any] = field(default_factory=dict)
    output: Path | None = None
    written_frames: int = 0
    truncated: bool = False
    lost_frames: int = 0

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        damage = {"truncated": self.truncated, "lost_frames": self.lost_frames}
        return {**self.provenance, **self.statistics.summary(), **damage}


@dataclass(frozen=True)
class DatasetRun:
    """What became of a data set.

    Attributes:
        statistics: frames, steps and times.
        evaluation: of the labelled frames.
        provenance: see :class:`VideoRun`.
    """

    statistics: RunStatistics
    evaluation: DatasetEvaluation
    provenance: dict[str, Any]

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        return {**self.statistics.summary(), **self.provenance, **self.evaluation.summary()}
