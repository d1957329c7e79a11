"""Neighbouring frames of a made clip: one view, one weather, and where each pixel came from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.training.augment import ViewRange
from vssn.training.frame_pairs import FramePairs

STEP_PX = 6
CALM = ViewRange(scale=(1, 1), stretch=1, aspect_share=0, rotation_deg=0, colour=0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six frames of a texture that moves to the left."""
    folder = tmp_path_factory.mktemp("clip")
    noise = np.random.default_rng(0).integers(0, 255, (52, 90, 3), np.uint8)
    texture = cv2.resize(noise, (720, 416), interpolation=cv2.INTER_CUBIC)
    for number in range(6):
        start = STEP_PX * number
        cv2.imwrite(str(folder / f"{number}.png"), texture[:, start : start + 608])
    return folder


def test_pairs_are_spread_over_the_clip(clip: Path) -> None:
    assert len(FramePairs([clip], 3).pairs) == 3
    assert len(FramePairs([clip, clip], 40).pairs) == 10


@pytest.mark.parametrize("seed", range(4))
def test_the_flow_leads_from_the_later_frame_to_the_one_before(clip: Path, seed: int) -> None:
    views = FramePairs([clip], 3).draw(seed, (128, 160), CALM)
    assert views.images_rgb.shape == (2, 128, 160, 3)
    assert views.flow.shape == (64, 80, 2)
    known = views.known > 0
    assert known.mean() > 0.5
    # To the right, or to the left where the view is mirrored; half as far on half the grid.
    assert np.abs(np.median(views.flow[known][:, 0])) == pytest.approx(STEP_PX / 2, abs=0.3)
    assert np.abs(np.median(views.flow[known][:, 1])) < 0.2


def test_weather_is_the_same_for_both_frames(clip: Path) -> None:
    pairs = FramePairs([clip], 3)
    strong = ViewRange(scale=(1, 1), stretch=1, aspect_share=0, rotation_deg=0, colour=1)
    levels = np.array(
        [pairs.draw(seed, (128, 160), strong).images_rgb.mean((1, 2, 3)) for seed in range(12)]
    )
    assert levels[:, 0].std() > 3 * np.abs(levels[:, 0] - levels[:, 1]).mean()
    again = [pairs.draw(5, (128, 160), strong).images_rgb for _ in range(2)]
    assert np.array_equal(*again)


def test_a_clip_of_one_frame_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(MediaError, match="two or more"):
        FramePairs([tmp_path], 3)
