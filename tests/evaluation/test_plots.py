"""Plots are PNG files that show something."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.plots import (
    VOID_RGB,
    WRONG_RGB,
    EvaluatedFrame,
    error_picture_rgb,
    plot_class_iou,
    plot_confusion,
    plot_curves,
    plot_predicted_confidence,
    plot_schedule_evaluation,
    plot_worst,
)
from vssn.evaluation.results import AdaptivePoint, FrameOrderResult, Point
from vssn.labels import PALETTE_RGB
from vssn.media.images import read_image_bgr
from vssn.types import UInt8Array

NOT_METRICS = ("epoch", "seconds", "validated")
HISTORY = [
    {"epoch": 1.0, "loss": 2.0, "seconds": 3.0},
    {"epoch": 2.0, "loss": 1.0, "val_mean_iou": 0.5, "validated": 1.0, "seconds": 3.0},
    {"epoch": 3.0, "loss": 0.5, "seconds": 3.0},
]


def test_every_metric_has_a_panel(tmp_path: Path) -> None:
    plot_curves(HISTORY, tmp_path / "two.png", NOT_METRICS)
    plot_curves(
        [{k: v for k, v in row.items() if k != "val_mean_iou"} for row in HISTORY],
        tmp_path / "one.png",
        NOT_METRICS,
    )
    two, one = (read_image_bgr(tmp_path / name) for name in ("two.png", "one.png"))
    assert 1.6 < two.shape[1] / one.shape[1] < 2.4
    assert two.min() < 100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_predicted_confidence_is_drawn_over_measured_agreement(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    measured = rng.uniform(60, 100, 50).astype(np.float32)
    plot_predicted_confidence(measured + 1, measured, tmp_path / "a.png")
    plot_predicted_confidence(measured[::-1].copy(), measured, tmp_path / "b.png")
    a, b = (read_image_bgr(tmp_path / name) for name in ("a.png", "b.png"))
    assert a.shape != b.shape or not np.array_equal(a, b)


def has_colour(picture_bgr: UInt8Array, rgb: Sequence[int]) -> bool:
    """Whether more than a few pixels have it."""
    return int((picture_bgr[..., ::-1] == rgb).all(-1).sum()) > 50


def confusion_of(truth: list[int], predicted: list[int]) -> ConfusionMatrix:
    confusion = ConfusionMatrix()
    confusion.add(np.array([truth], np.uint8), np.array([predicted], np.uint8))
    return confusion


def test_confusion_is_drawn_in_percent_of_each_row(tmp_path: Path) -> None:
    # All sky is predicted as tree, and the reverse.
    plot_confusion(confusion_of([0, 0], [5, 5]), tmp_path / "sky.png")
    plot_confusion(confusion_of([0], [5]), tmp_path / "fewer.png")
    plot_confusion(confusion_of([5], [0]), tmp_path / "tree.png")
    sky, fewer, tree = (read_image_bgr(tmp_path / f"{n}.png") for n in ("sky", "fewer", "tree"))
    assert np.array_equal(sky, fewer)
    assert sky.shape != tree.shape or not np.array_equal(sky, tree)
    # Rows without truth are light grey: all but one.
    assert has_colour(sky, (211, 211, 211))


def test_an_empty_matrix_is_drawn_without_a_warning(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_confusion(ConfusionMatrix(), tmp_path / "a.png")
        plot_class_iou(np.full(11, np.nan), float("nan"), tmp_path / "b.png")
    assert len(list(tmp_path.iterdir())) == 2


def test_bars_are_as_long_as_the_iou_in_the_class_colours(tmp_path: Path) -> None:
    iou = np.full(11, 0.5)
    iou[4] = np.nan
    plot_class_iou(iou, 0.5, tmp_path / "a.png")
    iou[8] = 1.0
    plot_class_iou(iou, 0.55, tmp_path / "b.png")
    a, b = (read_image_bgr(tmp_path / name) for name in ("a.png", "b.png"))
    drawn = [index for index in range(11) if has_colour(a, PALETTE_RGB[index])]
    assert drawn == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    car_px = [int((image[..., ::-1] == PALETTE_RGB[8]).all(-1).sum()) for image in (a, b)]
    assert car_px[1] / car_px[0] == pytest.approx(2, rel=0.05)


def evaluated(truth: np.ndarray, labels: np.ndarray) -> EvaluatedFrame:
    image = np.full((*truth.shape, 3), (200, 100, 0), np.uint8)
    return EvaluatedFrame("val/a.png", 0.25, image, truth.astype(np.uint8), labels.astype(np.uint8))


def test_errors_are_red_and_void_is_grey() -> None:
    picture = error_picture_rgb(evaluated(np.array([[3, 3, 11]]), np.array([[3, 5, 5]])))
    right, wrong, void = picture[0].tolist()
    assert (tuple(wrong), tuple(void)) == (WRONG_RGB, VOID_RGB)
    assert right[0] == right[1] == right[2] > VOID_RGB[0] + 50
    assert picture.dtype == np.uint8


def test_each_worst_frame_is_a_row(tmp_path: Path) -> None:
    right = np.full((48, 64), 3)
    plot_worst([evaluated(right, right)], tmp_path / "right.png")
    plot_worst([evaluated(right, right + 2)] * 3, tmp_path / "wrong.png")
    one, three = (read_image_bgr(tmp_path / name) for name in ("right.png", "wrong.png"))
    red_px = [int((image[..., ::-1] == WRONG_RGB).all(-1).sum()) for image in (one, three)]
    assert red_px[0] < 2000 < 100_000 < red_px[1]  # in the legend only
    assert 2 < three.shape[0] / one.shape[0] < 3
    assert has_colour(three, PALETTE_RGB[5])


@pytest.mark.parametrize("name", ["$\\frac$.png", "a\x1b[2J\n.png"])
def test_any_file_name_can_be_a_title(name: str, tmp_path: Path) -> None:
    frame = replace(evaluated(np.full((48, 64), 3), np.full((48, 64), 3)), name=name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot_worst([frame], tmp_path / "w.png")
    assert (tmp_path / "w.png").is_file()


def test_no_figure_stays_open(tmp_path: Path) -> None:
    from matplotlib import pyplot as plt

    before = plt.get_fignums()
    plot_curves(HISTORY, tmp_path / "c.png")
    assert plt.get_fignums() == before


def test_a_plot_that_can_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"plot .*No such file"):
        plot_curves(HISTORY, tmp_path / "missing" / "c.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("count", [1, 3])
def test_each_frame_order_has_its_curves(count: int, tmp_path: Path) -> None:
    adaptive = [
        AdaptivePoint(
            target, target / 2, target / 100, 0.5, agreement, target - 1, target - 2, 1.0, 0.5
        )
        for target, agreement in ((100, float("nan")), (80, 84.0), (60, 70.0))
    ]
    fixed = [Point(interval, 50 / interval, 0.8 / interval) for interval in (1, 2, 5)]
    oracle = [Point(target, target / 4, target / 90) for target in (90, 60)]
    names = ("even", "stop-and-go", "cuts")[:count]
    plot_schedule_evaluation(
        [FrameOrderResult(name, 50, adaptive, fixed, oracle) for name in names], tmp_path / "p.png"
    )
    picture = read_image_bgr(tmp_path / "p.png")
    assert has_colour(picture, (31, 119, 180))  # adaptive
    assert has_colour(picture, (255, 127, 14))  # fixed
    assert has_colour(picture, (128, 128, 128))  # oracle
    half = picture.shape[1] // 2
    last = (214, 39, 40) if count == 3 else (148, 103, 189)  # the others lie beneath
    assert has_colour(picture[len(picture) // 2 :, half:], last)
    assert has_colour(picture[:, half:], (31, 119, 180)) == (count > 1)
