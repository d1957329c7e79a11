"""What a segmenter refuses: other things than frames, other sizes, a second thread."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_clips import write_video

import vssn
from vssn.errors import BadInputError
from vssn.streaming.regions import RegionGrid, RegionSegmenter
from vssn.streaming.schedule import FixedInterval
from vssn.streaming.segmenter import AdaptiveSegmenter, Segmenter
from vssn.types import UInt8Array

if TYPE_CHECKING:
    from fake_networks import FakeFlow, FakeSegmentation

Make = Callable[[], Segmenter]
Paint = Callable[[np.ndarray], UInt8Array]

HW = (48, 64)
FRAME = np.zeros((*HW, 3), np.uint8)
NO_FRAMES = {
    "None": None,
    "list": FRAME.tolist(),
    "grey": FRAME[..., 0],
    "float": FRAME.astype(np.float32),
    "four channels": np.zeros((*HW, 4), np.uint8),
    "one channel": FRAME[..., :1],
    "no rows": FRAME[:0],
    "no columns": FRAME[:, :0],
    "a batch": FRAME[np.newaxis],
    "16-bit": FRAME.astype(np.uint16),
}


@pytest.fixture
def adaptive(
    fake_segmentation: FakeSegmentation, fake_flow: FakeFlow
) -> Callable[[], AdaptiveSegmenter]:
    networks = type(fake_segmentation), type(fake_flow)
    return lambda: AdaptiveSegmenter(networks[0](), networks[1](), FixedInterval(3))


@pytest.fixture(params=["whole frames", "regions"])
def make(request: pytest.FixtureRequest, adaptive: Callable[[], AdaptiveSegmenter]) -> Make:
    if request.param == "regions":
        return lambda: RegionSegmenter(adaptive, RegionGrid(1, 2, 0))
    return adaptive


@pytest.mark.parametrize("name", NO_FRAMES)
@pytest.mark.parametrize("before", [0, 2])
def test_what_is_no_frame_is_refused_and_the_stream_goes_on(
    make: Make, name: str, before: int
) -> None:
    segmenter = make()
    for _ in range(before):
        segmenter.step(FRAME)
    with pytest.raises(BadInputError, match=r"frame of .*: expected an \(H, W, 3\) uint8"):
        segmenter.step(NO_FRAMES[name])
    assert segmenter.step(FRAME).index == before


@pytest.mark.parametrize("hw", [(48, 62), (64, 48), (96, 128)])
def test_another_size_amid_a_stream_is_refused(make: Make, hw: tuple[int, int]) -> None:
    segmenter = make()
    segmenter.step(FRAME)
    other = np.zeros((*hw, 3), np.uint8)
    with pytest.raises(BadInputError, match=f"{hw[1]}x{hw[0]} px: expected 64x48"):
        segmenter.step(other)
    assert segmenter.step(FRAME).index == 1
    segmenter.reset()
    assert segmenter.step(other).labels.shape == hw


def test_a_second_thread_is_refused_and_the_first_one_goes_on(
    make: Make, fake_segmentation: FakeSegmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, leave = threading.Event(), threading.Event()
    network = type(fake_segmentation)
    usual = network.probabilities

    def waiting(self: FakeSegmentation, frame_bgr: UInt8Array) -> np.ndarray:
        inside.set()
        assert leave.wait(20)
        return usual(self, frame_bgr)

    monkeypatch.setattr(network, "probabilities", waiting)
    segmenter = make()
    indices: list[int] = []
    first = threading.Thread(target=lambda: indices.append(segmenter.step(FRAME).index))
    first.start()
    try:
        assert inside.wait(20)
        for call in (lambda: segmenter.step(FRAME), segmenter.reset):
            with pytest.raises(BadInputError, match="two threads at once"):
                call()
    finally:
        leave.set()
        first.join()
    assert [*indices, segmenter.step(FRAME).index] == [0, 1]


def test_two_segmenters_in_two_threads_give_what_each_gives_alone(make: Make, paint: Paint) -> None:
    rng = np.random.default_rng(0)
    streams = [[paint(rng.integers(0, 11, HW)) for _ in range(40)] for _ in range(2)]
    alone = [[result.labels for result in make().stream(frames)] for frames in streams]
    together: list[list[np.ndarray]] = [[], []]
    start = threading.Barrier(2)

    def run(number: int) -> None:
        segmenter = make()
        start.wait()
        together[number] += [result.labels for result in segmenter.stream(streams[number])]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(np.stack(one), np.stack(other))


def open_files(path: Path) -> int:
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.lexists(link) and os.path.realpath(link) == str(path) for link in links)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("ending", ["closed", "forgotten", "error"])
def test_a_stream_that_is_left_in_the_middle_closes_its_files(
    adaptive: Make, tmp_path: Path, ending: str
) -> None:
    path = write_video(tmp_path.resolve() / "clip.mp4", 20)
    before = threading.active_count()
    results = vssn.stream(path, segmenter=adaptive())
    next(results)
    next(results)
    assert open_files(path) == 1
    if ending == "closed":
        results.close()
    elif ending == "error":
        with pytest.raises(KeyError):
            results.throw(KeyError())
    del results
    gc.collect()
    assert open_files(path) == 0
    assert threading.active_count() == before
