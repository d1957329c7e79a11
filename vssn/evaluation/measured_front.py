"""Which candidates are the best of their speed, by the accuracy that was measured with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vssn.config import PROFILES
from vssn.evaluation.bench import Candidate, Measurement
from vssn.json_files import read_json
from vssn.networks import Precision

MEASURED_FRONT = Path(__file__).with_suffix(".json")

Key = tuple[str, str, float]


@dataclass(frozen=True)
class MeasuredPoint:
    """A candidate's accuracy on labelled clips; ``benchmarks/`` measures it.

    Attributes:
        segmenter, precision, target: see :class:`vssn.evaluation.bench.Candidate`.
        camvid_mean_iou: on CamVid's validation video, 0-1.
        cityscapes_mean_iou: on the clips of Cityscapes, 0-1.
    """

    segmenter: str
    precision: str
    target: float
    camvid_mean_iou: float
    cityscapes_mean_iou: float

    def __post_init__(self) -> None:
        for value in (self.camvid_mean_iou, self.cityscapes_mean_iou):
            if not 0 <= value <= 1:
                raise ValueError(f"the mean IoU {value} is not from 0 to 1")

    @property
    def mean_iou(self) -> float:
        """The mean of both."""
        return (self.camvid_mean_iou + self.cityscapes_mean_iou) / 2


class MeasuredFront:
    """The accuracy of candidates, as far as it was measured.

    Args:
        points: of the candidates.
    """

    def __init__(self, points: Sequence[MeasuredPoint] = ()) -> None:
        self._points: dict[Key, MeasuredPoint] = {
            (point.segmenter, point.precision, point.target): point for point in points
        }

    @classmethod
    def read(cls, path: Path = MEASURED_FRONT) -> MeasuredFront:
        """Read the file that the project ships, a list of :class:`MeasuredPoint`.

        Raises:
            MediaError: the file is damaged.
        """
        return cls(read_json(path, tuple[MeasuredPoint, ...], "measured front"))

    def of(self, candidate: Candidate) -> MeasuredPoint | None:
        """A candidate's accuracy; None where it was not measured."""
        return self._points.get((candidate.segmenter, candidate.precision, candidate.target))

    def accuracy(self, measurement: Measurement) -> tuple[float, float]:
        """What candidates are compared by: mean IoU, then the share of segmented frames.

        A candidate that was not measured comes after all that were.
        """
        point = self.of(measurement.candidate)
        return (point.mean_iou if point else -1.0, measurement.segmented_share)

    def optimal(self, measurements: Sequence[Measurement]) -> list[Measurement]:
        """The Pareto-optimal ones, the fastest first: none is both faster and as accurate."""
        best: list[Measurement] = []
        ordered = sorted(measurements, key=lambda each: (each.fps, self.accuracy(each)))
        for each in reversed(ordered):
            if not best or self.accuracy(each) > self.accuracy(best[-1]):
                best.append(each)
        return best

    def recommended(self, measurements: Sequence[Measurement], fps: float) -> Measurement:
        """The most accurate that reaches ``fps``, or the fastest where none does.

        Args:
            measurements: at least one.
            fps: frames per second.
        """
        optimal = self.optimal(measurements)
        return next((each for each in reversed(optimal) if each.fps >= fps), optimal[0])


def candidate_flags(candidate: Candidate, automatic: Mapping[str, Precision]) -> list[str]:
    """What the commands take for a candidate: a profile where one is the same.

    Args:
        candidate: the candidate.
        automatic: by segmenter, the precision that the commands take by themselves.
    """
    settings = {"segmenter": candidate.segmenter, "target": candidate.target}
    profile = next((name for name, values in PROFILES.items() if values == settings), None)
    flags = ["--profile", profile] if profile else ["--segmenter", candidate.segmenter]
    if candidate.precision != automatic.get(candidate.segmenter):
        flags += ["--precision", candidate.precision]
    if not profile:
        flags += ["--target", f"{candidate.target:g}"]
    if candidate.threads is not None:
        flags += ["--threads", str(candidate.threads)]
    return flags
