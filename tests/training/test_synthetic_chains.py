"""Chains from stills: labels, probabilities and flow move with the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from vssn.flow.warp import pixel_grid
from vssn.training.synthetic_chains import (
    Chain,
    SegmentedStill,
    jittered,
    mirrored,
    synthetic_chain,
)
from vssn.training.synthetic_motion import CutOut

HW = (104, 152)
STEPS = 2
CAR = 8


@pytest.fixture(scope="module")
def still() -> SegmentedStill:
    """A smooth picture whose colours show its labels and probabilities."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (9, 12), np.uint8)
    bright = cv2.resize(noise, (240, 180), interpolation=cv2.INTER_CUBIC)
    label = (bright > 127).astype(np.uint8)
    probabilities = np.zeros((*HW, 11), np.uint8)
    probabilities[..., 1] = cv2.resize(bright, HW[::-1], interpolation=cv2.INTER_AREA)
    probabilities[..., 0] = 255 - probabilities[..., 1]
    return SegmentedStill(np.dstack([bright] * 3), label, probabilities)


def made(seed: int, still: SegmentedStill, objects: list[CutOut]) -> Chain:
    return synthetic_chain(np.random.default_rng(seed), still, objects, HW, STEPS, 0.8)


def backwards(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    where = pixel_grid(HW) + flow
    return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload, no-any-return]


def inside(flow: np.ndarray) -> np.ndarray:
    where = pixel_grid(HW) + flow
    return (where >= 0).all(-1) & (where <= np.array(HW[::-1]) - 1).all(-1)


@pytest.mark.parametrize("seed", range(4))
def test_each_frame_is_the_one_before_moved_by_the_flow(seed: int, still: SegmentedStill) -> None:
    chain = made(seed, still, [])
    assert chain.frames_rgb.shape == (STEPS + 1, *HW, 3)
    for step, flow in enumerate(chain.flow):
        error = backwards(chain.frames_rgb[step], flow).astype(int) - chain.frames_rgb[step + 1]
        assert np.percentile(np.abs(error)[inside(flow)], 98) <= 6


@pytest.mark.parametrize("seed", range(4))
def test_labels_and_probabilities_move_with_the_frames(seed: int, still: SegmentedStill) -> None:
    chain = made(seed, still, [])
    first = chain.frames_rgb[0, ..., 0].astype(int)
    assert np.percentile(np.abs(chain.probabilities[..., 1] - first), 95) <= 12
    assert (chain.probabilities.sum(-1, dtype=int) >= 250).all()
    for frame, label in zip(chain.frames_rgb[1:, ..., 0], chain.labels, strict=True):
        clear = np.abs(frame.astype(int) - 127) > 12
        assert ((frame > 127) == label)[clear].mean() > 0.99


def test_objects_have_their_labels_and_probabilities(still: SegmentedStill) -> None:
    red = CutOut(np.full((40, 60, 3), (255, 0, 0), np.uint8), np.ones((40, 60), np.float32), CAR)
    chain = made(1, still, [red])
    red_there = (chain.frames_rgb[..., 0] > 240) & (chain.frames_rgb[..., 1] < 20)
    assert (chain.labels == CAR).any()
    assert (red_there[1:] == (chain.labels == CAR)).mean() > 0.98
    assert (red_there[0] == (chain.probabilities.argmax(-1) == CAR)).mean() > 0.98


def test_a_mirror_turns_everything(still: SegmentedStill) -> None:
    chain = made(2, still, [])
    other = mirrored(chain)
    np.testing.assert_array_equal(other.flow[..., 0], -chain.flow[:, :, ::-1, 0])
    np.testing.assert_array_equal(other.labels, chain.labels[:, :, ::-1])
    np.testing.assert_array_equal(other.frames_rgb, chain.frames_rgb[:, :, ::-1])
    np.testing.assert_array_equal(mirrored(other).probabilities, chain.probabilities)


def test_jitter_changes_colours_and_displaces_probabilities_only(
    still: SegmentedStill,
) -> None:
    chain = made(3, still, [])
    plain, displaced = (jittered(np.random.default_rng(0), chain, share) for share in (0, 1))
    for other in (plain, displaced):
        assert not np.array_equal(other.frames_rgb, chain.frames_rgb)
        for name in ("labels", "flow", "weight"):
            assert getattr(other, name) is getattr(chain, name)
    assert np.array_equal(plain.probabilities, chain.probabilities)
    off = np.abs(displaced.probabilities.astype(int) - chain.probabilities)
    assert 0 < off.mean() < 30


def test_a_seed_gives_the_same_chain_again(still: SegmentedStill) -> None:
    first, again = (made(5, still, []) for _ in range(2))
    for name in ("frames_rgb", "probabilities", "labels", "flow", "weight"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
