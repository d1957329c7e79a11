"""Thin FlowNetS: the original's variables, sizes and wiring."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    import keras

# Kernel shapes as TensorFlow stores them; a deconvolution's is (kh, kw, out, in), without bias.
KERNELS = {
    "conv1": (7, 7, 6, 24),
    "conv2": (5, 5, 24, 48),
    "conv3": (5, 5, 48, 96),
    "conv3_1": (3, 3, 96, 96),
    "conv4": (3, 3, 96, 192),
    "conv4_1": (3, 3, 192, 192),
    "conv5": (3, 3, 192, 192),
    "conv5_1": (3, 3, 192, 192),
    "conv6": (3, 3, 192, 384),
    "conv6_1": (3, 3, 384, 384),
    "predict_flow6": (3, 3, 384, 2),
    "deconv5": (4, 4, 192, 384),
    "upsample_flow6to5": (4, 4, 2, 2),
    "predict_flow5": (3, 3, 386, 2),
    "deconv4": (4, 4, 96, 386),
    "upsample_flow5to4": (4, 4, 2, 2),
    "predict_flow4": (3, 3, 290, 2),
    "deconv3": (4, 4, 48, 290),
    "upsample_flow4to3": (4, 4, 2, 2),
    "predict_flow3": (3, 3, 146, 2),
    "deconv2": (4, 4, 24, 146),
    "upsample_flow3to2": (4, 4, 2, 2),
    "predict_flow2": (3, 3, 74, 2),
    "predict_scale": (3, 3, 74, 19),
}
STRIDED = {"conv1", "conv2", "conv3", "conv4", "conv5", "conv6"}
WITHOUT_BIAS = {name for name in KERNELS if name.startswith(("deconv", "upsample"))}


def test_the_number_of_parameters(flownets: keras.Model) -> None:
    assert flownets.count_params() == 5_474_979


def test_every_variable_has_its_name_and_shape(flownets: keras.Model) -> None:
    weighted = {layer.name: layer for layer in flownets.layers if layer.weights}
    assert {name: tuple(layer.kernel.shape) for name, layer in weighted.items()} == KERNELS
    assert {name for name, layer in weighted.items() if not layer.use_bias} == WITHOUT_BIAS


def test_strides_and_paddings(flownets: keras.Model) -> None:
    for name, shape in KERNELS.items():
        layer = flownets.get_layer(name)
        deconvolution = name in WITHOUT_BIAS
        assert layer.strides == ((2, 2) if name in STRIDED or deconvolution else (1, 1)), name
        assert layer.padding == ("same" if name.startswith("predict") else "valid"), name
        assert layer.activation.__name__ == "linear", name
        if name.startswith("conv"):
            side = shape[0] // 2
            assert flownets.get_layer(f"{name}_pad").padding == ((side, side), (side, side))


def test_leaky_relus_follow_convolutions_and_deconvolutions_only(flownets: keras.Model) -> None:
    leaky = [layer for layer in flownets.layers if type(layer).__name__ == "LeakyReLU"]
    assert {layer.negative_slope for layer in leaky} == {0.1}
    wanted = {f"{name}_leaky" for name in KERNELS if name.startswith(("conv", "deconv"))}
    assert {layer.name for layer in leaky} == wanted


def test_outputs_of_the_default_size(flownets: keras.Model) -> None:
    assert flownets.input_shape == (None, 208, 304, 6)
    shapes = {name: output.shape[1:] for name, output in flownets.output.items()}
    assert shapes == {"flow": (52, 76, 2), "scale": (52, 76, 19), "feature": (4, 5, 384)}


@pytest.fixture(scope="module")
def odd() -> keras.Model:
    """A network for 100x130 px, every level of which needs a crop of its own."""
    from vssn.models.flownets import build_flownets

    return build_flownets((100, 130))


@pytest.fixture(scope="module")
def odd_pair() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 1, (1, 100, 130, 6)).astype(np.float32)


def test_odd_sizes_work_and_an_untrained_scale_is_one(
    odd: keras.Model, odd_pair: np.ndarray
) -> None:
    outputs = {name: np.asarray(value) for name, value in odd(odd_pair).items()}
    assert outputs["flow"].shape == (1, 25, 33, 2)
    assert outputs["feature"].shape == (1, 2, 3, 384)
    assert outputs["flow"].std() > 0
    assert outputs["scale"].shape == (1, 25, 33, 19)
    assert np.all(outputs["scale"] == 1)


@pytest.mark.parametrize("hw", [(64, 64), (65, 97), (128, 200)])
def test_sizes_follow_from_the_input(hw: tuple[int, int]) -> None:
    from vssn.models.flownets import build_flownets

    output = build_flownets(hw).output
    assert output["flow"].shape[1:3] == tuple(math.ceil(side / 4) for side in hw)
    assert output["feature"].shape[1:3] == tuple(math.ceil(side / 64) for side in hw)


def _crop(deconvolved: np.ndarray, skip: np.ndarray) -> np.ndarray:
    return deconvolved[:, 1 : 1 + skip.shape[1], 1 : 1 + skip.shape[2]]


def _deconvolve(x: np.ndarray, layer: keras.Layer) -> np.ndarray:
    """4x4/2 'valid' by hand: each input cell adds its kernel to a 4x4 window."""
    kernel = np.asarray(layer.kernel)
    batch, height, width, _ = x.shape
    out = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[2]), np.float32)
    for row in range(height):
        for column in range(width):
            window = np.s_[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4]
            out[window] += np.einsum("bi,hwoi->bhwo", x[:, row, column], kernel)
    return out


def test_a_level_joins_skip_deconvolution_and_flow_cropped_at_the_start(
    odd: keras.Model, odd_pair: np.ndarray
) -> None:
    import keras

    names = ("conv6_1_leaky", "predict_flow6", "conv5_1_leaky", "concat5")
    taps = keras.Model(odd.input, [odd.get_layer(name).output for name in names])
    deep, flow, skip, joined = (np.asarray(x) for x in taps(odd_pair))
    up = _crop(_deconvolve(deep, odd.get_layer("deconv5")), skip)
    flow_up = _crop(_deconvolve(flow, odd.get_layer("upsample_flow6to5")), skip)
    expected = np.concatenate([skip, np.where(up > 0, up, 0.1 * up), flow_up], axis=-1)
    np.testing.assert_allclose(joined, expected, rtol=1e-4, atol=1e-6)


def test_flow_is_five_times_its_prediction(odd: keras.Model, odd_pair: np.ndarray) -> None:
    import keras

    raw = keras.Model(odd.input, odd.get_layer("predict_flow2").output)(odd_pair)
    np.testing.assert_allclose(np.asarray(odd(odd_pair)["flow"]), 5 * np.asarray(raw), rtol=1e-5)


def test_the_feature_is_that_of_the_deepest_convolution(
    odd: keras.Model, odd_pair: np.ndarray
) -> None:
    import keras

    deep = keras.Model(odd.input, odd.get_layer("conv6_1_leaky").output)(odd_pair)
    np.testing.assert_array_equal(np.asarray(odd(odd_pair)["feature"]), np.asarray(deep))
