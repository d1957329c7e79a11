"""A data set in chunks: masks and evaluation equal those of one process."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from fake_networks import FakeFlow, FakeSegmentation, painted
from fakes import InThisProcess

import vssn
from vssn.assembly import Assembly, assemble
from vssn.data.lists import ListEntry, write_list
from vssn.fleet.chunks import Input
from vssn.fleet.dataset_work import EVALUATION, DatasetWork
from vssn.fleet.datasets import read_entries, with_evaluation
from vssn.fleet.job import FleetRun, Job
from vssn.fleet.places import Place
from vssn.fleet.videos import open_manifest
from vssn.runtime.load import Networks

COUNT = 11
CONFIG = vssn.SegmenterConfig(schedule="fixed:3", threads=1)


def fake_assembly(config: vssn.SegmenterConfig, weights: object = None) -> Assembly:
    networks = Networks(FakeSegmentation(), FakeFlow(), None, "fake")
    return assemble(replace(config, flow="dis"), networks=networks)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Eleven frames; every other one has a label, a little off."""
    folder = tmp_path / "data"
    folder.mkdir()
    entries = []
    for number in range(COUNT):
        labels = np.full((48, 64), 3, np.uint8)
        labels[10:30, 2 * number : 2 * number + 20] = 8
        cv2.imwrite(str(folder / f"{number}.png"), painted(labels))
        cv2.imwrite(str(folder / f"l{number}.png"), np.roll(labels, 1, 1))
        labelled = number if number % 2 == 0 else min(number + 1, COUNT - 1)
        entries.append(ListEntry(f"{number}.png", f"{labelled}.png", f"l{labelled}.png"))
    write_list(folder / "list.txt", entries)
    return folder


def run(out: str, data_dir: str, *, resume: bool = False) -> tuple[FleetRun, InThisProcess]:
    entries = read_entries(f"{data_dir}/list.txt")
    work = DatasetWork(
        Place(out), "job", CONFIG, None, Fraction(4), data_dir, entries, fake_assembly
    )
    manifest = open_manifest(work, [Input(EVALUATION, f"{data_dir}/list.txt")], resume)
    job = Job(manifest, work.place)
    runner = InThisProcess(work)
    job.run(runner)
    return with_evaluation(job.result(1.0), work.place), runner


@pytest.mark.parametrize("remote", [False, True])
def test_masks_and_evaluation_are_those_of_one_process(
    tmp_path: Path, data_dir: Path, remote: bool
) -> None:
    source = f"file://{data_dir}" if remote else str(data_dir)
    done, _ = run(str(tmp_path / "out"), source)
    frames = vssn.dataset_frames(data_dir, data_dir / "list.txt")
    whole = vssn.segment_dataset(
        frames, tmp_path / "masks", CONFIG, segmenter=fake_assembly(CONFIG), chunk_s=4
    )
    assert done.evaluation is not None
    assert done.evaluation.summary() == whole.evaluation.summary()
    assert (done.chunks, done.frames) == (3, COUNT)
    assert done.segmented == whole.statistics.segmentation_steps
    for number in range(COUNT):
        ours, theirs = (tmp_path / each / f"mask{number}.png" for each in ("out", "masks"))
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_data_set_that_is_done_is_left_as_it_is(tmp_path: Path, data_dir: Path) -> None:
    first, _ = run(str(tmp_path / "out"), str(data_dir))
    again, runner = run(str(tmp_path / "out"), str(data_dir), resume=True)
    assert runner.done == []
    assert again.evaluation is not None
    assert first.evaluation is not None
    assert again.evaluation.summary() == first.evaluation.summary()


def test_a_missing_frame_fails_its_chunk(tmp_path: Path, data_dir: Path) -> None:
    (data_dir / "5.png").unlink()
    done, _ = run(str(tmp_path / "out"), str(data_dir))
    assert [failure.chunk for failure in done.failures] == [1]
    assert (done.joined, done.frames, done.evaluation) == (0, 7, None)
