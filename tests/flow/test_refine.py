"""Refining a flow: nearer to the truth from nearby, and nothing where there is nothing to see."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vssn.flow.refine import refine_flow
from vssn.flow.warp import resize_flow
from vssn.types import Float32Array, UInt8Array

HW = (96, 128)
MOVED = (-1.6, 0.7)  # flow from the current picture back to the reference, px


def pictures() -> tuple[UInt8Array, UInt8Array]:
    """The current picture and the reference, of a texture that moved."""
    noise = np.random.default_rng(3).random((HW[0] + 20, HW[1] + 20), np.float32)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2), noise, 0, 255, cv2.NORM_MINMAX)
    y, x = (axis.astype(np.float32) + 10 for axis in np.mgrid[: HW[0], : HW[1]])
    reference = cv2.remap(wide, x, y, cv2.INTER_CUBIC)
    current = cv2.remap(wide, x + np.float32(MOVED[0]), y + np.float32(MOVED[1]), cv2.INTER_CUBIC)
    made = [np.clip(np.rint(each), 0, 255).astype(np.uint8) for each in (current, reference)]
    return made[0], made[1]


def constant(dx: float, dy: float) -> Float32Array:
    return np.full((*HW, 2), (dx, dy), np.float32)


def error_px(flow: Float32Array) -> float:
    return float(np.abs(flow[8:-8, 8:-8] - np.float32(MOVED)).mean())


@pytest.mark.parametrize("levels", [1, 2])
def test_a_flow_nearby_is_brought_to_the_truth(levels: int) -> None:
    refined = refine_flow(constant(-1.0, 0.0), *pictures(), levels, 3)
    assert (refined.shape, refined.dtype) == ((*HW, 2), np.float32)
    assert error_px(refined) < 0.1 < error_px(constant(-1.0, 0.0))


def test_more_steps_come_nearer() -> None:
    one, three = (refine_flow(constant(-0.9, 0.1), *pictures(), 1, steps) for steps in (1, 3))
    assert error_px(three) < error_px(one)


def test_a_flow_on_a_coarser_grid_ends_on_the_pictures() -> None:
    coarse = resize_flow(constant(-1.2, 0.4), (24, 32))
    refined = refine_flow(coarse, *pictures(), 2, 2)
    assert refined.shape == (*HW, 2)
    assert error_px(refined) < 0.1


def test_without_levels_nothing_is_done() -> None:
    flow = constant(1, 2)
    assert refine_flow(flow, *pictures(), 0, 2) is flow


def test_without_texture_the_flow_stays() -> None:
    flat = np.full(HW, 90, np.uint8)
    brighter = np.full(HW, 120, np.uint8)
    for reference in (flat, brighter):
        refined = refine_flow(constant(2.5, -1.5), flat, reference, 2, 2)
        np.testing.assert_allclose(refined, constant(2.5, -1.5), atol=1e-5)


def test_what_one_window_got_wrong_is_taken_out() -> None:
    flow = constant(*MOVED)
    flow[40, 60] = 25
    assert np.abs(refine_flow(flow, *pictures(), 1, 1)[40, 60] - MOVED).max() < 0.3


@pytest.mark.parametrize("hw", [(1, 1), (3, 5), (33, 47)])
def test_pictures_of_any_size_are_taken(hw: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, hw, np.uint8)
    refined = refine_flow(np.zeros((*hw, 2), np.float32), noise, noise, 2, 2)
    assert refined.shape == (*hw, 2)
    assert np.isfinite(refined).all()
