"""Work over fake networks, which workers in other processes can have too."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from fake_networks import FakeFlow, FakeSegmentation, painted

import vssn
from vssn.assembly import Assembly, assemble
from vssn.config import SegmenterConfig
from vssn.fleet.places import Place
from vssn.fleet.pool import Answer, Task, Tasks, answer
from vssn.fleet.video_work import VideoWork
from vssn.media.sink import VideoSink
from vssn.original.preset import VIDEO_PRESETS
from vssn.runtime.load import Networks
from vssn.scene.style import Style
from vssn.types import VideoInfo

SLOW = "VSSN_TEST_FRAME_S"  # seconds that each segmented frame takes
FPS = 10.0
CHUNK_S = 1.0


def assemble_fakes(config: SegmenterConfig, weights: object = None) -> Assembly:
    """A segmenter that reads labels off the frames' blue."""
    segmentation = FakeSegmentation()
    segmentation.before_each = lambda: time.sleep(float(os.environ.get(SLOW, "0")))
    networks = Networks(segmentation, FakeFlow(), None, "fake")
    return assemble(replace(config, flow="dis"), VIDEO_PRESETS, networks=networks)


def fake_work(place: Path | str, **changes: Any) -> VideoWork:
    """Work that writes into a place, in chunks of a second."""
    config = SegmenterConfig(schedule="fixed:4", threads=1)
    work = VideoWork(
        Place(place),
        "job",
        config,
        None,
        Fraction(CHUNK_S),
        style=Style(status=False),
        make=assemble_fakes,
    )
    return replace(work, **changes)


def make_video(path: Path, count: int = 25, first: int = 0) -> Path:
    """A video of a car that moves over a road, 64x48 px, 10 frames per second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoSink(path, VideoInfo(64, 48, FPS, None)) as sink:
        for number in range(count):
            labels = np.full((48, 64), 3)
            left = (first + number) % 40
            labels[20:34, left : left + 20] = 8
            sink.write(painted(labels))
    return path


class InThisProcess:
    """Runs tasks one after another; see :class:`vssn.fleet.pool.Runner`.

    Attributes:
        done: the tasks that were run.
        stop_after: raise KeyboardInterrupt after so many.
    """

    def __init__(self, work: VideoWork, stop_after: int | None = None) -> None:
        self._work = work
        self.done: list[Task] = []
        self.stop_after = stop_after
        work.load()

    def answers(self, tasks: Tasks) -> Generator[tuple[Task, Answer], None, None]:
        last = None
        while tasks:
            if len(self.done) == self.stop_after:
                raise KeyboardInterrupt
            task = tasks.take(last)
            last = task.input
            self.done.append(task)
            yield task, answer(self._work, task.method, task.arguments)

    def chunks(self) -> list[tuple[int, int]]:
        """Input and chunk of each chunk that was asked for."""
        return [(t.input, t.arguments[2]) for t in self.done if t.method == "chunk"]


def single(path: Path, output: Path, records: Path, **selected: Any) -> list[bytes]:
    """One process, with the same key frames: the labels of each frame."""
    labels: list[bytes] = []
    work = fake_work(output.parent)
    with vssn.VideoSource(path, chunk_s=CHUNK_S, **selected) as source:
        vssn.annotate_video(
            source,
            output,
            segmenter=assemble_fakes(work.config),
            style=work.style,
            records=records,
            on_result=lambda result: labels.append(result.labels.tobytes()),
        )
    return labels
