"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.evaluation.live_statistics import LiveStatistics
from vssn.evaluation.machine import describe_machine
from vssn.evaluation.statistics import RunStatistics
from vssn.files import make_directory
from vssn.json_files import write_json


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
class LiveRun:
    """What became of a live stream.

    Attributes:
        statistics: frames and latencies.
        provenance, output, written_frames, truncated, lost_frames: see :class:`VideoRun`.
        interrupted: whether Ctrl-C or another signal ended it, rather than the source.
    """

    statistics: LiveStatistics
    provenance: dict[str, Any] = field(default_factory=dict)
    output: Path | None = None
    written_frames: int = 0
    truncated: bool = False
    lost_frames: int = 0
    interrupted: bool = False

    def lines(self) -> list[str]:
        """The figures as printed."""
        written = [f"{self.output}: {self.written_frames} frames"] if self.written_frames else []
        return [*self.statistics.lines(), *written]

    def summary(self) -> dict[str, Any]:
        """The figures, for a JSON file."""
        return {
            **self.provenance,
            **self.statistics.summary(),
            "truncated": self.truncated,
            "lost_frames": self.lost_frames,
            "interrupted": self.interrupted,
        }

    def save(self, directory: str | Path) -> list[Path]:
        """Write the latency's histogram, ``latency.png``, and the figures, ``live.json``.

        Args:
            directory: made where it is missing.

        Returns:
            The files.

        Raises:
            MediaError: they can't be written.
        """
        from vssn.evaluation.plots import plot_latency

        folder = make_directory(Path(directory))
        plot, figures = folder / "latency.png", folder / "live.json"
        plot_latency(*self.statistics.histogram(), self.statistics.max_latency_ms, plot)
        write_json(figures, {**self.summary(), "machine": describe_machine()}, "report")
        return [plot, figures]


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
