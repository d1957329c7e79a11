"""The manifest's memory, and the order in which tasks are handed out."""

from __future__ import annotations

import tracemalloc
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vssn.fleet.chunks import ChunkResult, Input, InputPlan, count_chunks
from vssn.fleet.job import Job
from vssn.fleet.manifest import JOINED, Manifest
from vssn.fleet.manifest_file import GROUP, resume_manifest, write_manifest
from vssn.fleet.places import Place
from vssn.fleet.pool import Answer, Task, Tasks

pytest.importorskip("pyarrow")

VIDEOS, CHUNKS = 150, 100
MINUTE = Fraction(60)


class Nothing:
    """Does no work, and looks at the memory on the way."""

    def __init__(self) -> None:
        self.memory: list[int] = []
        self.done = 0

    def answers(self, tasks: Tasks) -> Generator[tuple[Task, Answer], None, None]:
        last = None
        while tasks:
            task = tasks.take(last)
            last = task.input
            value: Any = InputPlan(CHUNKS) if task.method == "plan" else {}
            if task.method == "chunk":
                value = ChunkResult(1500, 300, f"{self.done:064d}", seconds=30.0)
                self.done += 1
                if self.done % (VIDEOS * CHUNKS // 10) == 0:
                    self.memory.append(tracemalloc.get_traced_memory()[0])
            yield task, Answer(value, node="node:1")


def inputs(count: int) -> list[Input]:
    return [Input(f"{n}.mp4", f"drives/{n}.mp4") for n in range(count)]


def test_memory_stays_flat_while_chunks_are_done(tmp_path: Path) -> None:
    manifest = Manifest(inputs(VIDEOS), "job", MINUTE)
    for number in range(VIDEOS):
        manifest.add_plan(number, InputPlan(CHUNKS))
    runner = Nothing()
    write_manifest(manifest, Place(tmp_path))  # which imports more than the rows take
    tracemalloc.start()
    try:
        Job(manifest, Place(tmp_path)).run(runner)
    finally:
        tracemalloc.stop()
    assert runner.done == VIDEOS * CHUNKS
    assert (manifest.rows["status"] == JOINED).all()
    assert max(runner.memory) - runner.memory[0] < 500_000


def test_writing_takes_no_more_memory_for_more_rows(tmp_path: Path) -> None:
    peaks = []
    for groups in (1, 2, 8):  # the first imports something too
        manifest = Manifest(inputs(1), "job", MINUTE)
        manifest.add_plan(0, InputPlan(groups * GROUP))
        tracemalloc.start()
        try:
            write_manifest(manifest, Place(tmp_path))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[2] < peaks[1] + 1_000_000


@pytest.mark.parametrize("group", [2, GROUP])
def test_what_was_written_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int
) -> None:
    monkeypatch.setattr("vssn.fleet.manifest_file.GROUP", group)
    manifest = Manifest(inputs(3), "job", MINUTE)
    manifest.add_plan(2, InputPlan(3, Fraction(1, 2), Fraction(150)))
    manifest.add_plan(0, InputPlan(2))
    manifest.unplanned[1] = "no video", 2
    manifest.finish(1, ChunkResult(7, 2, "a" * 64, True, 1, 1.5, "node:7"))
    manifest.fail(2, "broken")
    write_manifest(manifest, Place(tmp_path))
    again = Manifest(inputs(3), "job", MINUTE)
    assert resume_manifest(again, Place(tmp_path))
    assert again.plans == {0: InputPlan(2), 2: InputPlan(3, Fraction(1, 2), Fraction(150))}
    assert [int(each) for each in again.rows["status"][again.rows_of(2)]] == [0, 1, 0]
    row, old = again.rows[again.rows_of(2)[1]], manifest.rows[1]
    for name in ("frames", "segmented", "lost_frames", "truncated", "seconds", "hash", "node"):
        assert row[name] == old[name]
    assert float(row["finished"]) == pytest.approx(float(old["finished"]), abs=0.01)


def test_workers_stay_with_their_video(tmp_path: Path) -> None:
    manifest = Manifest(inputs(3), "job", MINUTE)
    manifest.add_plan(0, InputPlan(3))
    manifest.add_plan(1, InputPlan(5))
    job = Job(manifest, Place(tmp_path))
    assert (job.take(0).method, job.take(1).input) == ("chunk", 1)
    assert [job.take(None).method, job.take(None).input] == ["plan", 1]  # of which most is left
    rest = [job.take(0).input for _ in range(5)]
    assert rest == [0, 0, 1, 1, 1]
    assert not job


def test_a_length_makes_so_many_chunks() -> None:
    lengths = [None, Fraction(0), Fraction(60), Fraction(61), Fraction(3600)]
    assert [count_chunks(length, MINUTE) for length in lengths] == [1, 1, 1, 2, 60]
    plan = InputPlan(3, Fraction(5), Fraction(170))
    assert [plan.span(n, MINUTE) for n in range(3)] == [(5, 65), (65, 125), (125, 170)]


class Dying(Nothing):
    """Loses a worker at the first join."""

    def answers(self, tasks: Tasks) -> Generator[tuple[Task, Answer], None, None]:
        lost = False
        for task, answer in super().answers(tasks):
            dies = task.method == "join" and not lost
            lost = lost or dies
            yield task, Answer(error="the worker died", lost=True) if dies else answer


def test_a_join_whose_worker_died_is_tried_again_alone(tmp_path: Path) -> None:
    manifest = Manifest(inputs(2), "job", MINUTE)
    counted: list[tuple[int, int]] = []
    runner = Dying()
    Job(manifest, Place(tmp_path), lambda *told: counted.append(told)).run(runner)
    assert runner.done == 2 * CHUNKS
    assert counted[-1] == (2 * CHUNKS, 2 * CHUNKS)
    assert (manifest.rows["status"] == JOINED).all()
