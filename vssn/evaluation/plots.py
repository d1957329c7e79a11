"""Plots of trainings and results, as PNG files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import NullLocator, ScalarFormatter

from vssn.errors import printable
from vssn.evaluation.metrics import ConfusionMatrix, Float64Array
from vssn.evaluation.results import FrameOrderResult, Point
from vssn.files import atomic_path
from vssn.labels import CLASS_NAMES, LABELS, NUM_CLASSES, PALETTE_RGB, colour_mask_bgr
from vssn.types import Float32Array, UInt8Array

WRONG_RGB = (214, 39, 40)
VOID_RGB = (110, 110, 110)
_PERCENT_TICKS = (0, 1, 5, 10, 25, 50, 75, 100)


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path, "plot") as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight")


def plot_curves(
    history: Sequence[dict[str, float]], path: Path, leave_out: Collection[str] = ("epoch",)
) -> None:
    """Draw every metric of a training over the epochs, one panel each.

    Args:
        history: metrics by name, one row for each epoch; see :func:`vssn.training.loop.train`.
        path: the PNG to write.
        leave_out: names in the rows that are not metrics.
    """
    names = [k for k in dict.fromkeys(k for row in history for k in row) if k not in leave_out]
    figure = Figure(figsize=(4 * len(names), 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        rows = [row for row in history if name in row]
        panel.plot([row["epoch"] for row in rows], [row[name] for row in rows], marker=".")
        panel.set(title=name.replace("_", " "), xlabel="epoch")
        panel.grid(alpha=0.3)
    _save(figure, path)


def plot_predicted_confidence(predicted: Float32Array, measured: Float32Array, path: Path) -> None:
    """Draw predicted confidence over measured agreement, both (N,) in 0-100."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    panel = figure.subplots()
    panel.plot(measured, predicted, ".", markersize=3, alpha=0.4)
    low = float(min(measured.min(), predicted.min()))
    panel.plot([low, 100], [low, 100], color="black", linewidth=0.8)
    panel.set(xlabel="measured agreement", ylabel="predicted confidence", aspect="equal")
    panel.grid(alpha=0.3)
    _save(figure, path)


def _write_cell(panel: Axes, row: int, column: int, percent: float) -> None:
    if percent < 0.05:  # shown as 0.0
        return
    text = f"{percent:.1f}" if percent < 99.95 else "100"
    # Above 40 % the colour map is dark.
    colour = "white" if percent > 40 else "black"
    panel.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def plot_confusion(confusion: ConfusionMatrix, path: Path) -> None:
    """Draw the confusion matrix, each row in % of the true class' pixels.

    Cells below 0.05 % are empty. Rows of classes without true pixels are grey; the other rows'
    labels show the class' share of all true pixels.
    """
    percent, rows = confusion.percent_of_truth(), confusion.counts.sum(1)
    shares = 100 * rows / max(rows.sum(), 1)
    figure = Figure(figsize=(8.6, 7.2), layout="constrained")
    panel = figure.subplots()
    panel.set_facecolor("lightgrey")
    # A square-root scale makes errors of a few % visible.
    image = panel.imshow(percent, cmap="Blues", norm=PowerNorm(0.5, 0, 100))
    for (row, column), value in np.ndenumerate(percent):
        _write_cell(panel, row, column, value)
    panel.set_xticks(range(NUM_CLASSES), CLASS_NAMES, rotation=40, ha="right")
    named = zip(CLASS_NAMES, shares, strict=True)
    panel.set_yticks(range(NUM_CLASSES), [f"{name}  ({share:.1f} %)" for name, share in named])
    panel.set(xlabel="prediction", ylabel="truth  (share of all pixels)")
    panel.set_title("Confusion matrix, in % of each true class' pixels")
    figure.colorbar(image, ax=panel, shrink=0.8, label="% of the true class", ticks=_PERCENT_TICKS)
    _save(figure, path)


