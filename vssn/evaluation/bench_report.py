"""What a measurement of the machine found, as text and as figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vssn.errors import BadInputError
from vssn.evaluation.bench import Candidates, LeftOut, Measurement, best_threads
from vssn.evaluation.bench_clip import BenchClip
from vssn.evaluation.machine import describe_machine
from vssn.evaluation.measured_front import MeasuredFront, candidate_flags

NOT_MEASURED = "-"
HEADINGS = (
    *("segmenter", "precision", "target", "segmented", "segmented ms", "propagated ms"),
    *("fps", "CamVid", "Cityscapes"),
)
LEFT_ALIGNED = 2  # columns of words
OPTIMAL_MARK = "*"
LEGEND = (
    f"{OPTIMAL_MARK}: no other is both faster and as accurate. fps: in the segmenter. CamVid, "
    "Cityscapes: mean IoU as measured by the project; without it, by the share of segmented frames."
)
MADE_WARNING = "No clip: the frames are made, and real video has other shares of segmented frames."


@dataclass(frozen=True)
class BenchReport:
    """What was found.

    Attributes:
        clip: what it was measured on.
        candidates: what was measured, and what can't be.
        measurements: of each candidate, at least one.
        front: the accuracy measured with labels.
        wanted_fps: frames per second.
        by_threads: of the recommended candidate, by rising number of threads; empty where these
            were not tried.
        device: as it was asked for.
    """

    clip: BenchClip
    candidates: Candidates
    measurements: Sequence[Measurement]
    front: MeasuredFront
    wanted_fps: float
    by_threads: Sequence[Measurement] = ()
    device: str = "auto"

    @property
    def recommended(self) -> Measurement:
        """Among the candidates; see :meth:`MeasuredFront.recommended`."""
        return self.front.recommended(self.measurements, self.wanted_fps)

    @property
    def best(self) -> Measurement:
        """The recommended candidate with its best number of threads."""
        if self.by_threads:
            best = best_threads(self.by_threads)
            if best != self.by_threads[-1]:  # all cores are the default
                return best
        return self.recommended

    @property
    def flags(self) -> list[str]:
        """What the commands take for :attr:`best`."""
        flags = candidate_flags(self.best.candidate, self.candidates.automatic)
        return flags if self.device == "auto" else [*flags, "--device", self.device]

    def lines(self, said: Callable[[BadInputError], str] = str) -> list[str]:
        """The report as printed.

        Args:
            said: puts an error into words.
        """
        machine = describe_machine()
        height, width = self.clip.frames_bgr[0].shape[:2]
        return [
            f"Machine: {machine['Processor']}, cores: {machine['Cores']}, {machine['System']}",
            f"Clip: {self.clip.name}, {width}x{height}, {self.measurements[0].frames} frames for "
            "each candidate",
            *([MADE_WARNING] if self.clip.made else []),
            *(_left_out(each, said) for each in self.candidates.left_out),
            *self._table(),
            LEGEND,
            *self._thread_lines(),
            self._recommendation(),
        ]

    def _table(self) -> list[str]:
        optimal = self.front.optimal(self.measurements)
        rows = [HEADINGS, *(self._cells(each) for each in self.measurements)]
        marks = ["", *(OPTIMAL_MARK if each in optimal else "" for each in self.measurements)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
        return [
            "  ".join([mark.ljust(1), *_aligned(row, widths)]).rstrip()
            for mark, row in zip(marks, rows, strict=True)
        ]

    def _cells(self, measurement: Measurement) -> tuple[str, ...]:
        candidate = measurement.candidate
        return (
            *(candidate.segmenter, candidate.precision, f"{candidate.target:g}"),
            f"{measurement.segmented_share:.0%}",
            *(_number(ms, ".1f") for ms in (measurement.segmented_ms, measurement.propagated_ms)),
            f"{measurement.fps:.1f}",
            *(_number(mean_iou, ".3f") for mean_iou in self._accuracy(measurement).values()),
        )

    def _accuracy(self, measurement: Measurement) -> dict[str, float | None]:
        point = self.front.of(measurement.candidate)
        return {
            "camvid_mean_iou": point.camvid_mean_iou if point else None,
            "cityscapes_mean_iou": point.cityscapes_mean_iou if point else None,
        }

    def _thread_lines(self) -> list[str]:
        if not self.by_threads:
            return []
        speeds = ", ".join(f"{each.candidate.threads}: {each.fps:.1f}" for each in self.by_threads)
        best = best_threads(self.by_threads).candidate.threads
        return [f"fps by number of threads, of the recommended: {speeds}; best: {best}"]

    def _recommendation(self) -> str:
        flags, fps = " ".join(self.flags), self.best.fps
        if fps < self.wanted_fps:
            return (
                f"None reaches {self.wanted_fps:g} fps; the fastest, {fps:.1f} fps: vssn video "
                f"CLIP {flags}"
            )
        return f"For {self.wanted_fps:g} fps ({fps:.1f} measured): vssn video CLIP {flags}"

    def summary(self, said: Callable[[BadInputError], str] = str) -> dict[str, Any]:
        """The figures as they go into the summary file; see :meth:`lines`."""
        optimal = self.front.optimal(self.measurements)
        return {
            "machine": describe_machine(),
            "clip": self.clip.name,
            "wanted_fps": self.wanted_fps,
            "measurements": [
                {**_flat(each), **self._accuracy(each), "optimal": each in optimal}
                for each in self.measurements
            ],
            "left_out": [_left_out(each, said) for each in self.candidates.left_out],
            "by_threads": [_flat(each) for each in self.by_threads],
            "recommended": self.flags,
            "recommended_fps": self.best.fps,
        }


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        cell.ljust(width) if column < LEFT_ALIGNED else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    ]


def _number(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else format(value, form)


def _flat(measurement: Measurement) -> dict[str, Any]:
    values = asdict(measurement)
    return {**values.pop("candidate"), **values}


def _left_out(each: LeftOut, said: Callable[[BadInputError], str]) -> str:
    name = " ".join(filter(None, [each.segmenter, each.precision]))
    return f"Left out: {name} ({said(each.error)})"
