"""The preset ``original``, against an independent statement of each of the original's rules."""

from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import reference_original as reference

from vssn.cli.main import main
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.original.masks import original_mask_bgr
from vssn.original.metrics import OriginalConfusionMatrix, OriginalStatistics
from vssn.original.preprocess import (
    original_flow_input_bgr,
    original_flow_input_rgb,
    resize_bilinear_tf1,
    resize_nearest_tf1,
)
from vssn.original.preset import PRESETS, VIDEO_PRESETS
from vssn.original.warp import warp_probabilities_coarse
from vssn.preprocess import segnet_input
from vssn.runtime.load import Networks, WeightPaths
from vssn.streaming.assemble import Plan, build_estimator, build_segmenter
from vssn.training.features import FramePair, PairEvaluator
from vssn.types import DVSNET_PROPAGATION, FlowEstimate, FramePath, FrameResult

ORIGINAL = PRESETS["original"]
TARGET = 80.0


def _rng():
    return np.random.default_rng(7)


def _frame(seed, hw=(90, 120)):
    """Smooth colours that move a little with the seed."""
    noise = np.random.default_rng(3).uniform(0, 255, (9, 14, 3)).astype(np.float32)
    wide = cv2.resize(noise, (hw[1] * 2, hw[0] * 2), interpolation=cv2.INTER_CUBIC)
    shift = 2 * seed
    return np.clip(wide[shift : shift + hw[0], shift : shift + hw[1]], 0, 255).astype(np.uint8)


# Made networks: plain functions of the pixels, each channel counting differently.


def _segnet(view):
    mix = _rng().normal(size=(3, 12)).astype(np.float32) / 40
    probabilities = np.exp(np.asarray(view[::2, ::2], np.float32) @ mix)
    return probabilities / probabilities.sum(axis=-1, keepdims=True)


def _flow(current, key):
    mix = _rng().normal(size=(3, 21)).astype(np.float32)
    here, there = current[1::4, 2::4], key[1::4, 2::4]
    flow = (here @ mix[:, :2] - there @ mix[:, 2:4]) * 6
    scale = 1 + 0.4 * np.sin(here @ mix[:, 2:] * 3)
    feature = np.full((4, 5, 384), np.abs(current - key).mean(), np.float32)
    return flow, scale, feature


def _decision(feature):
    return 100 - 125 * float(feature[0, 0, 0])


class _MadeNetworks:
    """The same functions behind the protocols."""

    def __init__(self, conventions):
        self._conventions = conventions

    def probabilities(self, frame_bgr):
        (view,) = self._conventions.segnet_input(frame_bgr, (416, 608))
        return np.ascontiguousarray(_segnet(view)[..., :11])

    def prepare(self, frame_bgr):
        return self._conventions.flow_input(frame_bgr, (208, 304))

    def compare(self, current, reference):
        flow, scale, feature = _flow(current, reference)
        estimate = FlowEstimate(flow, scale[..., list(self._conventions.scale_channels)])
        return SimpleNamespace(feature=feature, estimate=lambda: estimate, residual=lambda: None)

    def predicted_confidence(self, feature):
        return _decision(feature)


def _networks(paths=None, conventions=ORIGINAL.conventions, options=None):
    made = _MadeNetworks(conventions)
    return Networks(made, made, made, "made")


REFERENCE = reference.Networks(_segnet, _flow, _decision)


@pytest.mark.parametrize(
    "hw", [(360, 480), (720, 960), (300, 900), (37, 53), (100, 700), (500, 61), (208, 304)]
)
def test_the_flow_input_is_a_scaled_centre_crop(hw):
    frame = _rng().integers(0, 256, (*hw, 3), np.uint8)
    expected = reference.flow_view(frame)
    np.testing.assert_array_equal(original_flow_input_bgr(frame), expected)
    np.testing.assert_array_equal(original_flow_input_rgb(frame), expected[..., ::-1])


