"""``vssn bench`` over fake networks, and once with the shipped weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from made_clips import write_video

from vssn.cli.main import main
from vssn.errors import BadInputError, CheckpointError
from vssn.evaluation import bench
from vssn.runtime import load
from vssn.runtime.load import WeightPaths

Refuses = Callable[..., str]


@pytest.fixture
def argv(tmp_path: Path, weights_dir: Path) -> list[str]:
    """A command that works, once there are networks, and is over after a turn."""
    clip = write_video(tmp_path / "clip.avi", 3)
    return [
        *("bench", "--clip", str(clip), "--seconds", "0.001", "--fps", "1"),
        *("--segmenter", str(weights_dir / "segnet.h5")),
    ]


def summary_of(argv: Sequence[str], path: Path) -> dict[str, Any]:
    assert main([*argv, "--summary", str(path)]) == 0
    return json.loads(path.read_text())  # type: ignore[no-any-return]


@pytest.mark.usefixtures("fake_networks")
def test_every_precision_and_target_is_measured_and_one_recommended(
    argv: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "usable_cores", lambda: 2)
    summary = summary_of(argv, tmp_path / "s.json")
    rows = summary["measurements"]
    assert [(each["precision"], each["target"]) for each in rows] == [
        (precision, target)
        for precision in ("f32", "bf16", "int8")
        for target in bench.profile_targets()
    ]
    assert {each["frames"] for each in rows} == {bench.TURN_FRAMES}
    assert {each["segmented"] for each in rows if each["target"] == 100} == {bench.TURN_FRAMES}
    assert all(each["fps"] > 0 for each in rows)
    assert summary["by_threads"] == []
    # Without the accuracy of these weights, every frame segmented is best.
    flags = summary["recommended"]
    assert flags[:2] == ["--segmenter", argv[-1]]
    assert flags[-2:] == ["--target", "100"]
    out = capsys.readouterr().out
    assert "Clip: clip.avi, 64x48, 5 frames" in out
    assert out.splitlines()[-1].endswith(" ".join(["vssn video CLIP", *flags]))


@pytest.mark.usefixtures("fake_networks")
@pytest.mark.parametrize(("given", "expected"), [([], [1, 2, 4]), (["--threads", "2"], [])])
def test_numbers_of_threads_are_tried_unless_one_is_given(
    argv: list[str],
    given: list[str],
    expected: list[int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "usable_cores", lambda: 4)
    summary = summary_of([*argv, *given], tmp_path / "s.json")
    assert [each["threads"] for each in summary["by_threads"]] == expected
    if given:
        assert {each["threads"] for each in summary["measurements"]} == {2}
        assert summary["recommended"][-2:] == given


def test_what_is_not_possible_here_is_left_out_and_said(
    argv: list[str],
    tmp_path: Path,
    fake_networks: load.Networks,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def loaded(paths: object, conventions: object, options: load.RuntimeOptions) -> load.Networks:
        if options.precision == "bf16":
            raise BadInputError("precision bf16", "a processor that computes in it", "choose auto")
        return fake_networks

    monkeypatch.setattr(load, "load_networks", loaded)
    summary = summary_of(argv, tmp_path / "s.json")
    assert {each["precision"] for each in summary["measurements"]} == {"f32", "int8"}
    assert "a processor that computes in it" in capsys.readouterr().out


@pytest.mark.usefixtures("fake_networks")
def test_bad_input_is_refused_in_one_line(
    argv: list[str], tmp_path: Path, refuses: Refuses
) -> None:
    refuses([*argv, "--clip", tmp_path / "no.mp4"], "no.mp4")
    refuses([*argv, "--segmenter", "heavy"], "heavy", "light")
    refuses([*argv, "--fps", "0"], "--fps")
    refuses([*argv, "--seconds", "inf"], "--seconds")
    refuses([*argv, "--summary", tmp_path], "--summary")


@pytest.mark.real
@pytest.mark.timeout(900)
def test_the_shipped_networks_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    try:
        WeightPaths.locate("light")
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
    monkeypatch.setattr(bench, "usable_cores", lambda: 2)
    argv = ["bench", "--segmenter", "light", "--seconds", "1", "--quiet"]
    summary = summary_of(argv, tmp_path / "s.json")
    print(capsys.readouterr().out)
    rows = summary["measurements"]
    assert {each["precision"] for each in rows} >= {"f32", "int8"}
    for precision in {each["precision"] for each in rows}:
        mine = [each for each in rows if each["precision"] == precision]
        assert mine[0]["segmented"] == mine[0]["frames"]
        assert min(each["segmented"] for each in mine) < mine[0]["frames"]
        fastest = max(mine, key=lambda each: each["fps"])
        assert fastest["target"] < 100
        assert fastest["propagated_ms"] < fastest["segmented_ms"]
    assert any(each["optimal"] for each in rows)
