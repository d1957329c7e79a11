"""Which candidates are the best of their speed, and what a user is told to pass."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vssn.config import PROFILES, SegmenterConfig
from vssn.errors import MediaError
from vssn.evaluation.bench import PRECISIONS, Candidate, Measurement
from vssn.evaluation.measured_front import (
    MEASURED_FRONT,
    MeasuredFront,
    MeasuredPoint,
    candidate_flags,
)
from vssn.models.architectures import ARCHITECTURES, SEGMENTER_NAMES
from vssn.networks import Precision

HEAVY, LIGHT = (each.option for each in ARCHITECTURES)


def measured(
    segmenter: str, target: float, fps: float, segmented: int, precision: Precision = "int8"
) -> Measurement:
    return Measurement(
        Candidate(segmenter, precision, target),
        100,
        segmented,
        fps,
        40.0,
        5.0 if segmented else None,
    )


def point(segmenter: str, target: float, camvid: float, cityscapes: float) -> MeasuredPoint:
    return MeasuredPoint(segmenter, "int8", target, camvid, cityscapes)


SLOW = measured(HEAVY, 100, 15, 100)
MIDDLE = measured(HEAVY, 95, 30, 25)
QUICK = measured(LIGHT, 95, 60, 25)
BEATEN = measured(LIGHT, 100, 28, 100)
ALL = [SLOW, MIDDLE, QUICK, BEATEN]
FRONT = MeasuredFront(
    [
        point(HEAVY, 100, 0.77, 0.63),
        point(HEAVY, 95, 0.74, 0.60),
        point(LIGHT, 100, 0.70, 0.60),
        point(LIGHT, 95, 0.68, 0.60),
    ]
)


def test_the_front_is_what_no_other_beats_in_both() -> None:
    assert FRONT.optimal(ALL) == [QUICK, MIDDLE, SLOW]


@pytest.mark.parametrize(
    ("fps", "expected"), [(10, SLOW), (15, SLOW), (25, MIDDLE), (31, QUICK), (100, QUICK)]
)
def test_the_most_accurate_that_is_fast_enough_is_recommended(
    fps: float, expected: Measurement
) -> None:
    assert FRONT.recommended(ALL, fps) == expected


def test_both_sources_count_alike() -> None:
    # Better on one, as bad on the other: the sum decides, and then the speed.
    front = MeasuredFront([point(HEAVY, 95, 0.70, 0.50), point(LIGHT, 95, 0.60, 0.61)])
    assert front.optimal([MIDDLE, QUICK]) == [QUICK]


def test_without_accuracy_the_share_of_segmented_frames_decides() -> None:
    assert MeasuredFront().optimal(ALL) == [QUICK, BEATEN]
    assert MeasuredFront().recommended(ALL, 25) == BEATEN


def test_what_was_not_measured_comes_last() -> None:
    front = MeasuredFront([point(LIGHT, 95, 0.3, 0.3)])
    assert front.optimal(ALL) == [QUICK]
    assert front.recommended(ALL, 10) == QUICK
    assert front.of(SLOW.candidate) is None
    # Another precision is another candidate.
    assert front.of(Candidate(LIGHT, "bf16", 95)) is None


@pytest.mark.parametrize("name", ["balanced", "fast"])  # the other has two scales
def test_a_profiles_own_settings_are_its_name(name: str) -> None:
    settings = PROFILES[name]
    candidate = Candidate(settings["segmenter"], "int8", settings["target"])
    flags = candidate_flags(candidate, {settings["segmenter"]: "int8"})
    assert flags == ["--profile", name]
    chosen = SegmenterConfig().changed({"profile": name})
    assert (chosen.segmenter, chosen.target) == (candidate.segmenter, candidate.target)


def test_a_network_at_one_scale_is_no_profile_of_two() -> None:
    accurate = PROFILES["accurate"]
    candidate = Candidate(accurate["segmenter"], "int8", accurate["target"])
    assert candidate_flags(candidate, {accurate["segmenter"]: "int8"}) == [
        *("--segmenter", accurate["segmenter"], "--target", f"{accurate['target']:g}"),
    ]


def test_other_settings_are_flags() -> None:
    automatic: dict[str, Precision] = {HEAVY: "int8", LIGHT: "bf16"}
    assert candidate_flags(Candidate(LIGHT, "bf16", 61.5), automatic) == [
        *("--segmenter", LIGHT, "--target", "61.5"),
    ]
    assert candidate_flags(Candidate(HEAVY, "f32", 61, 3), automatic) == [
        *("--segmenter", HEAVY, "--precision", "f32", "--target", "61", "--threads", "3"),
    ]
    target = PROFILES["fast"]["target"]
    assert candidate_flags(Candidate(LIGHT, "f32", target), automatic) == [
        *("--profile", "fast", "--precision", "f32"),
    ]


def test_the_shipped_file_names_candidates_that_there_are() -> None:
    front = MeasuredFront.read()
    content = json.loads(MEASURED_FRONT.read_text())
    for each in content:
        assert each["segmenter"] in SEGMENTER_NAMES
        assert each["precision"] in PRECISIONS
        candidate = Candidate(each["segmenter"], each["precision"], each["target"])
        found = front.of(candidate)
        assert found is not None
        assert found.camvid_mean_iou == each["camvid_mean_iou"]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "front.json"
    good = {"segmenter": LIGHT, "precision": "int8", "target": 95, "camvid_mean_iou": 0.7}
    for content, words in (
        ({}, "no list"),
        ([good], "lacks 'cityscapes_mean_iou'"),
        ([{**good, "cityscapes_mean_iou": 7}], "not from 0 to 1"),
    ):
        path.write_text(json.dumps(content))
        with pytest.raises(MediaError, match=words):
            MeasuredFront.read(path)
    path.write_text(json.dumps([{**good, "cityscapes_mean_iou": 0.5}]))
    found = MeasuredFront.read(path).of(Candidate(LIGHT, "int8", 95))
    assert found is not None
    assert found.mean_iou == pytest.approx(0.6)