def test_the_segmentation_input_takes_the_means_off_before_the_colours_turn():
    frame = _frame(0, (360, 480))
    expected = reference.segnet_view(frame)
    np.testing.assert_allclose(segnet_input(frame)[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new"), [((208, 304), (52, 76)), ((52, 76), (208, 304)), ((7, 9), (20, 31))]
)
def test_resizing_is_tensorflow_1s(old, new):
    image = _rng().random((*old, 3)).astype(np.float32)
    np.testing.assert_allclose(
        resize_bilinear_tf1(image, new), reference.bilinear_tf1(image, *new), atol=1e-6
    )
    np.testing.assert_array_equal(
        resize_nearest_tf1(image, new), reference.nearest_tf1(image, *new)
    )


@pytest.mark.slow
def test_resizing_is_that_of_tensorflow_itself():
    tf = pytest.importorskip("tensorflow")
    image = _rng().random((33, 21, 2)).astype(np.float32)
    for hw in [(10, 10), (66, 50)]:
        v1 = tf.compat.v1.image
        np.testing.assert_array_equal(
            resize_bilinear_tf1(image, hw), v1.resize_bilinear(image[None], hw)[0]
        )
        np.testing.assert_array_equal(
            resize_nearest_tf1(image, hw), v1.resize_nearest_neighbor(image[None], hw)[0]
        )


def test_the_warp_is_coarse():
    rng = _rng()
    probabilities = rng.random((208, 304, 11)).astype(np.float32)
    flow = rng.normal(0, 8, (52, 76, 2)).astype(np.float32)
    scale = rng.random((52, 76, 19)).astype(np.float32)
    expected = reference.warp_scaled(probabilities, flow, scale)
    chosen = scale[..., list(ORIGINAL.conventions.scale_channels)]
    np.testing.assert_allclose(
        warp_probabilities_coarse(probabilities, FlowEstimate(flow, chosen)), expected, atol=1e-5
    )


def test_masks_are_blended_pictures():
    labels = _rng().integers(0, 11, (208, 304)).astype(np.uint8)
    np.testing.assert_array_equal(original_mask_bgr(labels)[..., ::-1], reference.mask_rgb(labels))


def test_void_counts_against_the_class_predicted():
    rng = _rng()
    pairs = [
        (
            rng.integers(3, 12, (40, 50)).astype(np.uint8),
            rng.integers(1, 11, (40, 50)).astype(np.uint8),
        )
        for _ in range(2)
    ]
    ours, original = ConfusionMatrix(), OriginalConfusionMatrix()
    for truth, predicted in pairs:
        ours.add(truth, predicted)
        original.add(truth, predicted)
    expected = reference.metrics(pairs)
    np.testing.assert_allclose(original.class_iou(), expected["class"], atol=1e-9)
    assert original.mean_iou() == pytest.approx(expected["mean"])
    assert original.frequency_weighted_iou() == pytest.approx(expected["frequency"])
    assert ours.mean_iou() != pytest.approx(expected["mean"], abs=0.001)


def test_fps_is_the_mean_of_rates_and_the_first_frame_no_step():
    statistics = OriginalStatistics()
    for path, seconds in [(FramePath.SEGMENT, 0.5), (FramePath.WARP, 0.1), (FramePath.SEGMENT, 1)]:
        statistics.add(FrameResult(0, np.zeros((2, 2), np.uint8), path, None, 0, {"all": seconds}))
    assert statistics.mean_fps == pytest.approx((2 + 10 + 1) / 3)
    assert statistics.lines()[0] == "Average fps: 4.33"
    assert (statistics.segmentation_steps, statistics.flow_steps) == (1, 1)
    assert statistics.summary()["fps_mean_of_rates"] == statistics.mean_fps


@pytest.fixture
def data_set(tmp_path):
    """Two labelled frames with three and four frames that lead to them."""
    rng, lines = _rng(), []
    for number in range(7):
        labelled = 2 if number <= 2 else 6
        cv2.imwrite(str(tmp_path / f"f{number}.png"), _frame(number))
        lines.append((f"f{number}.png", f"f{labelled}.png", f"label{labelled}.png"))
    for number in (2, 6):
        blocks = rng.integers(0, 12, (9, 12)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"label{number}.png"), blocks.repeat(10, 0).repeat(10, 1))
    (tmp_path / "list.txt").write_text("".join(" ".join(line) + "\n" for line in lines))
    return tmp_path, lines


@pytest.fixture
def made_networks(monkeypatch):
    """Commands that load networks get made ones."""
    nothing = SimpleNamespace(sha256=dict)
    monkeypatch.setattr(WeightPaths, "locate", classmethod(lambda *_: nothing))
    monkeypatch.setattr("vssn.runtime.load.load_networks", _networks)


def _infer(folder, *flags):
    out = folder / "out"
    arguments = ["--data_dir", folder, "--data_list", folder / "list.txt", "--target", TARGET]
    arguments += ["--save_dir", out, "--summary", out / "summary.json", "--quiet", *flags]
    assert main(["infer", *map(str, arguments)]) == 0
    return out, json.loads((out / "summary.json").read_text())


def test_infer_gives_the_originals_masks_and_metrics(data_set, made_networks):
    folder, lines = data_set
    out, summary = _infer(folder, "--preset", "original")

    images = {name: cv2.imread(str(folder / name)) for line in lines for name in line[:2]}
    expected = reference.run_dataset(lines, images, REFERENCE, TARGET)
    assert min(expected.segmentation_steps, expected.flow_steps) > 0  # both paths are compared
    assert summary["segmentation_steps"] == expected.segmentation_steps
    assert summary["flow_steps"] == expected.flow_steps
    for step, labels in enumerate(expected.labels):
        mask = cv2.imread(str(out / f"mask{step}.png"))[..., ::-1]
        assert (mask == reference.mask_rgb(labels)).all(-1).mean() >= 0.999
    truths = [cv2.imread(str(folder / line[2]), cv2.IMREAD_UNCHANGED) for line in lines]
    truths = [reference.nearest_label(truth, 208, 304) for truth in truths]
    probabilities = reference.metrics(zip(truths, expected.labels, strict=True))
    assert summary["mean_iou"] == pytest.approx(probabilities["mean"], abs=1e-3)
    assert summary["frequency_weighted_iou"] == pytest.approx(probabilities["frequency"], abs=1e-3)
    assert list(summary["class_iou"].values()) == pytest.approx(
        list(probabilities["class"]), abs=1e-3
    )


