"""What is printed and written of a measurement of the machine."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from vssn.config import PROFILES
from vssn.errors import BadInputError, argument
from vssn.evaluation.bench import Candidate, Candidates, LeftOut, Measurement
from vssn.evaluation.bench_clip import BenchClip
from vssn.evaluation.bench_report import HEADINGS, MADE_WARNING, BenchReport
from vssn.evaluation.measured_front import MeasuredFront, MeasuredPoint

EVERY = Measurement(Candidate("light", "int8", 100), 20, 20, 30.25, 33.0, None)
FAST = Candidate("light", "int8", PROFILES["fast"]["target"])
BALANCED = Measurement(FAST, 20, 5, 81.0, 34.06, 5.0)
SLOW = Measurement(Candidate("light", "f32", 95), 20, 5, 40.0, 88.0, 6.0)
FRONT = MeasuredFront(
    [
        MeasuredPoint("light", "int8", 100, 0.771, 0.7),
        MeasuredPoint("light", "int8", FAST.target, 0.75, 0.6),
    ]
)
REFUSED = BadInputError(argument("precision", "bf16"), "a processor for it", "choose auto")
REPORT = BenchReport(
    BenchClip("street.mp4", [np.zeros((36, 64, 3), np.uint8)]),
    Candidates({}, {"light": "int8"}, [LeftOut("light", "bf16", REFUSED)]),
    [SLOW, EVERY, BALANCED],
    FRONT,
    50.0,
)


def with_threads(*fps: float) -> BenchReport:
    numbers = zip((1, 2, 4), fps, strict=True)
    measured = [
        replace(BALANCED, candidate=replace(BALANCED.candidate, threads=threads), fps=each)
        for threads, each in numbers
    ]
    return replace(REPORT, by_threads=measured)


def test_the_table_marks_the_front_and_has_what_was_measured() -> None:
    lines = REPORT.lines()
    assert lines[0].startswith("Machine: ")
    assert lines[1] == "Clip: street.mp4, 64x36, 20 frames for each candidate"
    assert lines[2].startswith("Left out: light bf16 (precision='bf16': expected a processor")
    start = next(n for n, line in enumerate(lines) if line.split()[:1] == ["segmenter"])
    assert lines[start].split() == " ".join(HEADINGS).split()
    rows = [line.split() for line in lines[start + 1 : start + 4]]
    assert rows[0] == ["light", "f32", "95", "25%", "88.0", "6.0", "40.0", "-", "-"]
    assert rows[1] == ["*", "light", "int8", "100", "100%", "33.0", "-", "30.2", "0.771", "0.700"]
    assert rows[2][:4] == ["*", "light", "int8", f"{FAST.target:g}"]
    assert len({len(line) for line in lines[start : start + 4]}) == 1
    assert lines[-1] == "For 50 fps (81.0 measured): vssn video CLIP --profile fast"


def test_errors_are_put_into_the_callers_words() -> None:
    lines = REPORT.lines(lambda error: error.for_command({}))
    assert lines[2].startswith("Left out: light bf16 (--precision bf16: expected")


def test_what_is_too_slow_is_said() -> None:
    last = replace(REPORT, wanted_fps=100).lines()[-1]
    assert last.startswith("None reaches 100 fps; the fastest, 81.0 fps: vssn video CLIP --profile")


def test_the_number_of_threads_is_recommended_where_fewer_are_better() -> None:
    fewer = with_threads(20, 90, 70)
    assert fewer.lines()[-2].endswith("1: 20.0, 2: 90.0, 4: 70.0; best: 2")
    assert fewer.flags == ["--profile", "fast", "--threads", "2"]
    assert "(90.0 measured)" in fewer.lines()[-1]
    all_cores = with_threads(20, 40, 80)
    assert all_cores.lines()[-2].endswith("best: 4")
    assert all_cores.flags == ["--profile", "fast"]


def test_a_device_that_was_asked_for_is_among_the_flags() -> None:
    assert replace(REPORT, device="cpu").flags == ["--profile", "fast", "--device", "cpu"]


def test_made_frames_are_named_as_such() -> None:
    assert MADE_WARNING not in REPORT.lines()
    made = replace(REPORT, clip=replace(REPORT.clip, made=True))
    assert MADE_WARNING in made.lines()


def test_the_summary_has_the_same_figures() -> None:
    summary = json.loads(json.dumps(with_threads(20, 90, 70).summary(), allow_nan=False))
    assert summary["measurements"][1] == {
        "segmenter": "light",
        "precision": "int8",
        "target": 100,
        "threads": None,
        "frames": 20,
        "segmented": 20,
        "fps": 30.25,
        "segmented_ms": 33.0,
        "propagated_ms": None,
        "camvid_mean_iou": 0.771,
        "cityscapes_mean_iou": 0.7,
        "optimal": True,
    }
    assert [each["optimal"] for each in summary["measurements"]] == [False, True, True]
    assert summary["recommended"] == ["--profile", "fast", "--threads", "2"]
    assert summary["recommended_fps"] == 90
    assert [each["threads"] for each in summary["by_threads"]] == [1, 2, 4]
    assert summary["left_out"][0].startswith("Left out: light bf16")
    assert summary["machine"]["Cores"]
