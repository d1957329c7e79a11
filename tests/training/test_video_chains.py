"""Chains from real video: frames, pseudo ground truth, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.labels import VOID
from vssn.training.video_chains import VideoChains

SHIFT_PX = 6  # to the right each frame, at 480x360
FRAMES = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames 480x360 of a texture that moves to the right."""
    path = tmp_path_factory.mktemp("clip")
    noise = np.random.default_rng(0).integers(0, 256, (90, 150, 3), np.uint8)
    wide = cv2.GaussianBlur(cv2.resize(noise, (600, 360)), (0, 0), 3)
    for number in range(FRAMES):
        start = 60 - SHIFT_PX * number
        cv2.imwrite(str(path / f"{number}.png"), wide[:, start : start + 480])
    return path


def probabilities(frame_bgr: np.ndarray) -> np.ndarray:
    """Road, with confidence where the frame is bright."""
    result = np.zeros((208, 304, 11), np.uint8)
    bright = cv2.resize(frame_bgr, (304, 208)).mean(-1) > 127
    result[..., 3] = np.where(bright, 250, 90)
    return result


@pytest.fixture(scope="module")
def clip(folder: Path) -> VideoChains:
    return VideoChains(folder, 12, 2, probabilities, np.random.default_rng(1))


def test_chains_are_evenly_spaced_frames_either_way(clip: VideoChains) -> None:
    assert len(clip.chains) == 12
    for chain in clip.chains:
        first, second, third = chain
        assert second - first == third - second != 0
        assert set(chain) <= set(range(FRAMES))
    assert {chain[1] > chain[0] for chain in clip.chains} == {True, False}


def test_the_teacher_finds_the_motion(folder: Path) -> None:
    clip = VideoChains(folder, 1, 2, probabilities, np.random.default_rng(1))
    stride = clip.chains[0][1] - clip.chains[0][0]
    seen = set()
    for seed in range(6):
        chain = clip.chain(np.random.default_rng(seed))
        assert chain.flow.shape == (2, 208, 304, 2)
        middle = chain.flow[:, 30:-30, 60:-60]
        assert np.abs(np.median(middle[..., 1])) < 0.3
        shift = float(np.median(middle[..., 0]))
        assert abs(abs(shift) - abs(stride) * SHIFT_PX * 304 / 480) < 0.4
        assert chain.weight[:, 30:-30, 60:-60].mean() > 0.8
        seen.add(shift > 0)
    # Mirrored at times.
    assert seen == {True, False}


def test_labels_are_the_networks_where_it_is_confident(clip: VideoChains) -> None:
    chain = clip.chain(np.random.default_rng(0))
    assert chain.probabilities.dtype == chain.labels.dtype == np.uint8
    assert set(np.unique(chain.labels)) == {3, VOID}
    bright = chain.frames_rgb[1:].mean(-1) > 127
    assert ((chain.labels == 3) == bright).mean() > 0.95


def test_only_frames_of_chains_are_segmented(folder: Path) -> None:
    asked = []

    def counting(frame_bgr: np.ndarray) -> np.ndarray:
        asked.append(frame_bgr)
        return probabilities(frame_bgr)

    clip = VideoChains(folder, 1, 2, counting, np.random.default_rng(0))
    assert len(asked) == len(set(clip.chains[0])) == 3


def test_too_short_a_clip_is_refused_in_one_line(folder: Path) -> None:
    with pytest.raises(MediaError, match=r"7 frames.*more than 7") as caught:
        VideoChains(folder, 1, FRAMES, probabilities, np.random.default_rng(0))
    assert "\n" not in str(caught.value)
