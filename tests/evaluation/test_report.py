"""The report keeps the worst frames, tells each frame's figure, and is whole or absent."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vssn.data.dataset import DatasetFrame
from vssn.errors import BadInputError, MediaError
from vssn.evaluation import report as module
from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.plots import EvaluatedFrame
from vssn.evaluation.report import Report
from vssn.evaluation.temporal_consistency import TemporalConsistency
from vssn.types import FramePath, FrameResult, TimedFrame, UInt8Array

HW = (10, 10)
FILES = {"confusion.png", "class_iou.png", "worst.png", "report.json"}
IMAGE = np.zeros((*HW, 3), np.uint8)


def frames(*names: str, label: Path | None = Path("l.png")) -> list[DatasetFrame]:
    return [DatasetFrame(name, Path(name), label) for name in names]


def right_in(percent: int) -> tuple[UInt8Array, UInt8Array]:
    """Truth of one class and labels that have it in so many pixels, and elsewhere another."""
    labels = np.full(HW, 5, np.uint8)
    labels.flat[:percent] = 3
    return np.full(HW, 3, np.uint8), labels


class Run:
    """A report and an evaluation of the same frames."""

    def __init__(self, directory: Path, *names: str, keep: int = 6) -> None:
        self.report = Report(directory, frames(*names), keep)
        self.evaluation = DatasetEvaluation()

    def add(self, index: int, truth: UInt8Array, labels: UInt8Array) -> None:
        result = FrameResult(index, labels, FramePath.WARP, None, 0)
        self.report.write(TimedFrame(index, Fraction(index), IMAGE, truth), result)
        self.evaluation.add(result, truth)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[EvaluatedFrame]:
    """The frames that are given to be drawn as the worst."""
    drawn: list[EvaluatedFrame] = []
    monkeypatch.setattr(module, "plot_worst", lambda worst, path: drawn.extend(worst))
    return drawn


def test_the_worst_are_shown_and_no_other_picture_is_kept(
    tmp_path: Path, shown: list[EvaluatedFrame]
) -> None:
    percents = [90, 20, 70, 40, 10, 80]
    run = Run(tmp_path, *(f"{percent}.png" for percent in percents), keep=3)
    for index, percent in enumerate(percents):
        run.add(index, *right_in(percent))
        assert len(run.report._worst) <= 3
    run.report.save(run.evaluation)
    assert [frame.name for frame in shown] == ["10.png", "20.png", "40.png"]
    # Class 3 has that IoU, class 5 none.
    assert [frame.mean_iou for frame in shown] == [0.05, 0.1, 0.2]


def test_of_a_frame_that_comes_again_the_worst_turn_counts(
    tmp_path: Path, shown: list[EvaluatedFrame]
) -> None:
    run = Run(tmp_path, "a.png", "a.png", "a.png", "b.png")
    for index, percent in enumerate((60, 20, 90, 40)):
        run.add(index, *right_in(percent))
    run.report.save(run.evaluation)
    assert [(frame.name, frame.mean_iou) for frame in shown] == [("a.png", 0.1), ("b.png", 0.2)]
    assert run.report.frame_mean_iou == {"a.png": 0.1, "b.png": 0.2}


def test_frame_and_truth_are_shown_at_the_labels_size(
    tmp_path: Path, shown: list[EvaluatedFrame]
) -> None:
    run = Run(tmp_path, "a.png")
    run.add(0, np.full((10, 10), 3, np.uint8), np.full((4, 6), 3, np.uint8))
    run.report.save(run.evaluation)
    assert shown[0].image_bgr.shape == (4, 6, 3)
    assert shown[0].truth.shape == (4, 6)


def read_report(directory: Path) -> dict[str, Any]:
    text = (directory / "report.json").read_text()
    return json.loads(text, parse_constant=lambda name: pytest.fail(name))  # type: ignore[no-any-return]


def test_everything_is_written_and_the_figures_are_strict_json(tmp_path: Path) -> None:
    run = Run(tmp_path / "new/report", "f1.png", "f2.png", "f3.png", "f4.png")
    truth, labels = right_in(50)
    run.add(0, truth, labels)
    run.add(1, np.full(HW, 11, np.uint8), labels)
    unlabelled = FrameResult(2, truth, FramePath.WARP, None, 0)
    run.report.write(TimedFrame(2, Fraction(2), IMAGE), unlabelled)
    run.add(3, truth, truth)
    run.report.save(run.evaluation)
    assert {path.name for path in (tmp_path / "new/report").iterdir()} == FILES
    report = read_report(tmp_path / "new/report")
    assert report["frame_mean_iou"] == {"f1.png": 0.25, "f2.png": None, "f4.png": 1.0}
    assert report["confusion"]["pixels"] == run.evaluation.total.counts.tolist()
    assert report["confusion"]["classes"][3] == "road"
    assert report["mean_iou"] == run.evaluation.total.mean_iou()
    assert report["class_iou"]["sky"] is None
    # Of three pairs one half of one changed.
    assert report["unchanged_labels_percent"] == pytest.approx(100 * 2.5 / 3)
    assert run.report.lines()[0].endswith("83.33 % of pixels, 3 pairs")


def test_a_run_without_labels_is_refused_before_it_starts(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"report=.*2 frames without a label.*num_steps"):
        Report(tmp_path, frames("a.png", "b.png", label=None))


def test_labels_that_are_all_void_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    run = Run(tmp_path / "report", "a.png")
    run.add(0, np.full(HW, 11, np.uint8), np.zeros(HW, np.uint8))
    with pytest.raises(BadInputError, match="void everywhere"):
        run.report.save(run.evaluation)
    assert not (tmp_path / "report").exists()


def test_a_place_that_can_not_be_written_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="output directory"):
        Report(tmp_path / "file/report", frames("a.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_can_not_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "confusion.png").mkdir()
    run = Run(tmp_path, "a.png")
    run.add(0, *right_in(50))
    with pytest.raises(MediaError, match=r"plot .*Is a directory"):
        run.report.save(run.evaluation)
    assert [path.name for path in tmp_path.iterdir()] == ["confusion.png"]


def test_a_frames_figure_is_the_metrics(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth, labels = (rng.integers(0, top, HW).astype(np.uint8) for top in (12, 11))
    run, confusion = Run(tmp_path, "a.png"), ConfusionMatrix()
    run.add(0, truth, labels)
    confusion.add(truth, labels)
    assert run.report.frame_mean_iou == {"a.png": confusion.mean_iou()}


@pytest.mark.parametrize(
    ("before", "name", "compared"),
    [
        ("a/f_007.png", "a/f_008.png", True),
        ("0016E5_07959.png", "0016E5_07961.png", True),
        ("f_9.png", "f_10.png", True),
        ("f_008.png", "f_007.png", False),
        ("f_007.png", "f_007.png", False),
        ("a/f_007.png", "b/f_008.png", False),
        ("0006R0_f00930.png", "0016E5_07959.png", False),
        ("f_007.png", "f_008.jpg", False),
        ("left.png", "right.png", False),
        ("same.png", "same.png", False),
    ],
)
def test_only_frames_that_follow_each_other_are_compared(
    before: str, name: str, compared: bool
) -> None:
    temporal_consistency = TemporalConsistency()
    for each in (before, name):
        temporal_consistency.add(each, np.zeros(HW, np.uint8))
    assert temporal_consistency.pairs == compared
    assert (
        temporal_consistency.percent == 100 if compared else np.isnan(temporal_consistency.percent)
    )


def test_frames_of_two_sizes_are_not_compared() -> None:
    temporal_consistency = TemporalConsistency()
    for number, size in enumerate(((10, 10), (10, 12), (10, 12))):
        temporal_consistency.add(f"{number}.png", np.zeros(size, np.uint8))
    assert temporal_consistency.pairs == 1
