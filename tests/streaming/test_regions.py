"""Regions with their own key frames, and the moving target."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import vssn
from vssn.cli.main import main
from vssn.errors import BadInputError
from vssn.evaluation.statistics import RunStatistics
from vssn.runtime.load import Networks, WeightPaths
from vssn.streaming.assemble import Plan, build_segmenter
from vssn.streaming.confidence import NetworkConfidence
from vssn.streaming.regions import RegionGrid, RegionSegmenter, merge_labels
from vssn.streaming.schedule import DynamicSchedule, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import (
    DVSNET_PROPAGATION,
    Box,
    FlowEstimate,
    FlowMethod,
    FramePath,
    Propagate,
    Propagation,
)

GRID_HW = (20, 30)


class _MadeNetworks:
    """The class is the blue value in tens; a warp repeats the key; change lowers the score."""

    def __init__(self):
        self.shapes = []
        self.compared = []

    def probabilities(self, frame_bgr):
        self.shapes.append(frame_bgr.shape)
        blue = cv2.resize(frame_bgr, GRID_HW[::-1], interpolation=cv2.INTER_NEAREST)[..., 0]
        return np.float32(np.eye(11)[blue // 10])

    def prepare(self, frame_bgr):
        return np.float32(cv2.resize(frame_bgr, (8, 8), interpolation=cv2.INTER_AREA))

    def compare(self, current, reference):
        still = FlowEstimate(np.zeros((5, 5, 2), np.float32), np.ones((5, 5, 11), np.float32))
        self.compared.append((current[..., 0].mean(), reference[..., 0].mean()))
        return _comparison(np.abs(current - reference).max(), still)

    def predicted_confidence(self, feature):
        return 100 - float(feature)


def _comparison(feature, estimate=None):
    return SimpleNamespace(feature=feature, estimate=lambda: estimate, residual=lambda: None)


def _networks():
    made = _MadeNetworks()
    return Networks(made, made, made, "made")


def _frame(left, right, hw=(80, 120)):
    frame = np.full((*hw, 3), left * 10, np.uint8)
    frame[:, hw[1] // 2 :] = right * 10
    return frame


def _regions(
    grid, target=95.0, schedule=TargetSchedule, networks=None, propagation=DVSNET_PROPAGATION
):
    plan = Plan(propagation, lambda estimator: schedule(estimator, target), grid)
    return build_segmenter(networks or _networks(), plan)


def test_2x2_regions_reach_64_px_over_the_middle():
    assert RegionGrid.parse("2x2", 64).boxes((360, 480)) == [
        Box(0, 0, 304, 244),
        Box(176, 0, 480, 244),
        Box(0, 116, 304, 360),
        Box(176, 116, 480, 360),
    ]


@pytest.mark.parametrize("hw", [(360, 480), (1080, 1920), (37, 53), (4, 4)])
@pytest.mark.parametrize("grid", [RegionGrid(2, 2), RegionGrid(3, 1, 8), RegionGrid(1, 4, 0)])
def test_regions_cover_any_frame_and_stay_inside(hw, grid):
    covered = np.zeros(hw, int)
    for box in grid.boxes(hw):
        assert 0 <= box.left < box.right <= hw[1]
        assert 0 <= box.top < box.bottom <= hw[0]
        covered[box.top : box.bottom, box.left : box.right] += 1
    assert covered.min() == 1 or grid.overlap_px >= max(hw)
    assert grid.overlap_px or covered.max() == 1


@pytest.mark.parametrize("text", ["2", "2x", "2*2", "-1x2", "0x2", "2x2x2", "x", "²x2"])
def test_words_that_are_no_grid_are_refused(text):
    with pytest.raises(BadInputError, match="regions="):
        RegionGrid.parse(text)


@pytest.mark.parametrize("overlap", [-8, 4, 63])
def test_an_overlap_that_is_no_multiple_of_8_is_refused(overlap):
    with pytest.raises(BadInputError, match=f"overlap={overlap}: .*multiple of 8"):
        RegionGrid.parse("2x2", overlap)


def test_more_regions_than_px_are_refused():
    with pytest.raises(BadInputError, match="regions='4x2' for a frame of 9x3 px"):
        RegionGrid(4, 2).boxes((3, 9))


def test_the_larger_class_score_wins_where_regions_overlap():
    hw, boxes = (4, 10), [Box(0, 0, 6, 4), Box(4, 0, 10, 4)]
    first, second = np.zeros((4, 6, 3), np.float32), np.zeros((4, 6, 3), np.float32)
    first[..., 1] = 0.5
    second[..., 2] = 0.5
    second[1, :, 2] = 0.6
    second[2, :, 2] = 0.4
    labels = merge_labels([first, second], boxes, hw)
    expected = np.full(hw, 1)
    expected[:, 6:] = 2
    expected[1, 4:6] = 2
    np.testing.assert_array_equal(labels, expected)


def test_scores_are_enlarged_to_their_region():
    labels = merge_labels([np.float32(np.eye(2)[[[0, 1]]])], [Box(0, 0, 40, 20)], (20, 40))
    assert (labels[:, :20] == 0).all()
    assert (labels[:, 20:] == 1).all()


def test_one_region_is_the_whole_frame():
    frames = [_frame(1, 2), _frame(1, 2), _frame(3, 2)]
    whole = _regions(None)
    one = _regions(RegionGrid(1, 1, 64))
    assert isinstance(whole, AdaptiveSegmenter)
    for plain, split in zip(whole.stream(frames), one.stream(frames), strict=True):
        np.testing.assert_array_equal(plain.labels, split.labels)
        assert (plain.index, plain.path) == (split.index, split.path)
        assert (plain.predicted_confidence, plain.key_distance) == (
            split.predicted_confidence,
            split.key_distance,
        )
        assert plain.seconds.keys() == split.seconds.keys()


def test_each_region_decides_for_itself():
    segmenter = _regions(RegionGrid(1, 2, 8))
    statistics = RunStatistics()
    results = list(segmenter.stream([_frame(1, 2), _frame(1, 2), _frame(1, 7), _frame(1, 7)]))
    for result in results:
        statistics.add(result)
    segment, warp = FramePath.SEGMENT, FramePath.WARP
    # The left region sees 8 px of the right part; so both are segmented when that changes.
    assert [r.region_paths for r in results] == [
        (segment, segment),
        (warp, warp),
        (segment, segment),
        (warp, warp),
    ]
    assert (statistics.frames, statistics.segmentation_steps, statistics.flow_steps) == (4, 4, 4)
    assert [r.path for r in results] == [segment, warp, segment, warp]


def test_a_region_keeps_its_key_frame_while_another_is_segmented():
    segmenter = _regions(RegionGrid(1, 2, 0))
    results = list(segmenter.stream([_frame(1, 2), _frame(1, 7), _frame(1, 7)]))
    assert results[1].region_paths == (FramePath.WARP, FramePath.SEGMENT)
    assert results[1].path is FramePath.SEGMENT
    assert results[1].predicted_confidence == 50  # the lowest
    assert (results[1].segmentation_steps, results[1].flow_steps) == (1, 1)
    assert results[2].region_paths == (FramePath.WARP, FramePath.WARP)
    assert results[2].key_distance == 2  # the left region's
    assert (results[2].labels[:, :55] == 1).all()
    assert (results[2].labels[:, 65:] == 7).all()


@pytest.mark.parametrize("propagate", Propagate)
@pytest.mark.parametrize("flow", FlowMethod)
def test_regions_carry_from_references_of_their_own(flow, propagate):
    networks = _networks()
    propagation = Propagation(flow, propagate)
    segmenter = _regions(RegionGrid(1, 2, 0), 0.0, networks=networks, propagation=propagation)
    results = list(segmenter.stream([_frame(1, 2), _frame(3, 4), _frame(5, 6)]))
    compared = [tuple(round(float(mean)) for mean in pair) for pair in networks.flow.compared]
    last = (30, 40) if propagate is Propagate.CHAIN else (10, 20)
    assert compared == [(30, 10), (40, 20), (50, last[0]), (60, last[1])]
    assert [result.key_distance for result in results] == [0, 1, 2]
    assert (results[2].labels[:, :55] == 1).all()
    assert (results[2].labels[:, 65:] == 2).all()


def test_reset_segments_every_region_again():
    segmenter = _regions(RegionGrid(2, 2, 8))
    frame = _frame(4, 5)
    assert [segmenter.step(frame).segmentation_steps for _ in range(2)] == [4, 0]
    segmenter.reset()
    result = segmenter.step(frame)
    assert (result.index, result.segmentation_steps) == (0, 4)


def test_networks_see_the_regions_only():
    networks = _networks()
    _regions(RegionGrid(2, 2, 8), networks=networks).step(_frame(1, 2, (81, 121)))
    assert networks.segmentation.shapes == [
        (48, 68, 3),
        (48, 69, 3),
        (49, 68, 3),
        (49, 69, 3),
    ]


def test_the_moving_target_falls_by_1_and_rises_by_a_tenth():
    asked = SimpleNamespace(predicted_confidence=lambda feature: 78.5)
    schedule = DynamicSchedule(NetworkConfidence(asked), 80)
    taken = [schedule.decide(_comparison(None), 1).segment for _ in range(14)]
    # 80 and 79 are above the score; from 78 it takes six steps up.
    assert taken == [True, True, *[False] * 6, True, *[False] * 5]


def test_each_region_has_its_own_target():
    segmenter = _regions(RegionGrid(1, 2, 0), 50.5, schedule=DynamicSchedule)
    changing = [_frame(1, k) for k in (0, 5, 0, 5)]
    paths = [result.region_paths[1] for result in segmenter.stream(changing)]
    # Its score is 50: below 50.5 at first, above 49.5 then; the left region never counts.
    assert paths == [FramePath.SEGMENT, FramePath.SEGMENT, FramePath.WARP, FramePath.WARP]


def test_load_segmenter_takes_the_options(monkeypatch):
    monkeypatch.setattr(WeightPaths, "locate", classmethod(lambda *_: None))
    monkeypatch.setattr("vssn.runtime.load.load_networks", lambda *_, **__: _networks())
    segmenter = vssn.load_segmenter(
        target=50.5, flow="flownets", regions="2x2", overlap=8, dynamic=True
    )
    assert isinstance(segmenter, RegionSegmenter)
    changing = [_frame(1, k) for k in (0, 5, 0)]
    # The right regions' targets fall below their score, 50; the left ones see less of the change.
    assert [r.flow_steps for r in segmenter.stream(changing)] == [0, 2, 4]


@pytest.fixture
def still_data_set(tmp_path, monkeypatch):
    """Three equal frames, and commands that get made networks."""
    monkeypatch.setattr(WeightPaths, "locate", classmethod(lambda *_: SimpleNamespace(sha256=dict)))
    monkeypatch.setattr("vssn.runtime.load.load_networks", lambda *_, **__: _networks())
    cv2.imwrite(str(tmp_path / "f.png"), _frame(1, 2))
    cv2.imwrite(str(tmp_path / "l.png"), np.zeros((80, 120), np.uint8))
    (tmp_path / "list.txt").write_text("f.png f.png l.png\n" * 3)
    data = ["--data_dir", str(tmp_path), "--data_list", str(tmp_path / "list.txt")]
    return [*data, "--flow", "flownets"]


@pytest.mark.parametrize(("flags", "segmented"), [([], 12), (["--dynamic"], 8)])
def test_infer_counts_regions(still_data_set, capsys, flags, segmented):
    # At 100 every frame is segmented; a moving target has fallen below the confidence by the third.
    flags = [*flags, "--target", "100", "--regions", "2x2", "--overlap", "8"]
    assert main(["infer", *still_data_set, *flags, "--save_dir", "none", "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert f"Segmentation steps: {segmented}\n" in printed
    assert f"Flow steps: {12 - segmented}\n" in printed


@pytest.mark.parametrize("command", ["infer", "video"])
def test_bad_regions_are_told_before_anything_is_read(command, capsys):
    missing = {"infer": "--data_list", "video": "--video_file"}[command]
    assert main([command, missing, "missing", "--regions", "2x2", "--overlap", "9"]) == 2
    assert capsys.readouterr().err.startswith("error: --overlap 9: expected 0 or a multiple of 8")
