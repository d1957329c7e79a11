from __future__ import annotations

import numpy as np
import pytest

from vssn.models.layout import BATCH_NORM_EPSILON
from vssn.runtime import folding
from vssn.runtime.folding import ConvWeights


def correlate(image: np.ndarray, linear: ConvWeights, strides: int = 1, pad: int = 0) -> np.ndarray:
    """(h, w, inputs) convolved, in float64, straight from the definition."""
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0))).astype(np.float64)
    size = linear.kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (0, 1))
    return np.einsum("yxihw,hwio->yxo", windows[::strides, ::strides], linear.kernel) + linear.bias


def made(rng: np.random.Generator, size: int, inputs: int, outputs: int) -> ConvWeights:
    kernel = rng.normal(0, 1, (size, size, inputs, outputs)).astype(np.float32)
    return ConvWeights(kernel, rng.normal(0, 1, outputs).astype(np.float32))


def pixels(blocks: np.ndarray) -> np.ndarray:
    """(h, w, 4 * c) laid out as (2h, 2w, c), one pixel cropped from every side."""
    height, width, channels = blocks.shape
    split = blocks.reshape(height, width, 2, 2, channels // 4).transpose(0, 2, 1, 3, 4)
    return split.reshape(2 * height, 2 * width, channels // 4)[1:-1, 1:-1]


def test_a_folded_batch_norm_gives_what_both_layers_give() -> None:
    rng = np.random.default_rng(0)
    linear = made(rng, 3, 2, 4)
    gamma, beta, mean = rng.normal(0, 1, (3, 4)).astype(np.float32)
    variance = rng.uniform(0.1, 2, 4).astype(np.float32)
    weights = {"conv1/kernel": linear.kernel, "conv1/bias": linear.bias}
    weights |= {"bn_conv1/gamma": gamma, "bn_conv1/beta": beta}
    weights |= {"bn_conv1/moving_mean": mean, "bn_conv1/moving_variance": variance}
    image = rng.normal(0, 1, (5, 6, 2))
    expected = (correlate(image, linear) - mean) / np.sqrt(variance + BATCH_NORM_EPSILON)
    got = correlate(image, folding.folded(weights, "conv1"))
    np.testing.assert_allclose(got, expected * gamma + beta, atol=1e-5)


def test_means_in_the_kernel_leave_the_zero_padding_as_it_was() -> None:
    rng = np.random.default_rng(1)
    linear, means = made(rng, 7, 3, 4), np.array([100, 110, 120], np.float32)
    image = rng.integers(0, 256, (9, 10, 3)).astype(np.float32)
    with_ones = np.dstack([image, np.full((9, 10), 255, np.float32)])
    got = correlate(with_ones, folding.with_means(linear, means, 255), 2, 3)
    np.testing.assert_allclose(got, correlate(image - means, linear, 2, 3), rtol=1e-4, atol=1e-2)


def test_phases_are_the_upsampling_and_its_convolution() -> None:
    rng = np.random.default_rng(2)
    linear, image = made(rng, 3, 3, 5), rng.normal(0, 1, (4, 5, 3))
    expected = correlate(image.repeat(2, 0).repeat(2, 1), linear, pad=1)
    got = pixels(correlate(image, folding.upsampling_phases(linear), pad=1))
    np.testing.assert_allclose(got, expected, atol=1e-5)


def test_phases_are_the_deconvolution() -> None:
    rng = np.random.default_rng(3)
    kernel = rng.normal(0, 1, (4, 4, 5, 3)).astype(np.float32)
    image = rng.normal(0, 1, (3, 4, 3))
    expected = np.zeros((8, 10, 5))
    for y, x in np.ndindex(3, 4):
        expected[2 * y : 2 * y + 4, 2 * x : 2 * x + 4] += kernel @ image[y, x]
    got = pixels(correlate(image, folding.deconvolution_phases(kernel), pad=1))
    np.testing.assert_allclose(got, expected[1:-1, 1:-1], atol=1e-5)


@pytest.mark.parametrize("hw", [(4, 4), (5, 7)])
def test_the_merged_tail_is_its_three_layers_up_to_the_last_border_pixel(
    hw: tuple[int, int],
) -> None:
    rng = np.random.default_rng(4)
    layers = [made(rng, 3, 6, 5), made(rng, 3, 5, 4), made(rng, 3, 4, 2)]
    image = rng.normal(0, 1, (*hw, 6)).astype(np.float32)
    expected = image
    for linear in layers[:2]:
        expected = correlate(expected.repeat(2, 0).repeat(2, 1), linear, pad=1)
    expected = correlate(expected, layers[2], pad=1)
    merged = folding.merged_tail(layers)
    got = np.empty((4 * hw[0], 4 * hw[1], 2))
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    for y, x in np.ndindex(*hw):
        place = tuple(
            0 if i == 0 else 2 if i == n - 1 else 1 for i, n in zip((y, x), hw, strict=False)
        )
        linear = merged[place]
        cell = np.einsum("hwi,hwio->o", padded[y : y + 3, x : x + 3], linear.kernel) + linear.bias
        got[4 * y : 4 * y + 4, 4 * x : 4 * x + 4] = cell.reshape(2, 4, 4).transpose(1, 2, 0)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-2)
    inside = folding.merged_tail(layers)[1, 1]
    assert abs(inside.bias - merged[0, 1].bias).max() > 0.1  # the border is another map