def plot_class_iou(class_iou: Float64Array, mean_iou: float, path: Path) -> None:
    """Draw the IoU of each class, in the class table's order and colours.

    Args:
        class_iou: (11,) in 0-1; NaN for a class never seen.
        mean_iou: in 0-1.
        path: the PNG to write.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    panel = figure.subplots()
    colours = PALETTE_RGB[:NUM_CLASSES] / 255
    widths = np.nan_to_num(class_iou)
    panel.barh(CLASS_NAMES, widths, color=colours, edgecolor="black", linewidth=0.8)
    panel.axvline(mean_iou, color="black", linestyle="--", linewidth=1, zorder=0)
    texts = ["never seen" if np.isnan(value) else f"{value:.3f}" for value in class_iou]
    for row, (width, text) in enumerate(zip(widths, texts, strict=True)):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        panel.text(width + 0.012, row, text, va="center", fontsize=9, bbox=box)
    panel.invert_yaxis()
    panel.set(xlim=(0, 1.1), xticks=np.linspace(0, 1, 6), xlabel="IoU")
    panel.set_title(f"IoU of each class; the mean, {mean_iou:.3f}, is dashed")
    panel.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


@dataclass(frozen=True)
class EvaluatedFrame:
    """A labelled frame with its result; all arrays have one size.

    Attributes:
        name: its title.
        mean_iou: of this frame alone, in 0-1.
        image_bgr: (h, w, 3) uint8 BGR.
        truth: (h, w) uint8, 0-10 and 11 for void.
        labels: (h, w) uint8, 0-10.
    """

    name: str
    mean_iou: float
    image_bgr: UInt8Array
    truth: UInt8Array
    labels: UInt8Array


def error_picture_rgb(frame: EvaluatedFrame) -> UInt8Array:
    """Mark wrong pixels red and void grey on the faded frame.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    faded = cv2.cvtColor(frame.image_bgr, cv2.COLOR_BGR2GRAY) * 0.3 + 178
    picture = np.repeat(faded[..., np.newaxis], 3, axis=-1).astype(np.uint8)
    known = frame.truth < NUM_CLASSES
    picture[~known] = VOID_RGB
    picture[known & (frame.labels != frame.truth)] = WRONG_RGB
    return picture


def _draw_frame(panels: Sequence[Axes], frame: EvaluatedFrame) -> None:
    known = frame.truth < NUM_CLASSES
    wrong = 100 * np.mean(frame.labels[known] != frame.truth[known])
    pictures = {
        f"{printable(frame.name)}: mean IoU {frame.mean_iou:.3f}": frame.image_bgr[..., ::-1],
        "truth": colour_mask_bgr(frame.truth)[..., ::-1],
        "prediction": colour_mask_bgr(frame.labels)[..., ::-1],
        f"wrong: {wrong:.1f} % of the known pixels": error_picture_rgb(frame),
    }
    for panel, (title, picture) in zip(panels, pictures.items(), strict=True):
        panel.imshow(picture)
        # A file's name may hold dollar signs.
        panel.set_title(title, loc="left", fontsize=10, parse_math=False)
        panel.set_axis_off()


def plot_worst(frames: Sequence[EvaluatedFrame], path: Path) -> None:
    """Draw one row for each frame: picture, truth, prediction and errors.

    Args:
        frames: one or more, the worst first.
        path: the PNG to write.
    """
    heights = [4.4 * frame.truth.shape[0] / frame.truth.shape[1] for frame in frames]
    figure = Figure(figsize=(18, sum(heights) + 0.35 * len(frames) + 0.8), layout="constrained")
    rows = figure.subplots(len(frames), 4, squeeze=False, height_ratios=heights)
    for panels, frame in zip(rows, frames, strict=True):
        _draw_frame(panels, frame)
    colours = {label.name: label.colour_rgb for label in LABELS}
    colours |= {"wrong": WRONG_RGB, "void, not counted": VOID_RGB}
    patches = [
        Patch(color=(red / 255, green / 255, blue / 255), label=name)
        for name, (red, green, blue) in colours.items()
    ]
    figure.legend(handles=patches, loc="outside lower center", ncols=7, frameon=False)
    _save(figure, path)


_COST_TICKS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 300, 500)


