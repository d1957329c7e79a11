"""The list's frames, their labels, and the scores by distance from the key frame."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from vssn.data.dataset import dataset_frames, iter_frames
from vssn.data.lists import ListEntry
from vssn.errors import MediaError
from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.labels import CLASS_NAMES
from vssn.original.frames import second_column_frames
from vssn.streaming.schedule import FixedInterval
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, FrameResult, UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

Paint = Callable[[np.ndarray], UInt8Array]


@pytest.fixture
def data_dir(tmp_path: Path, paint: Paint) -> Path:
    """Five frames 64x48 px of one class each, 0 to 4; frames 2 and 4 have a label."""
    for folder in ("val", "valannot"):
        (tmp_path / folder).mkdir()
    for number in range(5):
        label = np.full((48, 64), number, np.uint8)
        cv2.imwrite(str(tmp_path / f"val/{number}.png"), paint(label))
        if number in (2, 4):
            cv2.imwrite(str(tmp_path / f"valannot/{number}.png"), label)
    return tmp_path


ENTRIES = [
    ListEntry(f"val/{number}.png", f"val/{labelled}.png", f"valannot/{labelled}.png")
    for number, labelled in ((0, 2), (1, 2), (2, 2), (3, 4), (4, 4))
]


def test_the_first_column_is_streamed_and_labelled_frames_bring_their_label(
    data_dir: Path, paint: Paint
) -> None:
    read = list(iter_frames(dataset_frames(data_dir, ENTRIES)))
    assert len(read) == 5
    for number, frame in enumerate(read):
        truth = frame.truth
        assert np.array_equal(frame.frame_bgr, paint(np.full((48, 64), number)))
        if number in (2, 4):
            assert truth is not None
            assert (truth == number).all()
        else:
            assert truth is None


def test_frames_are_called_as_in_the_list(data_dir: Path) -> None:
    frames = dataset_frames(data_dir, ENTRIES[1:3])
    assert [frame.name for frame in frames] == ["val/1.png", "val/2.png"]
    frames = second_column_frames(data_dir, ENTRIES[1:4])
    assert [frame.name for frame in frames] == ["val/2.png", "val/2.png", "val/4.png"]


def test_a_label_that_scores_nothing_need_not_exist(data_dir: Path) -> None:
    (data_dir / "valannot/2.png").unlink()
    assert len(dataset_frames(data_dir, ENTRIES[:2])) == 2
    with pytest.raises(MediaError, match=r"valannot/2\.png.*existing file"):
        dataset_frames(data_dir, ENTRIES)


def test_a_missing_or_outside_file_is_named_before_anything_is_read(data_dir: Path) -> None:
    (data_dir / "val/3.png").unlink()
    with pytest.raises(MediaError, match=r"val/3\.png.*existing file"):
        dataset_frames(data_dir, ENTRIES)
    with pytest.raises(MediaError, match="outside of the data directory"):
        dataset_frames(data_dir / "val", [ListEntry("../valannot/4.png", "x", "x")])


def test_frames_are_read_one_by_one(data_dir: Path) -> None:
    frames = iter_frames(dataset_frames(data_dir, ENTRIES))
    next(frames)
    (data_dir / "val/1.png").write_bytes(b"no image")
    with pytest.raises(MediaError, match=r"val/1\.png"):
        next(frames)


def test_a_chunk_begins_after_so_many_frames(data_dir: Path) -> None:
    entries = [ListEntry(f"val/{number}.png", "", "") for number in range(5)]
    frames = dataset_frames(data_dir, entries)
    starts = [frame.starts_chunk for frame in iter_frames(frames, chunk_s=2)]
    assert starts == [False, False, True, False, True]


def test_a_stream_is_scored_by_distance_from_the_key_frame(
    data_dir: Path, fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> None:
    segmenter = AdaptiveSegmenter(fake_segmentation, fake_flow, FixedInterval(4))
    evaluation = DatasetEvaluation()
    for frame in iter_frames(dataset_frames(data_dir, ENTRIES)):
        result = segmenter.step(frame.frame_bgr)
        if frame.truth is not None:
            evaluation.add(result, frame.truth)
    # Frame 2 is still called 0, frame 4 is a key frame and right.
    summary = evaluation.summary()
    assert summary["mean_iou_by_key_distance"] == {"0": 1.0, "2": 0.0}
    assert summary["mean_iou"] == pytest.approx(1 / 3)
    assert summary["frequency_weighted_iou"] == pytest.approx(0.5)
    assert list(summary["class_iou"]) == list(CLASS_NAMES)
    assert (summary["class_iou"]["sky"], summary["class_iou"]["pavement"]) == (0.0, 1.0)
    assert summary["class_iou"]["car"] is None


def _result(labels: np.ndarray, distance: int) -> FrameResult:
    return FrameResult(0, labels, FramePath.WARP, None, distance)


def test_distances_are_sorted_as_numbers_and_the_summary_is_strict_json() -> None:
    truth = np.zeros((4, 4), np.uint8)
    evaluation = DatasetEvaluation()
    for distance in (10, 2, 0):
        evaluation.add(_result(truth, distance), truth)
    text = json.dumps(evaluation.summary(), allow_nan=False)
    assert list(json.loads(text)["mean_iou_by_key_distance"]) == ["0", "2", "10"]


def test_lines_name_every_figure() -> None:
    truth = np.zeros((4, 4), np.uint8)
    evaluation = DatasetEvaluation()
    evaluation.add(_result(truth, 3), truth)
    lines = evaluation.lines()
    assert lines[:3] == ["Frequency-weighted IoU: 1.0000", "Mean IoU: 1.0000", "Class-wise IoU:"]
    assert [line.split()[0] for line in lines[3:14]] == list(CLASS_NAMES)
    assert lines[3].split() == ["sky", "1.0000"]
    assert lines[-1].split() == ["3", "1.0000"]


def test_no_labelled_frame_is_said_and_is_null() -> None:
    evaluation = DatasetEvaluation()
    assert evaluation.lines() == ["No labelled frame was reached: no IoU"]
    assert evaluation.summary()["mean_iou"] is None
    assert math.isnan(evaluation.total.mean_iou())
