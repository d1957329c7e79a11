"""Pictures as other cameras and weather give them."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.training.photometric import CHANGES, jitter_colour, other_camera

RNG = np.random.default_rng


def picture() -> np.ndarray:
    ys, xs = np.mgrid[:60, :80]
    return np.stack([ys * 3 + 20, xs * 2 + 30, (xs // 10 + ys // 10) % 2 * 90 + 60], -1).astype(
        np.uint8
    )


@pytest.mark.parametrize("change", [change for change, _ in CHANGES])
def test_every_change_keeps_the_shape_and_the_scene(change: object) -> None:
    before = picture()
    for seed in range(5):
        after = change(RNG(seed), before)  # type: ignore[operator]
        assert after.shape == before.shape
        assert after.dtype == np.uint8
        assert not np.array_equal(after, before)
        luminance = [image.astype(float).mean(-1).ravel() for image in (before, after)]
        assert np.corrcoef(*luminance)[0, 1] > 0.3
    assert np.array_equal(before, picture())


def test_a_seed_gives_the_same_picture_again_and_no_strength_none() -> None:
    first, again = (other_camera(RNG(3), picture(), 1.0) for _ in range(2))
    assert np.array_equal(first, again)
    assert np.array_equal(other_camera(RNG(3), picture(), 0.0), picture())


def test_colours_change_with_strength_and_not_without() -> None:
    image = RNG(0).integers(40, 200, (30, 40, 3), np.uint8)
    same = jitter_colour(RNG(1), image, 0.0)
    assert np.abs(same.astype(int) - image).max() <= 4  # rounding on the way through hue
    changes = [
        np.abs(jitter_colour(RNG(1), image, strength).astype(int) - image).mean()
        for strength in (0.1, 0.5, 1.0)
    ]
    assert changes == sorted(changes)
    assert changes[2] > 5
