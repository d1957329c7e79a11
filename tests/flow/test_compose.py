"""Composed flows: one warp along them does what warping frame by frame does."""

from __future__ import annotations

import numpy as np
import pytest

from vssn.flow.compose import compose
from vssn.flow.warp import pixel_grid, warp
from vssn.types import Float32Array, FlowEstimate

HW = (40, 50)
INSIDE = np.s_[8:-8, 8:-8]


def affine_flow(matrix: np.ndarray, shift: tuple[float, float]) -> FlowEstimate:
    """The flow that takes a place p to ``matrix @ p + shift``, around the middle."""
    middle = np.array([HW[1], HW[0]]) / 2
    place = pixel_grid(HW) - middle
    return FlowEstimate((place @ matrix.T + shift - place).astype(np.float32), None)


def turned(degrees: float, zoom: float = 1.0) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return zoom * np.array([[cosine, -sine], [sine, cosine]])


def test_shifts_add_up() -> None:
    later, earlier = affine_flow(np.eye(2), (2.25, -1)), affine_flow(np.eye(2), (-0.5, 3))
    composed = compose(later, earlier)
    np.testing.assert_allclose(composed.flow[INSIDE], np.broadcast_to((1.75, 2), (24, 34, 2)))


@pytest.mark.parametrize("frames", [2, 5])
def test_the_composed_flow_of_a_camera_that_turns_and_moves_is_exact(frames: int) -> None:
    matrix, shift = turned(0.8, 1.01), np.array((0.4, -0.3))
    step = affine_flow(matrix, shift)
    composed, total, moved = step, matrix, shift
    for _ in range(frames - 1):
        composed = compose(step, composed)
        moved = total @ shift + moved  # the places of the frames before, seen from this one
        total = total @ matrix
    expected = affine_flow(total, tuple(moved)).flow
    np.testing.assert_allclose(composed.flow[INSIDE], expected[INSIDE], atol=0.02)


def test_one_warp_blurs_less_than_several() -> None:
    image = np.random.default_rng(0).random(HW, np.float32)
    half = affine_flow(np.eye(2), (0.5, 0))
    once = warp(image, compose(half, half).flow)
    np.testing.assert_allclose(once[INSIDE], image[8:-8, 9:-7], atol=1e-6)
    twice = warp(warp(image, half.flow), half.flow)
    assert twice[INSIDE].std() < 0.8 * once[INSIDE].std()


def test_scales_multiply_where_the_pixels_come_from() -> None:
    flow = np.full((*HW, 2), (1, 0), np.float32)
    scale: Float32Array = np.random.default_rng(0).random((*HW, 11), np.float32)
    composed = compose(FlowEstimate(flow, np.full_like(scale, 2)), FlowEstimate(flow, scale))
    assert composed.scale is not None
    np.testing.assert_allclose(composed.scale[:, :-1], 2 * scale[:, 1:], rtol=1e-5)
