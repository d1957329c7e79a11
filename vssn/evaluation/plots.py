"""Pictures of trainings and results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from vssn.datatypes import Float32Array
from vssn.files import atomic_path
from vssn.training.progress import NOT_CURVES


def _save(figure: Figure, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, bbox_inches="tight")


def plot_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw every metric of a training over its epochs, each in a panel of its own.

    Args:
        history: metrics by name, one row per epoch; see :func:`vssn.training.loop.train`.
        path: the PNG to write.
    """
    names = [k for k in dict.fromkeys(k for row in history for k in row) if k not in NOT_CURVES]
    figure = Figure(figsize=(4 * len(names), 3.2), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)
    for panel, name in zip(panels[0], names, strict=True):
        rows = [row for row in history if name in row]
        panel.plot([row["epoch"] for row in rows], [row[name] for row in rows], marker=".")
        panel.set(title=name.replace("_", " "), xlabel="epoch")
        panel.grid(alpha=0.3)
    _save(figure, path)


def plot_scores(predicted: Float32Array, true: Float32Array, path: Path) -> None:
    """Draw predicted over true scores, both (N,) in 0-100, as PNG."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    panel = figure.subplots()
    panel.plot(true, predicted, ".", markersize=3, alpha=0.4)
    low = float(min(true.min(), predicted.min()))
    panel.plot([low, 100], [low, 100], color="black", linewidth=0.8)
    panel.set(xlabel="true score", ylabel="predicted score", aspect="equal")
    panel.grid(alpha=0.3)
    _save(figure, path)