def test_our_preset_gives_something_else(data_set, made_networks):
    _, original = _infer(data_set[0], "--preset", "original")
    _, ours = _infer(data_set[0], "--flow", "flownets")
    assert (ours["preset"], original["preset"]) == ("vssn", "original")
    ours_iou, original_iou = ours["class_iou"], original["class_iou"]
    assert max(abs(ours_iou[name] - original_iou[name]) for name in ours_iou) > 0.01
    assert "fps_mean_of_rates" not in ours


def test_a_video_is_fed_rgb_but_for_the_first_key():
    preset = VIDEO_PRESETS["original"]
    frames = [_frame(number) for number in (0, 3, 4, 6)]
    plan = Plan(DVSNET_PROPAGATION, lambda each: preset.schedule(each, TARGET), rules=preset.rules)
    segmenter = build_segmenter(_networks(None, preset.conventions), plan)
    results = list(segmenter.stream(frames))
    expected = reference.run_video(frames, REFERENCE, TARGET)
    assert min(expected.segmentation_steps, expected.flow_steps) > 0
    for result, labels in zip(results, expected.labels, strict=True):
        enlarged = reference.nearest_label(labels, 90, 120)
        assert (result.labels == enlarged).mean() >= 0.999


def test_features_compare_the_current_frame_with_itself(data_set):
    folder, _ = data_set
    made = _MadeNetworks(ORIGINAL.conventions)
    pair_evaluator = PairEvaluator(made, made, ORIGINAL.rules, ORIGINAL.warped)
    for key, current in [(0, 2), (5, 6)]:
        feature, score = pair_evaluator.evaluate(
            FramePair(folder / f"f{key}.png", folder / f"f{current}.png")
        )
        wanted = reference.feature_and_score(_frame(key), _frame(current), REFERENCE)
        np.testing.assert_array_equal(feature, wanted[0])
        assert score == pytest.approx(wanted[1], abs=0.1)


def test_the_original_asks_the_decision_network_at_any_target():
    decision_network = SimpleNamespace(predicted_confidence=lambda feature: 100.5)
    networks = Networks(None, None, decision_network, "made")
    schedule = ORIGINAL.schedule(build_estimator(networks, DVSNET_PROPAGATION), 100.0)
    comparison = SimpleNamespace(feature=None, estimate=lambda: None)
    decision = schedule.decide(comparison, 1)
    assert decision.predicted_confidence == 100.5
    assert not decision.segment


def test_the_original_has_no_regions(data_set, made_networks, capsys):
    arguments = ["--preset", "original", "--regions", "2x2", "--data_list", "missing.txt"]
    assert main(["infer", *arguments]) == 2
    assert "--regions 2x2 with --preset original" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [["--flow", "dis"], ["--propagate", "chain"]])
@pytest.mark.parametrize("command", ["infer", "video"])
def test_the_original_carries_from_key_frames_by_flownets(command, flags, refuses):
    refuses([command, "--preset", "original", *flags], " ".join(flags), "with --preset original")
    missing = {"infer": "--data_list", "video": "--video_file"}[command]
    same = ["--flow", "flownets", "--propagate", "key"]
    refuses([command, "--preset", "original", *same, missing, "missing"], "'missing'")


@pytest.mark.slow
def test_tensorflow_networks_follow_the_conventions():
    pytest.importorskip("tensorflow")
    from vssn.models.flownets import build_flownets
    from vssn.runtime.tensorflow import TensorFlowFlow, TensorFlowSegmentation

    frame, seen = _frame(1), []
    flat = np.zeros((1, 208 * 304, 12), np.float32)
    network = TensorFlowSegmentation(
        lambda x: [seen.append(x), flat][1:], (416, 608), ORIGINAL.conventions
    )
    assert network.probabilities(frame).shape == (208, 304, 11)
    np.testing.assert_allclose(seen[0][0], reference.segnet_view(frame), atol=1e-4)

    model = build_flownets()
    bias = model.get_layer("predict_scale").bias
    bias.assign(np.arange(19))
    flow = TensorFlowFlow(model, ORIGINAL.conventions)
    view = flow.prepare(frame)
    np.testing.assert_array_equal(view, reference.flow_view(frame))
    scale = flow.compare(view, view).estimate().scale
    np.testing.assert_allclose(scale[0, 0], reference.SCALE_CHANNELS, atol=1e-4)
