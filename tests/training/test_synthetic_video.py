"""Short videos made of stills."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.cli.main import main
from vssn.data.lists import read_list
from vssn.media.images import read_image_bgr
from vssn.training.synthetic_video import synthetic_frames

HW = (120, 160)


@pytest.fixture
def image_rgb() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (15, 20, 3)).astype(np.uint8)
    return cv2.resize(noise, HW[::-1], interpolation=cv2.INTER_CUBIC)


def motion_px(a: np.ndarray, b: np.ndarray) -> float:
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = method.calc(*(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (a, b)), None)
    return float(np.linalg.norm(flow, axis=-1).mean())


def test_the_first_frame_is_the_still_and_the_camera_goes_on(image_rgb: np.ndarray) -> None:
    label = np.zeros(HW, np.uint8)
    further = 0
    for seed in range(8):
        first, second, third = synthetic_frames(np.random.default_rng(seed), image_rgb, label)
        assert first.shape == second.shape == third.shape == (*HW, 3)
        still = min(np.abs(first.astype(int) - x).mean() for x in (image_rgb, image_rgb[:, ::-1]))
        assert still < 6  # but for exposure and noise
        assert motion_px(second, first) > 0.1
        further += motion_px(third, first) > motion_px(second, first)
    assert further >= 7


def test_objects_of_the_still_move_in_front(image_rgb: np.ndarray) -> None:
    label = np.zeros(HW, np.uint8)
    label[40:80, 60:110] = 8
    image_rgb[label == 8] = (255, 0, 255)
    moved = [
        ((frame[..., 0] > 200) & (frame[..., 1] < 60) & (frame[..., 2] > 200)).sum()
        for seed in range(6)
        for frame in synthetic_frames(np.random.default_rng(seed), image_rgb, label)[:1]
    ]
    assert len(set(moved)) > 2  # pasted more than once, at other sizes


@pytest.fixture
def stills(tmp_path: Path, image_rgb: np.ndarray) -> Path:
    for folder in ("train", "trainannot"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        cv2.imwrite(str(tmp_path / f"train/{name}.png"), image_rgb)
        cv2.imwrite(str(tmp_path / f"trainannot/{name}.png"), np.zeros(HW, np.uint8))
    return tmp_path


def test_the_command_writes_frames_and_their_pairs(stills: Path) -> None:
    out = stills / "moved"
    argv = ["synthetic-video", "--data_dir", str(stills), "--save_dir", str(out), "--quiet"]
    assert main(argv) == 0
    entries = read_list(out / "pairs.txt")
    assert len(entries) == 12
    assert all(entry.frame != entry.labelled for entry in entries)
    frames = {name: read_image_bgr(out / name) for e in entries for name in (e.frame, e.labelled)}
    assert len(frames) == 6
    assert main([*argv[:-1], "--quiet", "--seed", "1"]) == 0
    for name, before in frames.items():
        assert np.array_equal(read_image_bgr(out / name), before)
    assert main([*argv, "--seed", "2"]) == 0
    assert not np.array_equal(read_image_bgr(out / "a_2.png"), frames["a_2.png"])