def _draw_frame_order(panel: Axes, result: FrameOrderResult) -> None:
    curves: dict[str, tuple[Sequence[Point], str, str]] = {
        "adaptive: segments where the predicted confidence is below the target": (
            result.adaptive,
            "o-",
            "tab:blue",
        ),
        "oracle: where the measured agreement is below the target": (result.oracle, "s:", "grey"),
        "fixed intervals": (result.fixed, "x--", "tab:orange"),
    }
    for name, (points, style, colour) in curves.items():
        costs, ious = zip(*((point.segmented, point.mean_iou) for point in points), strict=True)
        panel.plot(costs, ious, style, color=colour, markersize=4, linewidth=1.2, label=name)
    panel.margins(y=0.09)  # room for the targets' labels
    _label_targets(panel, result.adaptive)
    panel.set_xscale("log")
    panel.set_xticks(_COST_TICKS)
    panel.xaxis.set_major_formatter(ScalarFormatter())
    panel.xaxis.set_minor_locator(NullLocator())
    every = [point.segmented for points, _, _ in curves.values() for point in points]
    panel.set_xlim(0.8 * min(every), 1.15 * max(every))
    panel.set(xlabel="segmented frames", ylabel="mean IoU over all frames")
    panel.set_title(f"{result.name}, {result.frames} frames")
    panel.grid(alpha=0.3)


def _label_targets(panel: Axes, points: Sequence[Point]) -> None:
    """Write each target beside its point, above and below in turn."""
    for index, point in enumerate(points):
        panel.annotate(
            f"{point.setting:g}",
            (point.segmented, point.mean_iou),
            (-4, 8) if index % 2 else (4, -13),
            textcoords="offset points",
            ha="right" if index % 2 else "left",
            fontsize=7,
            color="tab:blue",
        )


def _draw_agreement(panel: Axes, results: Sequence[FrameOrderResult]) -> None:
    targets = [point.setting for point in results[0].adaptive]
    panel.plot(targets, targets, color="black", linewidth=0.8)
    panel.set_prop_cycle(color=["tab:purple", "tab:green", "tab:red"], marker=["o", "^", "s"])
    for result in results:
        measured = [point.measured_agreement for point in result.adaptive]
        settings = [point.setting for point in result.adaptive]
        panel.plot(settings, measured, markersize=4, linewidth=1.2, label=result.name)
    panel.set(xlabel="target", ylabel="measured agreement of warped frames, mean")
    panel.set_title("a target is met on the line or above it")
    panel.legend(frameon=False)
    panel.grid(alpha=0.3)


def plot_schedule_evaluation(results: Sequence[FrameOrderResult], path: Path) -> None:
    """Draw mean IoU over cost for each frame order, and measured agreement over targets.

    Args:
        results: of one to three frame orders.
        path: the PNG to write.
    """
    figure = Figure(figsize=(13, 9), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for panel, result in zip(panels, results, strict=False):
        _draw_frame_order(panel, result)
    _draw_agreement(panels[3], results)
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, frameon=False)
    _save(figure, path)


def plot_latency(
    counts: npt.NDArray[np.int64], bin_ms: float, allowed_ms: float, path: Path
) -> None:
    """Draw how many frames of a live stream had which latency.

    Args:
        counts: (n,) int64 frames for each bin.
        bin_ms: a bin's width in ms.
        allowed_ms: the latency that was allowed.
        path: the PNG to write.
    """
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    panel = figure.subplots()
    edges = np.arange(counts.size + 1) * bin_ms
    panel.stairs(counts, edges, fill=True, color="tab:blue")
    panel.axvline(allowed_ms, color="tab:red", linewidth=1, label=f"{allowed_ms:g} ms allowed")
    panel.set_yscale("symlog", linthresh=1)
    panel.set_ylim(bottom=0)
    panel.set_xlim(0, max(edges[-1], 1.1 * allowed_ms))
    panel.set(xlabel="ms from a frame's arrival to its result leaving", ylabel="frames")
    panel.legend()
    panel.grid(alpha=0.3)
    _save(figure, path)
