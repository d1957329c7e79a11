"""DIS flow, on a texture that moves by a known distance."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from vssn.flow.dis import DIS_INPUT_HW, DISComparison, DISFlow
from vssn.flow.warp import warp_probabilities
from vssn.types import UInt8Array

HW = (360, 480)
MOVED_PX = (6, -4)  # (x, y) that content has moved by in the current frame


def texture_bgr(moved_px: tuple[int, int] = (0, 0)) -> UInt8Array:
    noise = np.random.default_rng(0).integers(0, 256, (420, 540, 3), np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), noise, 0, 255, cv2.NORM_MINMAX)
    x, y = 30 - moved_px[0], 30 - moved_px[1]
    return np.asarray(wide[y : y + HW[0], x : x + HW[1]], np.uint8)


def grey_views() -> list[UInt8Array]:
    """The current frame and the one before it."""
    views = [cv2.cvtColor(texture_bgr(moved), cv2.COLOR_BGR2GRAY) for moved in (MOVED_PX, (0, 0))]
    return [np.asarray(view, np.uint8) for view in views]


@pytest.fixture(scope="module")
def moved() -> DISComparison:
    network = DISFlow()
    return network.compare(network.prepare(texture_bgr(MOVED_PX)), network.prepare(texture_bgr()))


def test_the_flow_points_back_to_where_content_was(moved: DISComparison) -> None:
    estimate = moved.estimate()
    assert estimate.scale is None
    assert (estimate.flow.shape, estimate.flow.dtype) == ((*DIS_INPUT_HW, 2), np.float32)
    inner = estimate.flow[20:-20, 20:-20]
    cells = np.divide(np.negative(MOVED_PX), HW[0] / DIS_INPUT_HW[0])
    np.testing.assert_allclose(np.median(inner, (0, 1)), cells, atol=0.15)


def test_scores_are_carried_on_their_own_grid(moved: DISComparison) -> None:
    probabilities = np.zeros((180, 240, 11), np.float32)
    probabilities[60:100, 80:120, 8] = 1
    propagated = warp_probabilities(probabilities, moved.estimate())
    expected = np.zeros_like(probabilities)
    expected[58:98, 83:123, 8] = 1
    assert propagated.shape == probabilities.shape
    assert np.abs(propagated - expected).mean() < 0.1 * np.abs(probabilities - expected).mean()


def test_the_search_runs_once_and_only_when_it_is_asked_for() -> None:
    calls = []

    def calc(current: UInt8Array, reference: UInt8Array, flow: None) -> np.ndarray:
        calls.append((int(current[0, 0]), int(reference[0, 0]), flow))
        return np.zeros((*HW, 2), np.float32)

    views = [np.full(HW, value, np.uint8) for value in (7, 9)]
    comparison = DISComparison(SimpleNamespace(calc=calc), *views)  # type: ignore[arg-type]
    assert calls == []
    first = comparison.estimate()
    assert comparison.estimate() is first
    assert calls == [(7, 9, None)]


@pytest.mark.parametrize("hw", [(360, 480), (720, 960), (37, 53)])
def test_frames_of_any_size_become_grey_at_the_methods_own(hw: tuple[int, int]) -> None:
    frame = np.zeros((*hw, 3), np.uint8)
    frame[:, : hw[1] // 2] = (0, 0, 200)  # red is 30 % of grey
    view = DISFlow(input_hw=(60, 80)).prepare(frame)
    assert (view.shape, view.dtype) == ((60, 80), np.uint8)
    assert abs(int(view[30, 10]) - 60) <= 1
    assert view[30, 70] == 0
    assert DISFlow().prepare(frame).shape == DIS_INPUT_HW


@pytest.mark.parametrize("chosen", [(None, None, None), (1, 4, 2)])
@pytest.mark.parametrize("medium", [False, True])
def test_the_search_is_opencvs_with_its_preset_and_what_is_chosen(
    medium: bool, chosen: tuple[int | None, int | None, int | None]
) -> None:
    preset = cv2.DISOPTICAL_FLOW_PRESET_MEDIUM if medium else cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST
    views = grey_views()
    method = cv2.DISOpticalFlow.create(preset)
    setters = (method.setFinestScale, method.setPatchSize, method.setPatchStride)
    for setter, value in zip(setters, chosen, strict=True):
        if value is not None:
            setter(value)
    expected = method.calc(*views, None)  # type: ignore[call-overload]
    network = DISFlow(preset, HW, *chosen, refine_steps=0)
    np.testing.assert_array_equal(network.compare(*views).estimate().flow, expected)


@pytest.mark.parametrize("other", ["finest_scale", "patch_px", "stride_px", "refine_steps"])
def test_by_default_the_search_is_finer_than_the_preset_and_refined(other: str) -> None:
    views = grey_views()
    chosen = {"finest_scale": 2, "patch_px": 4, "stride_px": 2, "refine_steps": 2}
    default = DISFlow(**chosen).compare(*views).estimate().flow  # type: ignore[arg-type]
    np.testing.assert_array_equal(DISFlow().compare(*views).estimate().flow, default)
    changed = DISFlow(**chosen | {other: 1})  # type: ignore[arg-type]
    assert np.abs(default - changed.compare(*views).estimate().flow).max() > 1e-3


def test_a_picture_is_halved_while_it_is_twice_as_large() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (720, 960, 3), np.uint8)
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.float32)
    means = grey.reshape(180, 4, 240, 4).mean((1, 3))
    assert np.abs(DISFlow().prepare(frame) - means).max() <= 1
    odd = np.pad(frame, ((0, 1), (0, 1), (0, 0)))
    np.testing.assert_array_equal(DISFlow().prepare(odd), DISFlow().prepare(frame))
