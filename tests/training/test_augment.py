"""Random views of stills: image and label together, void outside, rare classes in sight."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.training.augment import ViewRange, random_view

STILL_HW = (360, 480)
CROP_HW = (288, 320)
CALM = ViewRange(scale=(0.6, 1.7), colour=0)


def view(
    seed: int, image: np.ndarray, label: np.ndarray, views: ViewRange = CALM
) -> tuple[np.ndarray, np.ndarray]:
    seen = random_view(np.random.default_rng(seed), image, label, CROP_HW, views)
    return seen.image_rgb, seen.label


def blocks() -> np.ndarray:
    """(360, 480) classes 0-10 in blocks of 60 px."""
    ys, xs = np.mgrid[: STILL_HW[0], : STILL_HW[1]]
    return np.asarray((ys // 60 * 3 + xs // 60) % 11, np.uint8)


def shown(label: np.ndarray) -> np.ndarray:
    """An image whose red value is 20 times the label."""
    return np.stack([label * 20, label * 0 + 7, label * 0 + 99], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("seed", range(8))
def test_image_and_label_move_together(seed: int) -> None:
    label = blocks()
    image, moved = view(seed, shown(label), label)
    assert image.shape == (*CROP_HW, 3)
    assert moved.shape == CROP_HW
    assert image.dtype == moved.dtype == np.uint8
    red = image[..., 0] / 20
    known = moved < 11
    agree = np.abs(red - moved)[known] < 0.5
    assert known.mean() > 0.5
    assert agree.mean() > 0.97


def test_label_and_image_are_not_shifted_against_each_other() -> None:
    # At zoom 1 a still of the network's size is only cut and flipped: a ramp tells to where.
    ramp = np.tile(np.arange(608) // 4 % 11, (416, 1)).astype(np.uint8)
    fixed = ViewRange((1, 1), 1, aspect_share=0, rotation_deg=0, rare_share=0, colour=0)
    for seed in range(6):
        image, label = view(seed, shown(ramp), ramp, fixed)
        known = label < 11
        assert np.mean(np.abs(image[..., 0] / 20 - label)[known] <= 0.5) > 0.9


def test_outside_of_the_still_the_label_is_void_and_the_image_mirrored() -> None:
    label = np.full(STILL_HW, 4, np.uint8)
    small = ViewRange((0.5, 0.5), 1, aspect_share=0, rotation_deg=0, rare_share=0, colour=0)
    image, moved = view(0, shown(label), label, small)
    assert set(np.unique(moved)) == {4, 11}
    # Half of 416x608 fills 208x304 of the crop's 288x320.
    assert (moved == 4).mean() == pytest.approx(208 * 304 / (288 * 320), rel=0.03)
    assert (image[..., 0] == 80).all()
    assert moved[144, 160] == 4
    assert moved[0, 0] == 11


@pytest.mark.parametrize("seed", range(4))
def test_classes_are_never_blended(seed: int) -> None:
    label = np.where(blocks() < 5, 0, 9).astype(np.uint8)
    assert set(np.unique(view(seed, shown(label), label)[1])) <= {0, 9, 11}


def test_half_of_the_views_may_be_centred_on_a_class_drawn_uniformly() -> None:
    label = np.full(STILL_HW, 3, np.uint8)
    label[100:104, 300:304] = 9
    views = {
        share: ViewRange((1.7, 1.7), 1, aspect_share=0, rotation_deg=0, rare_share=share, colour=0)
        for share in (0.0, 1.0)
    }
    seen = {
        share: np.mean([(view(seed, shown(label), label, r)[1] == 9).any() for seed in range(60)])
        for share, r in views.items()
    }
    # Of the views that look for a class half look for the road, which is anywhere.
    assert seen[1.0] > seen[0.0] + 0.2
    assert seen[1.0] > 0.5


def test_void_is_never_looked_for() -> None:
    void = np.full(STILL_HW, 11, np.uint8)
    void[:60, :60] = 5
    always = ViewRange((1.7, 1.7), 1, aspect_share=0, rotation_deg=0, rare_share=1, colour=0)
    assert all((view(seed, shown(void), void, always)[1] == 5).any() for seed in range(20))
    void[:] = 11
    assert (view(0, shown(void), void, always)[1] == 11).all()


def test_views_are_flipped_half_of_the_time() -> None:
    ramp = np.tile(np.linspace(0, 255, 480), (360, 1)).astype(np.uint8)
    image = np.stack([ramp] * 3, axis=-1)
    label = np.full(STILL_HW, 1, np.uint8)
    rising = [
        float(np.diff(view(seed, image, label)[0][144, :, 0].astype(float)).mean()) > 0
        for seed in range(40)
    ]
    assert 10 < sum(rising) < 30


def test_a_seed_gives_the_same_view_again() -> None:
    label = blocks()
    first, again = (view(5, shown(label), label, ViewRange()) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[0], view(6, shown(label), label, ViewRange())[0])


@pytest.mark.parametrize("seed", range(8))
def test_before_and_after_the_change_of_colours_a_view_shows_the_same_pixels(seed: int) -> None:
    label = blocks()
    strong, none = ViewRange(colour=1), ViewRange(colour=0)
    changed, still = (
        random_view(np.random.default_rng(seed), shown(label), label, CROP_HW, views)
        for views in (strong, none)
    )
    assert np.array_equal(changed.plain_rgb, still.plain_rgb)
    assert np.array_equal(still.plain_rgb, still.image_rgb)
    assert np.array_equal(changed.label, still.label)
    assert not np.array_equal(changed.image_rgb, changed.plain_rgb)


def test_seeds_give_the_views_that_they_always_gave() -> None:
    # Mean and deviation of the image, mean of the label, of the first version of these views.
    before = [
        (55.165, 21.127, 4.95),
        (56.047, 44.382, 4.786),
        (51.284, 48.497, 5.271),
        (65.108, 57.396, 5.005),
        (53.341, 50.81, 3.921),
        (45.19, 47.527, 5.296),
    ]
    label = blocks()
    views = [view(seed, shown(label), label, ViewRange()) for seed in range(len(before))]
    now = [(image.mean(), image.std(), moved.mean()) for image, moved in views]
    np.testing.assert_allclose(now, before, atol=0.1)


def test_the_still_itself_is_left_alone() -> None:
    label = blocks()
    image = shown(label)
    view(1, image, label, ViewRange())
    assert np.array_equal(label, blocks())
    assert np.array_equal(image, shown(blocks()))


def test_pixels_of_other_cameras_are_wider_or_narrower() -> None:
    # Of a still twice as wide as high, bars 20 px wide and 20 px high tell a pixel's shape.
    ys, xs = np.mgrid[:384, :768]
    label = ((xs // 20 % 2) * 2 + ys // 20 % 2).astype(np.uint8)
    shapes = []
    for seed in range(60):
        views = ViewRange((1, 1), 1, (0.7, 1.2), 0.5, 0, 0, 0)
        moved = view(seed, shown(label), label, views)[1]
        columns, rows = (
            np.diff(part.astype(int), axis=axis) != 0
            for part, axis in ((moved // 2, 1), (moved % 2, 0))
        )
        wide, high = columns[moved[:, 1:] != 11].mean(), rows[moved[1:] != 11].mean()
        shapes.append(high / wide)
    squeezed = 608 / 768 / (416 / 384)
    assert np.mean(np.isclose(shapes, squeezed, rtol=0.08)) > 0.3
    assert max(shapes) > 1.05
    assert min(shapes) > 0.6
