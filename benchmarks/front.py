"""The front: mean IoU against speed on labelled clips, of single networks and of the scheme."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from candidates import BASELINE, plain_keras
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator
from measuring import markdown
from public_network import PublicSegmenter

from vssn.api import load_networks, load_segmenter
from vssn.config import PROFILES
from vssn.errors import BadInputError
from vssn.evaluation.bench import profile_targets
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.schedule_sources import ClipSource
from vssn.models.architectures import SEGMENTER_NAMES
from vssn.runtime.load import WeightPaths
from vssn.streaming.segmenter import Segmenter

EVERY_FRAME = 100.0
TARGETS = (70.0, 80.0, 90.0, 94.0, 96.0, 98.0)
ORIGINAL_TARGETS = (80.0, 90.0, 96.0)
# What both networks take twice a second is measured at fewer.
TWO_SCALES = {"light": (90.0, 94.0, 96.0, 98.0, EVERY_FRAME), "ensemble": (96.0, EVERY_FRAME)}
PRECISIONS = ("f32", "bf16", "int8")
MAX_FRAMES = 1000
PUBLIC = "public network"
SINGLE, ORIGINAL, OURS = "every frame", "the original's scheme", "vssn"
Frame = tuple[np.ndarray, np.ndarray]


@dataclass
class Run:
    """A candidate at one target.

    Attributes:
        kind: a single network on every frame, the original's scheme, or ours.
        network: the segmentation network.
        precision: what it computes in.
        target: 100 for every frame.
        segmenter: does it.
    """

    kind: str
    network: str
    precision: str
    target: float
    segmenter: Segmenter
    seconds: list[float] = field(default_factory=list)
    confusion: ConfusionMatrix = field(default_factory=ConfusionMatrix)
    segmented: int = 0

    def add(self, frame_bgr: np.ndarray, truth: np.ndarray) -> None:
        start = time.perf_counter()
        result = self.segmenter.step(frame_bgr)
        self.seconds.append(time.perf_counter() - start)
        self.segmented += result.segmentation_steps
        self.confusion.add(truth, result.labels)

    def start_source(self) -> None:
        self.seconds, self.confusion, self.segmented = [], ConfusionMatrix(), 0

    def row(self, source: str) -> dict[str, Any]:
        return {
            "source": source,
            "kind": self.kind,
            "network": self.network,
            "precision": self.precision,
            "target": self.target,
            "frames": len(self.seconds),
            "segmented": self.segmented,
            "mean_iou": self.confusion.mean_iou(),
            "fps": len(self.seconds) / sum(self.seconds),
        }


def _runs(public: Path | None) -> Iterator[Run]:
    plain = plain_keras(WeightPaths.locate())
    segmenter = load_segmenter(segmenter="resnet50_segnet", target=EVERY_FRAME, networks=plain)
    yield Run(SINGLE, BASELINE, "f32", EVERY_FRAME, segmenter)
    if public is not None:
        for views in (1, 2):
            segmenter = PublicSegmenter(public, views)
            yield Run(SINGLE, f"{PUBLIC} x{views}", "int8", EVERY_FRAME, segmenter)
    for network in SEGMENTER_NAMES:
        for precision in PRECISIONS:
            settings = {"segmenter": network, "precision": precision}
            try:
                networks = load_networks(**settings)
            except BadInputError as error:
                print(f"left out: {network} {precision} ({error})")
                continue
            targets = TARGETS if precision == PRECISIONS[-1] else ()
            for target in sorted({*profile_targets(), *targets}, reverse=True):
                segmenter = load_segmenter(networks=networks, target=target, **settings)
                kind = SINGLE if target == EVERY_FRAME else OURS
                yield Run(kind, network, precision, target, segmenter)
    for network, targets in TWO_SCALES.items():
        settings = {"segmenter": network, "scales": 2}
        networks = load_networks(**settings)
        for target in sorted(targets, reverse=True):
            segmenter = load_segmenter(networks=networks, target=target, **settings)
            kind = SINGLE if target == EVERY_FRAME else OURS
            yield Run(kind, f"{network}, two scales", PRECISIONS[-1], target, segmenter)
    scheme = PROFILES["original"]
    networks = load_networks(**scheme)
    for target in ORIGINAL_TARGETS:
        settings = scheme | {"target": target}
        segmenter = load_segmenter(networks=networks, **settings)
        yield Run(ORIGINAL, str(scheme["segmenter"]), "auto", target, segmenter)


def measure(
    sources: dict[str, Sequence[Iterable[Frame]]], public: Path | None = None
) -> list[dict[str, Any]]:
    """Rows by source and candidate; all candidates take turns on each frame.

    Args:
        sources: labelled clips by the source's name.
        public: see :class:`public_network.PublicSegmenter`.
    """
    runs = list(_runs(public))
    rows = []
    for source, clips in sources.items():
        for run in runs:
            run.start_source()
        for clip in clips:
            for run in runs:
                run.segmenter.reset()
            for frame_bgr, truth in clip:
                for run in runs:
                    run.add(frame_bgr, truth)
        rows += [run.row(source) for run in runs]
    return rows


def labelled_clips(paths: Sequence[Path]) -> dict[str, list[Iterable[Frame]]]:
    """Clips by their source's name, from folders of frames with labels beside them."""
    clips: dict[str, list[Iterable[Frame]]] = {}
    for path in paths:
        source = ClipSource(path, MAX_FRAMES)
        if not source.labelled:
            raise BadInputError(f"clip '{path}'", f"labels in '{path}annot'", "name labelled ones")
        clips.setdefault(path.absolute().parent.name, []).append(list(source.iter_frames()))
    return clips


