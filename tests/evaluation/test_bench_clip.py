"""The frames that a machine is measured on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from made_clips import write_video

from vssn.errors import MediaError
from vssn.evaluation import bench_clip
from vssn.evaluation.bench_clip import MADE_HW, made_frames, read_bench_clip
from vssn.flow.dis import DISFlow


def test_a_file_is_read_from_its_start_as_far_as_memory_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "street.avi", 8)
    clip = read_bench_clip(path)
    assert (clip.name, len(clip.frames_bgr), clip.made) == ("street.avi", 8, False)
    assert [round((float(each.mean()) - 5) / 10) for each in clip.frames_bgr] == list(range(8))
    monkeypatch.setattr(bench_clip, "MAX_FRAMES", 5)
    assert len(read_bench_clip(path).frames_bgr) == 5
    size = clip.frames_bgr[0].nbytes
    for most, expected in ((3 * size, 3), (3 * size - 1, 2), (1, 1)):
        monkeypatch.setattr(bench_clip, "MAX_BYTES", most)
        assert len(read_bench_clip(path).frames_bgr) == expected


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"missing\.mp4"):
        read_bench_clip(tmp_path / "missing.mp4")


def test_without_a_file_it_is_the_demos_clip_or_made_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "demo.avi", 3)
    monkeypatch.setattr(bench_clip, "demo_clip", lambda: path)
    assert read_bench_clip().name == "demo.avi"
    monkeypatch.undo()
    monkeypatch.setattr("vssn.data.demo.DEMO_PACKAGE", "no-such-package")
    monkeypatch.chdir(tmp_path)
    clip = read_bench_clip()
    assert clip.made
    assert {each.shape for each in clip.frames_bgr} == {(*MADE_HW, 3)}


def test_made_frames_move_as_seen_from_a_car() -> None:
    frames = list(made_frames(3))
    flow = DISFlow()
    for before, after in pairwise(frames):
        found = flow.compare(flow.prepare(after), flow.prepare(before)).estimate().flow
        height, width = found.shape[:2]
        left, right = found[:, : width // 4, 0].mean(), found[:, -width // 4 :, 0].mean()
        top, bottom = found[: height // 4, :, 1].mean(), found[-height // 4 :, :, 1].mean()
        assert left > 0.5 > -0.5 > right  # back towards the middle
        assert top > 0.5 > -0.5 > bottom
    assert all(np.array_equal(a, b) for a, b in zip(frames, made_frames(3), strict=True))
