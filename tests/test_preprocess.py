"""Resizing, normalisation and colour order."""

from __future__ import annotations

import numpy as np

from vssn.preprocess import flow_input, resize_bilinear, segnet_input


def colour_frame(hw: tuple[int, int] = (40, 60)) -> np.ndarray:
    """One colour: blue 10, green 20, red 30."""
    return np.tile(np.array([10, 20, 30], np.uint8), (*hw, 1))


def corner_frame() -> np.ndarray:
    """480x720 px, black but for a corner block of its own colour in each corner."""
    frame = np.zeros((480, 720, 3), np.uint8)
    for value, rows, columns in (
        (50, slice(None, 60), slice(None, 90)),
        (100, slice(None, 60), slice(-90, None)),
        (150, slice(-60, None), slice(None, 90)),
        (200, slice(-60, None), slice(-90, None)),
    ):
        frame[rows, columns] = value
    return frame


def corners(image: np.ndarray) -> list[float]:
    return [float(image[y, x, 1]) for y in (0, -1) for x in (0, -1)]


def test_segnet_gets_rgb_less_each_channels_own_mean() -> None:
    image = segnet_input(colour_frame())
    assert image.shape == (1, 416, 608, 3)
    assert image.dtype == np.float32
    expected = [30 - 123.68, 20 - 116.779, 10 - 103.939]
    np.testing.assert_allclose(image[0, 0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(image[0, 200, 300], expected, rtol=1e-6)


def test_the_flow_network_gets_rgb_from_0_to_1() -> None:
    image = flow_input(colour_frame())
    assert image.shape == (208, 304, 3)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[100, 100], np.array([30, 20, 10]) / 255, rtol=1e-6)
    assert flow_input(np.full((20, 20, 3), 255, np.uint8)).max() == 1.0
    assert flow_input(np.zeros((20, 20, 3), np.uint8)).min() == 0.0


def test_both_networks_see_the_whole_frame_at_other_proportions_too() -> None:
    seen = segnet_input(corner_frame())[0] + np.array([123.68, 116.779, 103.939])
    np.testing.assert_allclose(corners(seen), [50, 100, 150, 200], atol=1e-4)
    flow = flow_input(corner_frame()) * 255
    np.testing.assert_allclose(corners(flow), [50, 100, 150, 200], atol=1e-4)
    # An eighth of the frame each way stays an eighth: nothing is cropped.
    assert abs(int((flow[:104, 0, 1] > 25).sum()) - 26) <= 1
    assert abs(int((flow[0, :152, 1] > 25).sum()) - 38) <= 1


def test_sizes_are_the_callers_choice() -> None:
    assert segnet_input(colour_frame(), (64, 96)).shape == (1, 64, 96, 3)
    assert flow_input(colour_frame(), (64, 96)).shape == (64, 96, 3)


def test_the_frame_itself_is_left_alone() -> None:
    frame = colour_frame((416, 608))
    segnet_input(frame)
    flow_input(frame, (416, 608))
    assert np.array_equal(frame, colour_frame((416, 608)))


def test_resizing_keeps_type_and_uses_half_pixel_centres() -> None:
    row = np.array([[0.0, 4.0]], np.float32)
    resized = resize_bilinear(row, (1, 4))
    assert resized.dtype == np.float32
    np.testing.assert_allclose(resized[0], [0, 1, 3, 4])
    assert resize_bilinear(np.zeros((4, 4, 3), np.uint8), (2, 2)).dtype == np.uint8


def test_resizing_to_the_same_size_returns_the_image_itself() -> None:
    image = np.zeros((4, 6, 3), np.float32)
    assert resize_bilinear(image, (4, 6)) is image


def test_eleven_channels_are_resized_alike() -> None:
    ramp = np.arange(4)[:, np.newaxis, np.newaxis] * np.ones((1, 3, 11)) + np.arange(11) * 10
    resized = resize_bilinear(np.asarray(ramp, np.float32), (8, 6))
    assert resized.shape == (8, 6, 11)
    for channel in range(11):
        np.testing.assert_allclose(resized[..., channel], resized[..., 0] + 10 * channel)
    np.testing.assert_allclose(resized[:, 0, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3])
