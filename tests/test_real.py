"""The shipped weights on real data: what the project promises of them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vssn.cli import evaluate_warp
from vssn.cli.main import main
from vssn.data.demo import STREET_PACKAGE, street_clip
from vssn.errors import CheckpointError, MediaError
from vssn.labels import CLASS_NAMES
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.runtime.load import WeightPaths
from vssn.types import DEFAULT_PROPAGATION

# Minutes where other work shares the processor.
pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

# What the shipped weights give on CamVid's validation video, in each precision within TOLERANCE:
# the README's figures, to be renewed with the weights.
MEAN_IOU_AT_100 = {"resnet50_segnet": 0.776, "light": 0.755}
MEAN_IOU_AT_DEFAULT = {"resnet50_segnet": 0.769, "light": 0.755, "ensemble": 0.777}
SEGMENTED_AT_DEFAULT = {"resnet50_segnet": 27, "light": 50, "ensemble": 27}
TOLERANCE = 0.005
SEGMENTED_TOLERANCE = 3

DISTANCES = range(1, 9)
DEMO_FRAMES = 40


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights are found beside the package; nothing is written into the repository."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def weights(elsewhere: None) -> WeightPaths:
    """The shipped weights."""
    try:
        return WeightPaths.locate()
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")


@pytest.fixture
def infer(shared_data: Path, weights: WeightPaths, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Runs ``vssn infer`` over CamVid's validation video and returns its summary."""
    camvid = ["--data_dir", str(shared_data / "camvid")]
    listed = tmp_path / "val.txt"
    assert main(["make-lists", "stills", *camvid, "--split", "val", "--output", str(listed)]) == 0

    def run(*flags: str) -> dict[str, Any]:
        summary = tmp_path / "summary.json"
        argv = ["infer", *camvid, "--data_list", str(listed), "--save_dir", "none", "--quiet"]
        assert main([*argv, *flags, "--summary", str(summary)]) == 0
        return json.loads(summary.read_text())  # type: ignore[no-any-return]

    return run


@pytest.mark.parametrize("network", MEAN_IOU_AT_100)
def test_every_frame_segmented_gives_the_published_mean_iou(
    network: str, infer: Callable[..., dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    summary = infer("--segmenter", network, "--target", "100")
    print(capsys.readouterr().out)
    assert (summary["frames"], summary["segmentation_steps"]) == (101, 101)
    assert summary["mean_iou"] == pytest.approx(MEAN_IOU_AT_100[network], abs=TOLERANCE)
    assert list(summary["mean_iou_by_key_distance"]) == ["0"]


@pytest.mark.parametrize(
    ("network", "flags"),
    [
        ("light", []),
        ("resnet50_segnet", ["--segmenter", "resnet50_segnet"]),
        ("ensemble", ["--segmenter", "ensemble"]),
    ],
)
def test_at_the_default_target_fewer_frames_are_segmented(
    network: str, flags: list[str], infer: Callable[..., dict[str, Any]]
) -> None:
    start = time.perf_counter()
    summary = infer(*flags)
    spent_s = time.perf_counter() - start
    assert summary["frames"] == 101
    assert abs(summary["segmentation_steps"] - SEGMENTED_AT_DEFAULT[network]) <= SEGMENTED_TOLERANCE
    assert summary["segmentation_steps"] + summary["flow_steps"] == 101
    assert (
        summary["weights"] == WeightPaths.locate(network, propagation=DEFAULT_PROPAGATION).sha256()
    )  # DIS has none
    assert list(summary["class_iou"]) == list(CLASS_NAMES)
    assert summary["mean_iou"] == pytest.approx(MEAN_IOU_AT_DEFAULT[network], abs=TOLERANCE)
    assert (
        MEAN_IOU_AT_DEFAULT[network] < summary["frequency_weighted_iou"] < 1
    )  # large classes are easy
    assert {"0", "1"} <= set(summary["mean_iou_by_key_distance"])
    assert 101 / spent_s < summary["fps_end_to_end"] <= summary["fps_model"] * 1.01
    latency = summary["latency_ms"]
    assert 1000 / summary["fps_model"] < latency["max"]
    if summary["segmentation_steps"] < 40:
        assert latency["p50"] < 1000 / summary["fps_model"]  # most frames are warped
    assert latency["p50"] < latency["p95"] <= latency["p99"] <= latency["max"] < 1000 * spent_s
    assert summary["runtime"]


def test_two_scales_are_better_than_one(infer: Callable[..., dict[str, Any]]) -> None:
    summary = infer("--segmenter", "light", "--scales", "2", "--target", "96")
    assert abs(summary["segmentation_steps"] - 22) <= SEGMENTED_TOLERANCE
    assert summary["mean_iou"] == pytest.approx(0.762, abs=TOLERANCE)


@pytest.mark.usefixtures("weights")
def test_warping_beats_copying_at_every_distance(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = evaluate_warp._movers
    compared = (evaluate_warp.COPYING, "FlowNetS")  # DIS would take as long again, thrice
    monkeypatch.setattr(
        evaluate_warp, "_movers", lambda *given: {name: every(*given)[name] for name in compared}
    )
    argv = ["evaluate-warp", "--data_dir", str(shared_data / "camvid"), "--split", "val"]
    argv += ["--distances", *map(str, DISTANCES), "--summary", str(tmp_path / "s.json")]
    assert main(argv) == 0
    table = json.loads((tmp_path / "s.json").read_text())["mean_iou"]
    for distance in map(str, DISTANCES):
        assert table["FlowNetS"][distance] > table[evaluate_warp.COPYING][distance], distance


@pytest.mark.usefixtures("weights")
def test_the_demo_clip_becomes_an_annotated_video(tmp_path: Path) -> None:
    try:
        clip = street_clip()
    except MediaError as error:
        pytest.skip(f"NO DEMO CLIP: install {STREET_PACKAGE} ({error})")
    short = tmp_path / "short.avi"
    with VideoSource(clip) as source, VideoSink(short, source.info) as sink:
        for _, frame in zip(range(DEMO_FRAMES), source, strict=False):
            sink.write(frame)
    summary = tmp_path / "out/summary.json"
    argv = ["video", "--video_file", str(short), "--save_dir", str(tmp_path / "out")]
    assert main([*argv, "--summary", str(summary)]) == 0
    with VideoSource(tmp_path / "out/output-video-original.avi") as made:
        frames = list(made)
    assert len(frames) == DEMO_FRAMES
    assert {frame.shape for frame in frames} == {(272, 640, 3)}
    figures = json.loads(summary.read_text())
    assert figures["frames"] == figures["segmentation_steps"] + figures["flow_steps"] == DEMO_FRAMES