def table(rows: list[dict[str, Any]]) -> list[str]:
    """With the ratio to plain Keras on every frame of the same source."""
    base = {row["source"]: row["fps"] for row in rows if row["network"] == BASELINE}
    cells = [
        (
            row["source"],
            row["kind"],
            f"{row['network']} {row['precision']}",
            f"{row['target']:g}",
            f"{100 * row['segmented'] / row['frames']:.0f} %",
            f"{row['mean_iou']:.3f}",
            f"{row['fps']:.1f}",
            f"{row['fps'] / base[row['source']]:.1f}",
        )
        for row in rows
    ]
    columns = ("source", "scheme", "network", "target", "segmented", "mean IoU", "fps", "ratio")
    return markdown(columns, cells)


def reference(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What ``vssn bench`` knows of the accuracy: mean IoU by network, precision and target."""
    found: dict[tuple[str, str, float], dict[str, Any]] = {}
    for row in rows:
        if row["kind"] == ORIGINAL or row["network"] not in SEGMENTER_NAMES:
            continue
        key = (row["network"], row["precision"], row["target"])
        entry = found.setdefault(
            key, dict(zip(("segmenter", "precision", "target"), key, strict=False))
        )
        source = "camvid" if row["source"].startswith("camvid") else "cityscapes"
        entry[f"{source}_mean_iou"] = round(row["mean_iou"], 4)
    return list(found.values())


def _series(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]], str]]:
    """Label, rows and line style of what is joined by a line in the plot; ours in int8 alone."""
    for network in dict.fromkeys(row["network"] for row in rows):
        mine = [row for row in rows if row["network"] == network and row["kind"] != ORIGINAL]
        single = [row for row in mine if row["kind"] == SINGLE]
        yield f"{network}, every frame", single, "none"
        scheme = [row for row in mine if row["kind"] == OURS and row["precision"] == PRECISIONS[-1]]
        if scheme:
            yield f"vssn, {network}", [*scheme, single[-1]], "-"
    original = [row for row in rows if row["kind"] == ORIGINAL]
    if original:
        yield "the original's scheme", original, ":"


def plot(rows: list[dict[str, Any]], machine: str, path: Path) -> None:
    """Mean IoU over frames per second, a panel for each source."""
    sources = list(dict.fromkeys(row["source"] for row in rows))
    figure = Figure(figsize=(5.4 * len(sources), 4.6), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(sources)))
    for panel, source in zip(panels, sources, strict=True):
        panel.set_prop_cycle(color=colormaps["tab20"].colors)  # there are more than ten series
        mine = [row for row in rows if row["source"] == source]
        for label, series, style in _series(mine):
            series = sorted(series, key=lambda row: row["fps"])
            (line,) = panel.plot(
                [row["fps"] for row in series],
                [row["mean_iou"] for row in series],
                marker="*" if style == "none" else "o",
                linestyle=style,
                label=label,
            )
            for row in series:
                if style == "-" and row["kind"] == SINGLE:
                    continue  # its star has a note
                note = row["precision"] if style == "none" else f"{row['target']:g}"
                place = (row["fps"], row["mean_iou"])
                panel.annotate(
                    *(note, place, (4, 5)),
                    textcoords="offset points",
                    color=line.get_color(),
                    fontsize=7,
                )
        panel.set(xscale="log", xlabel="frames per second", ylabel="mean IoU", title=source)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.grid(alpha=0.3)
    lines, names = panels[0].get_legend_handles_labels()
    figure.legend(lines, names, loc="outside lower center", ncols=5, fontsize=7)
    figure.suptitle(machine, fontsize=9)
    figure.savefig(path, dpi=110)


def write_reference(rows: list[dict[str, Any]], path: Path) -> None:
    path.write_text(json.dumps(reference(rows), indent=1) + "\n")
