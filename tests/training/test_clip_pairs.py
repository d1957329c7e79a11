"""Pairs from clips: the pseudo ground truth, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.data.clips import iter_clip
from vssn.errors import MediaError
from vssn.media.sink import VideoSink
from vssn.training.clip_pairs import PseudoLabelledClip
from vssn.types import VideoInfo

SHIFT_PX = 6  # to the right each frame, at 608x416


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four frames 608x416 of a texture that moves to the right."""
    path = tmp_path_factory.mktemp("clip")
    noise = np.random.default_rng(0).integers(0, 256, (104, 170, 3), np.uint8)
    wide = cv2.GaussianBlur(cv2.resize(noise, (680, 416)), (0, 0), 3)
    for number in range(4):
        start = 60 - SHIFT_PX * number
        cv2.imwrite(str(path / f"{number}.png"), wide[:, start : start + 608])
    return path


@pytest.fixture(scope="module")
def clip(folder: Path) -> PseudoLabelledClip:
    return PseudoLabelledClip(folder, 5, 2, np.random.default_rng(1))


def test_each_pair_comes_in_both_directions_and_within_reach(clip: PseudoLabelledClip) -> None:
    assert set(clip.frames_rgb) == {i for pair in clip.pairs for i in (pair.current, pair.key)}
    assert len(clip.pairs) == 10
    for first, second in zip(clip.pairs[::2], clip.pairs[1::2], strict=True):
        assert (first.current, first.key) == (second.key, second.current)
        assert 1 <= abs(first.current - first.key) <= 2


def test_the_teacher_finds_a_shift(clip: PseudoLabelledClip) -> None:
    for pair in clip.pairs:
        example = clip.example(pair, flip=False)
        assert example.flow.shape == (208, 304, 2)
        # Content that moves right was further left before: half of 6 px at half the size.
        expected = -(pair.current - pair.key) * SHIFT_PX / 2
        middle = example.flow[30:-30, 40:-40]
        assert np.abs(np.median(middle[..., 0]) - expected) < 0.3
        assert np.abs(np.median(middle[..., 1])) < 0.3
        assert example.weight[30:-30, 40:-40].mean() > 0.9


def test_a_mirrored_pair_has_a_mirrored_flow(clip: PseudoLabelledClip) -> None:
    plain, mirrored = (clip.example(clip.pairs[0], flip) for flip in (False, True))
    for name in ("current_rgb", "key_rgb", "weight"):
        assert np.array_equal(getattr(mirrored, name), getattr(plain, name)[:, ::-1])
    np.testing.assert_array_equal(mirrored.flow[..., 0], -plain.flow[:, ::-1, 0])
    np.testing.assert_array_equal(mirrored.flow[..., 1], plain.flow[:, ::-1, 1])


def test_frames_are_rgb(folder: Path, clip: PseudoLabelledClip) -> None:
    bgr = cv2.imread(str(folder / "0.png"))
    assert bgr is not None
    np.testing.assert_allclose(
        clip.frames_rgb[0].mean((0, 1)), bgr[..., ::-1].mean((0, 1)), atol=0.5
    )


def test_flow_that_does_not_return_to_the_start_has_no_weight(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        noise = rng.integers(0, 256, (26, 38, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), cv2.resize(noise, (608, 416)))
    (pair, _) = PseudoLabelledClip(tmp_path, 1, 1, rng).pairs
    assert pair.weight.mean() < 0.7


def test_a_video_gives_the_same_frames_as_a_folder(folder: Path, tmp_path: Path) -> None:
    with VideoSink(tmp_path / "clip.avi", VideoInfo(608, 416, 10, None)) as sink:
        for frame in iter_clip(folder):
            sink.write(frame)
    frames = list(iter_clip(tmp_path / "clip.avi"))
    assert len(frames) == 4
    for one, other in zip(frames, iter_clip(folder), strict=True):
        assert np.abs(one.astype(int) - other).mean() < 5


def test_a_folder_is_read_by_name_and_other_files_are_left_out(tmp_path: Path) -> None:
    for number in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 4, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    assert [int(frame[0, 0, 0]) for frame in iter_clip(tmp_path)] == [0, 1, 2]


def test_what_is_no_clip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="images in it"):
        list(iter_clip(tmp_path))
    with pytest.raises(MediaError, match="no such file"):
        list(iter_clip(tmp_path / "missing.mp4"))
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(MediaError, match="two frames or more"):
        PseudoLabelledClip(tmp_path, 3, 2, np.random.default_rng(0))
