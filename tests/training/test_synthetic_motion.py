"""Synthetic motion: its flow is exact."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vssn.flow.warp import pixel_grid
from vssn.training.synthetic_motion import (
    CutOut,
    FlowExample,
    camera_flow,
    cut_outs,
    photometric_jitter,
    synthetic_pair,
)

HW = (208, 304)
CAR = 8


@pytest.fixture(scope="module")
def still() -> np.ndarray:
    """A smooth picture, so that interpolation hardly shows."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8)
    return cv2.GaussianBlur(cv2.resize(noise, (480, 360), interpolation=cv2.INTER_CUBIC), (0, 0), 4)


@pytest.fixture(scope="module")
def car() -> CutOut:
    rgb = np.full((60, 90, 3), (250, 10, 20), np.uint8)
    rgb[:, 45:] = (10, 250, 20)
    return CutOut(rgb, np.ones((60, 90), np.float32), CAR)


def warped_key(example: FlowExample) -> tuple[np.ndarray, np.ndarray]:
    """The key frame warped by the flow, and where the flow stays inside of it."""
    where = pixel_grid(HW) + example.flow
    inside = (where >= 0).all(-1) & (where <= np.array(HW[::-1]) - 1).all(-1)
    moved = cv2.remap(example.key_rgb, where, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    return moved, inside & (example.weight == 1)


@pytest.mark.parametrize("seed", range(6))
def test_the_key_frame_warped_by_the_flow_is_the_current_frame(
    seed: int, still: np.ndarray
) -> None:
    example = synthetic_pair(np.random.default_rng(seed), still, [], HW)
    moved, known = warped_key(example)
    error = np.abs(moved.astype(int) - example.current_rgb).max(-1)[known]
    assert known.mean() > 0.3
    assert np.percentile(error, 99) <= 4
    apart = np.abs(example.key_rgb.astype(int) - example.current_rgb).max(-1)[known]
    assert np.percentile(apart, 99) > 4


@pytest.mark.parametrize("seed", range(6))
def test_the_flow_is_exact_on_moving_objects_too(seed: int, still: np.ndarray, car: CutOut) -> None:
    example = synthetic_pair(np.random.default_rng(seed), still, [car], HW)
    moved, known = warped_key(example)
    error = np.abs(moved.astype(int) - example.current_rgb).max(-1)[known]
    # Outlines are blended, and so are neither.
    assert (error > 12).mean() < 0.04


def test_what_an_object_hides_in_the_key_frame_has_no_weight(
    still: np.ndarray, car: CutOut
) -> None:
    examples = [synthetic_pair(np.random.default_rng(seed), still, [car], HW) for seed in range(12)]
    hidden = [example.weight == 0 for example in examples]
    assert any(mask.any() for mask in hidden)
    assert all(mask.mean() < 0.7 for mask in hidden)
    assert all(set(np.unique(example.weight)) <= {0, 1} for example in examples)
    # Without objects everything is known.
    assert synthetic_pair(np.random.default_rng(0), still, [], HW).weight.all()


def test_camera_motion_is_small_mostly_and_differs() -> None:
    flows = [camera_flow(np.random.default_rng(seed), HW) for seed in range(60)]
    lengths = [float(np.linalg.norm(flow, axis=-1).mean()) for flow in flows]
    assert all(flow.shape == (*HW, 2) and flow.dtype == np.float32 for flow in flows)
    assert 2 < np.median(lengths) < 30
    assert len({round(length, 3) for length in lengths}) == 60
    # Forwards mostly: what was in the key frame was nearer to the vanishing point.
    centred = pixel_grid(HW) - np.array([152, 100], np.float32)
    inward = [float((flow * centred).sum(-1).mean()) < 0 for flow in flows]
    assert sum(inward) > 40


def test_cut_outs_are_whole_objects_of_the_right_classes() -> None:
    label = np.full((100, 120), 3, np.uint8)
    label[10:40, 20:50] = CAR
    label[60:90, 70:110] = CAR
    label[60:90, 5:15] = 1
    label[50:55, 60:65] = CAR
    image = np.dstack([label * 30] * 3).astype(np.uint8)
    image[10:40, 20:50, 0] = 7
    found = cut_outs(image, label)
    assert sorted(cut.alpha.shape for cut in found) == [(30, 30), (30, 40)]
    assert all(cut.alpha.all() and cut.rgb.shape[:2] == cut.alpha.shape for cut in found)
    assert {int(cut.rgb[0, 0, 0]) for cut in found} == {7, 240}
    assert {cut.label for cut in found} == {CAR}


def test_the_background_inside_an_objects_box_is_transparent() -> None:
    label = np.full((60, 60), 3, np.uint8)
    label[10:40, 10:20] = CAR
    label[30:40, 10:50] = CAR
    (cut,) = cut_outs(np.zeros((60, 60, 3), np.uint8), label)
    assert cut.alpha.shape == (30, 40)
    assert cut.alpha.sum() == 30 * 10 + 10 * 30
    assert cut.alpha[0, -1] == 0


def test_colours_change_alike_and_the_motion_stays(still: np.ndarray) -> None:
    example = synthetic_pair(np.random.default_rng(3), still, [], HW)
    other = photometric_jitter(np.random.default_rng(0), example)
    assert other.flow is example.flow
    assert other.weight is example.weight
    assert not np.array_equal(other.key_rgb, example.key_rgb)
    shift = [
        changed.astype(float).mean((0, 1)) - frame.astype(float).mean((0, 1))
        for changed, frame in (
            (other.key_rgb, example.key_rgb),
            (other.current_rgb, example.current_rgb),
        )
    ]
    assert np.abs(shift[0]).max() > 1
    assert np.abs(shift[0] - shift[1]).max() < 16


def test_a_seed_gives_the_same_pair_again(still: np.ndarray, car: CutOut) -> None:
    first, again = (synthetic_pair(np.random.default_rng(9), still, [car], HW) for _ in range(2))
    for name in ("current_rgb", "key_rgb", "flow", "weight"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
