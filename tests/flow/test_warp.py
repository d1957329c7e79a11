"""Warping: the right way, the right distance, every class by its own factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vssn.flow.warp import pixel_grid, resize_flow, warp, warp_probabilities
from vssn.original.warp import warp_probabilities_coarse
from vssn.types import FlowEstimate


def constant_flow(hw: tuple[int, int], dx: float, dy: float) -> np.ndarray:
    return np.full((*hw, 2), (dx, dy), np.float32)


def dot(hw: tuple[int, int], y: int, x: int, channels: int = 11) -> np.ndarray:
    image = np.zeros((*hw, channels), np.float32)
    image[y, x] = np.arange(1, channels + 1)
    return image


def test_the_flow_points_from_the_current_frame_to_the_key_frame() -> None:
    # What is at x=10 in the key frame is at x=13 now, so the flow there is -3.
    moved = warp(dot((20, 30), 8, 10), constant_flow((20, 30), -3, 2))
    np.testing.assert_array_equal(moved, dot((20, 30), 6, 13))


def test_no_flow_changes_nothing() -> None:
    image = np.random.default_rng(0).random((12, 17, 11), np.float32)
    np.testing.assert_array_equal(warp(image, constant_flow((12, 17), 0, 0)), image)


def test_half_a_pixel_is_interpolated() -> None:
    ramp = np.tile(np.arange(10, dtype=np.float32)[np.newaxis, :, np.newaxis], (4, 1, 11))
    moved = warp(ramp, constant_flow((4, 10), 0.5, 0))
    np.testing.assert_allclose(moved[:, :-1], ramp[:, :-1] + 0.5)


def test_what_comes_from_outside_repeats_the_edge() -> None:
    ramp = np.tile(np.arange(10, dtype=np.float32)[np.newaxis, :, np.newaxis], (4, 1, 11))
    moved = warp(ramp, constant_flow((4, 10), -4, 0))
    np.testing.assert_array_equal(moved[0, :, 0], [0, 0, 0, 0, 0, 1, 2, 3, 4, 5])


def test_a_flow_that_varies_moves_each_pixel_by_its_own() -> None:
    image = np.random.default_rng(0).random((8, 9, 3), np.float32)
    flow = np.random.default_rng(1).integers(-2, 3, (8, 9, 2)).astype(np.float32)
    moved = warp(image, flow)
    ys, xs = np.mgrid[:8, :9]
    sources = np.clip(xs + flow[..., 0], 0, 8), np.clip(ys + flow[..., 1], 0, 7)
    expected = image[sources[1].astype(int), sources[0].astype(int)]
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_vectors_grow_with_the_grid_each_way_by_its_own() -> None:
    enlarged = resize_flow(constant_flow((52, 76), 1.5, -2), (208, 152))
    assert enlarged.dtype == np.float32
    assert enlarged.shape == (208, 152, 2)
    np.testing.assert_allclose(enlarged, constant_flow((208, 152), 3, -8))


def test_vectors_shrink_with_the_grid() -> None:
    np.testing.assert_allclose(
        resize_flow(constant_flow((360, 480), 3, -9), (120, 240)),
        constant_flow((120, 240), 1.5, -3),
    )


def test_enlarging_keeps_a_linear_flow_linear() -> None:
    # A flow towards the middle, in cells of either grid, sampled at the cells' centres.
    def inward(hw: tuple[int, int]) -> np.ndarray:
        centre = np.array([hw[1] - 1, hw[0] - 1], np.float32) / 2
        return (centre - pixel_grid(hw)) * np.float32(0.1)

    enlarged = resize_flow(inward((10, 12)), (40, 48))
    np.testing.assert_allclose(enlarged[2:-2, 2:-2], inward((40, 48))[2:-2, 2:-2], atol=1e-5)


def test_scores_are_warped_at_their_own_resolution() -> None:
    # A line one pixel wide survives a coarse flow of one cell, which is four pixels.
    probabilities = np.zeros((208, 304, 11), np.float32)
    probabilities[:, 100] = 1
    estimate = FlowEstimate(constant_flow((52, 76), -1, 0), np.ones((52, 76, 11), np.float32))
    moved = warp_probabilities(probabilities, estimate)
    expected = np.zeros_like(probabilities)
    expected[:, 104] = 1
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_scale_multiplies_each_class() -> None:
    probabilities = np.ones((16, 24, 11), np.float32)
    factors = np.linspace(0.5, 1.5, 11, dtype=np.float32)
    scale = np.tile(factors, (4, 6, 1))
    scale[:, 3:] *= 2
    moved = warp_probabilities(probabilities, FlowEstimate(constant_flow((4, 6), 0, 0), scale))
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved[0, 0], factors, rtol=1e-6)
    np.testing.assert_allclose(moved[0, -1], 2 * factors, rtol=1e-6)


@pytest.mark.parametrize("warp", [warp_probabilities, warp_probabilities_coarse])
def test_without_a_scale_scores_are_moved_alone(
    warp: Callable[[np.ndarray, FlowEstimate], np.ndarray],
) -> None:
    probabilities = np.random.default_rng(0).random((16, 24, 11), np.float32)
    flow = constant_flow((8, 12), 1, -0.5)
    alone = warp(probabilities, FlowEstimate(flow, None))
    ones = np.ones((8, 12, 11), np.float32)
    np.testing.assert_array_equal(alone, warp(probabilities, FlowEstimate(flow, ones)))


def test_the_reference_frames_scores_stay_as_they_were() -> None:
    probabilities = np.random.default_rng(0).random((16, 24, 11), np.float32)
    before = probabilities.copy()
    estimate = FlowEstimate(constant_flow((4, 6), 1, 1), np.full((4, 6, 11), 0.5, np.float32))
    warp_probabilities(probabilities, estimate)
    np.testing.assert_array_equal(probabilities, before)


def test_the_shared_grid_can_not_be_changed() -> None:
    grid = pixel_grid((3, 4))
    assert grid[2, 3].tolist() == [3, 2]
    with pytest.raises(ValueError, match="read-only"):
        grid[0, 0] = 5
