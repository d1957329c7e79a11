"""Mean IoU against speed, by target, on a labelled video; and the light network beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from candidates import BASELINE, RUNTIMES, candidates, plain_keras
from light import TRAINED_MEAN_IOU, LightNetwork
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from measuring import markdown

from vssn.api import load_segmenter
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.runtime.load import Networks, WeightPaths
from vssn.types import DEFAULT_PROPAGATION

EVERY_FRAME = 100.0
TARGETS = (80.0, 90.0, 95.0, EVERY_FRAME)
Frames = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass
class Run:
    """A candidate at one target."""

    name: str
    target: float | None
    step: Callable[[np.ndarray], np.ndarray]
    seconds: list[float] = field(default_factory=list)
    confusion: ConfusionMatrix = field(default_factory=ConfusionMatrix)
    segmented: int = 0

    @property
    def light(self) -> bool:
        """Whether it is the light network, whose random weights give no labels to evaluate."""
        return self.target is None

    def add(self, frame_bgr: np.ndarray, truth: np.ndarray) -> None:
        start = time.perf_counter()
        labels = self.step(frame_bgr)
        self.seconds.append(time.perf_counter() - start)
        if not self.light:
            self.confusion.add(truth, labels)

    def row(self) -> dict[str, object]:
        return {
            "candidate": self.name,
            "target": self.target,
            "segmented": len(self.seconds) if self.light else self.segmented,
            "mean_iou": TRAINED_MEAN_IOU if self.light else self.confusion.mean_iou(),
            "fps": len(self.seconds) / sum(self.seconds),
            "median_ms": float(np.median(self.seconds)) * 1000,
        }


def _adaptive(name: str, networks: Networks, target: float) -> Run:
    segmenter = load_segmenter(target=target, networks=networks)

    def step(frame_bgr: np.ndarray) -> np.ndarray:
        result = segmenter.step(frame_bgr)
        run.segmented += result.segmentation_steps
        return result.labels

    run = Run(name, target, step)
    return run


def _runs() -> list[Run]:
    runs = [_adaptive(BASELINE, plain_keras(WeightPaths.locate()), EVERY_FRAME)]
    light = []
    paths = WeightPaths.locate(propagation=DEFAULT_PROPAGATION)
    for name, networks in candidates(paths, RUNTIMES):
        runs += [_adaptive(name, networks, target) for target in TARGETS]
        if name.startswith("OpenVINO"):
            precision = name.split()[-1]
            light.append(Run(f"light network, {precision}", None, LightNetwork(precision).labels))
    return runs + light


def measure(frames: Frames) -> list[dict[str, object]]:
    """Rows by candidate and target; all take turns on each frame."""
    runs = _runs()
    for frame_bgr, truth in frames:
        for run in runs:
            run.add(frame_bgr, truth)
    return [run.row() for run in runs]


def table(rows: list[dict[str, object]]) -> list[str]:
    """With the ratio to plain Keras on every frame in the same run."""
    (base,) = [row["fps"] for row in rows if row["candidate"] == BASELINE]
    cells = [
        (
            str(row["candidate"]),
            "every frame" if row["target"] is None else f"{row['target']:g}",
            f"{row['segmented']}",
            f"{row['mean_iou']:.3f}",
            f"{row['fps']:.1f}",
            f"{row['fps'] / base:.1f}",
        )
        for row in rows
    ]
    return markdown(("candidate", "target", "segmented", "mean IoU", "fps", "ratio"), cells)


def plot(rows: list[dict[str, object]], machine: str, path: Path) -> None:
    """Mean IoU over frames per second."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    panel = figure.subplots()
    for name in dict.fromkeys(row["candidate"] for row in rows):
        chosen = [row for row in rows if row["candidate"] == name]
        light = chosen[0]["target"] is None
        line = panel.plot(
            [row["fps"] for row in chosen],
            [row["mean_iou"] for row in chosen],
            marker="*" if light else "o",
            linestyle="none" if light else "-",
            markersize=11 if light else 5,
            label=name,
        )
        for row in chosen if "int8" in str(name) and not light else []:
            label = f"{row['target']:g}"
            place = (row["fps"], row["mean_iou"])
            panel.annotate(
                label, place, (4, 5), textcoords="offset points", color=line[0].get_color()
            )
    panel.set(xscale="log", xlabel="frames per second", ylabel="mean IoU", title=machine)
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.xaxis.set_minor_locator(NullLocator())
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    figure.savefig(path, dpi=110)
