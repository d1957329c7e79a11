"""Plots are PNG files that show something."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vssn.evaluation.plots import plot_curves, plot_scores
from vssn.media.images import read_image_bgr

HISTORY = [
    {"epoch": 1.0, "loss": 2.0, "seconds": 3.0},
    {"epoch": 2.0, "loss": 1.0, "val_mean_iou": 0.5, "validated": 1.0, "seconds": 3.0},
    {"epoch": 3.0, "loss": 0.5, "seconds": 3.0},
]


def test_every_metric_has_its_panel(tmp_path: Path) -> None:
    plot_curves(HISTORY, tmp_path / "two.png")
    plot_curves(
        [{k: v for k, v in row.items() if k != "val_mean_iou"} for row in HISTORY],
        tmp_path / "one.png",
    )
    two, one = (read_image_bgr(tmp_path / name) for name in ("two.png", "one.png"))
    assert 1.6 < two.shape[1] / one.shape[1] < 2.4
    assert two.min() < 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_predicted_and_true_scores_are_drawn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(60, 100, 50).astype(np.float32)
    plot_scores(true + 1, true, tmp_path / "a.png")
    plot_scores(true[::-1].copy(), true, tmp_path / "b.png")
    a, b = (read_image_bgr(tmp_path / name) for name in ("a.png", "b.png"))
    assert a.shape != b.shape or not np.array_equal(a, b)


def test_no_figure_stays_open(tmp_path: Path) -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    plot_curves(HISTORY, tmp_path / "c.png")
    assert plt.get_fignums() == before


def test_nothing_is_left_where_a_plot_can_not_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        plot_curves(HISTORY, tmp_path / "missing" / "c.png")
    assert list(tmp_path.iterdir()) == []
