"""What commands print and write beside their results: progress, epochs, the summary."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vssn.errors import MediaError
from vssn.files import check_writable, is_dir, is_special, make_directory, write_text
from vssn.json_files import read_json
from vssn.training.progress import (
    LOG_FILE,
    MAX_LOG_BYTES,
    NOT_CURVES,
    Metrics,
    Progress,
    TrainingLog,
)


def check_summary(path: Path | None) -> None:
    """Find out before the work, not after it, that the summary can't be written.

    Raises:
        MediaError: its folder can't be written to, or it is a folder itself.
    """
    if path is None:
        return
    if is_special(path):
        return
    if is_dir(path):
        raise MediaError(f"--summary '{path}'", "a file name", "name a file in that folder")
    check_writable(path.parent)


def write_summary(path: Path | None, summary: dict[str, Any]) -> None:
    """Write the figures as JSON, atomically."""
    if path is not None:
        if not is_special(path):
            make_directory(path.parent)
        write_text(path, json.dumps(summary, indent=2, allow_nan=False) + "\n", "summary")


def progress(items: Iterable[Any], total: int | None, quiet: bool, unit: str = "frame") -> Any:
    """A progress bar on a terminal, and nothing anywhere else."""
    return tqdm(items, total=total, unit=unit, disable=True if quiet else None, file=sys.stderr)


def print_epochs(epochs: Iterable[Metrics], directory: Path, total: int) -> None:
    """Print each epoch's metrics as it ends, and draw the curves at the end."""
    for metrics in epochs:
        shown = {name: value for name, value in metrics.items() if name not in NOT_CURVES}
        values = ", ".join(f"{name} {value:.4f}" for name, value in shown.items())
        print(f"epoch {metrics['epoch']}/{total}: {values}", flush=True)
    finish_training(directory)


def finish_training(directory: Path) -> None:
    """Draw the curves of a training's log beside it."""
    from vssn.evaluation.plots import plot_curves

    log = read_json(directory / LOG_FILE, TrainingLog, "training log", max_bytes=MAX_LOG_BYTES)
    plot_curves(log.epochs, directory / "training_curves.png", NOT_CURVES)


def training_reporter(quiet: bool) -> Callable[[Progress], None]:
    """A callback that shows the steps of a training with the time left."""
    bar = tqdm(disable=True if quiet else None, unit="step", file=sys.stderr)

    def report(progress: Progress) -> None:
        bar.total = progress.steps
        bar.n = progress.step
        minutes = progress.seconds_left / 60
        values = " ".join(f"{name} {value:.3f}" for name, value in progress.metrics.items())
        bar.set_description(f"epoch {progress.epoch + 1}/{progress.epochs}", refresh=False)
        bar.set_postfix_str(f"{values}, {minutes:.0f} min left")

    return report
