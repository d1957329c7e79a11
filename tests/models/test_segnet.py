"""ResNet50-SegNet: the original's layers, shapes and sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.errors import BadInputError

if TYPE_CHECKING:
    import keras

# (stage, blocks, channels in, filters of the three convolutions)
STAGES = (
    (2, "abc", 64, (64, 64, 256)),
    (3, "abcd", 256, (128, 128, 512)),
    (4, "abcdef", 512, (256, 256, 1024)),
)
DECODER = {
    "conv2d_1": (3, 3, 1024, 512),
    "conv2d_2": (3, 3, 512, 256),
    "conv2d_3": (3, 3, 256, 128),
    "conv2d_4": (3, 3, 128, 64),
    "conv2d_5": (3, 3, 64, 12),
}


def kernels() -> dict[str, tuple[int, ...]]:
    """Shape of every convolution's kernel, by layer, in the model's order."""
    shapes: dict[str, tuple[int, ...]] = {"conv1": (7, 7, 3, 64)}
    for stage, blocks, channels, (first, second, third) in STAGES:
        for block in blocks:
            name = f"res{stage}{block}_branch"
            given = channels if block == "a" else third
            shapes |= {f"{name}1": (1, 1, given, third)} if block == "a" else {}
            shapes[f"{name}2a"] = (1, 1, given, first)
            shapes[f"{name}2b"] = (3, 3, first, second)
            shapes[f"{name}2c"] = (1, 1, second, third)
    return shapes | DECODER


def batch_norms() -> dict[str, int]:
    """Channels of every batch norm, by layer."""
    channels = {"bn_conv1": 64}
    for name, shape in kernels().items():
        if name.startswith("res"):
            channels[f"bn{name[3:]}"] = shape[-1]
    return channels | {f"batch_normalization_{i}": n for i, n in enumerate((512, 256, 128, 64), 1)}


def layers_of(model: keras.Model, kind: str) -> list[keras.Layer]:
    return [layer for layer in model.layers if type(layer).__name__ == kind]


def test_the_number_of_parameters(default_segnet: keras.Model) -> None:
    assert default_segnet.count_params() == 14_867_788


def test_every_convolution_has_its_name_kernel_and_bias(default_segnet: keras.Model) -> None:
    layers = layers_of(default_segnet, "Conv2D")
    assert {layer.name: tuple(layer.kernel.shape) for layer in layers} == kernels()
    assert all(layer.bias.shape == layer.kernel.shape[-1:] for layer in layers)


def test_every_batch_norm_has_its_name_channels_and_epsilon(default_segnet: keras.Model) -> None:
    layers = layers_of(default_segnet, "BatchNormalization")
    assert {layer.name: layer.gamma.shape[0] for layer in layers} == batch_norms()
    assert {layer.epsilon for layer in layers} == {1e-3}


def test_unnamed_layers_of_the_original_keep_their_order(default_segnet: keras.Model) -> None:
    weighted = [layer.name for layer in default_segnet.layers if layer.weights]
    decoder = weighted[-9:]
    norms = [f"batch_normalization_{i}" for i in (1, 2, 3, 4)]
    assert decoder[0::2] == list(DECODER)
    assert decoder[1::2] == norms


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("conv1_pad", (422, 614, 3)),
        ("conv1", (208, 304, 64)),
        ("pool1", (103, 151, 64)),
        ("relu2c", (103, 151, 256)),
        ("relu3d", (52, 76, 512)),
        ("relu4f", (26, 38, 1024)),
        ("batch_normalization_1", (26, 38, 512)),
        ("batch_normalization_2", (52, 76, 256)),
        ("batch_normalization_3", (104, 152, 128)),
        ("batch_normalization_4", (208, 304, 64)),
        ("logits", (208, 304, 12)),
    ],
)
def test_sizes_on_the_way(default_segnet: keras.Model, layer: str, shape: tuple[int, ...]) -> None:
    assert tuple(default_segnet.get_layer(layer).output.shape[1:]) == shape


def test_input_and_output_of_the_default_size(default_segnet: keras.Model) -> None:
    assert default_segnet.input_shape == (None, 416, 608, 3)
    assert default_segnet.output_shape == (None, 208 * 304, 12)


def test_the_stride_sits_in_the_first_convolution_of_a_stage(default_segnet: keras.Model) -> None:
    strided = {
        layer.name for layer in layers_of(default_segnet, "Conv2D") if layer.strides == (2, 2)
    }
    twos = {f"res{stage}a_branch{branch}" for stage in (3, 4) for branch in ("1", "2a")}
    assert strided == {"conv1"} | twos


def test_paddings(default_segnet: keras.Model) -> None:
    same = {layer.name for layer in layers_of(default_segnet, "Conv2D") if layer.padding == "same"}
    middle = {name for name in kernels() if name.endswith("branch2b")}
    assert same == middle | {"conv2d_5"}
    pads = {layer.name: layer.padding for layer in layers_of(default_segnet, "ZeroPadding2D")}
    assert pads.pop("conv1_pad") == ((3, 3), (3, 3))
    assert list(pads.values()) == [((1, 1), (1, 1))] * 4
    (pool,) = layers_of(default_segnet, "MaxPooling2D")
    assert (pool.pool_size, pool.strides, pool.padding) == ((3, 3), (2, 2), "valid")


def test_upsampling_is_nearest(default_segnet: keras.Model) -> None:
    layers = layers_of(default_segnet, "UpSampling2D")
    assert [(layer.size, layer.interpolation) for layer in layers] == [((2, 2), "nearest")] * 3


def test_the_decoder_has_no_activation(default_segnet: keras.Model) -> None:
    names = [layer.name for layer in default_segnet.layers]
    decoder = default_segnet.layers[names.index("relu4f") + 1 : names.index("logits")]
    assert {type(layer).__name__ for layer in decoder} == {
        "ZeroPadding2D",
        "Conv2D",
        "BatchNormalization",
        "UpSampling2D",
    }
    activations = [layer.activation for layer in layers_of(default_segnet, "Conv2D")]
    assert {activation.__name__ for activation in activations} == {"linear"}


def test_the_encoder_has_its_relus(default_segnet: keras.Model) -> None:
    # One after conv1, two within and one behind each of the 13 blocks.
    assert len(layers_of(default_segnet, "ReLU")) == 1 + 3 * 13


def test_the_batch_norm_epsilon_counts(small_segnet: keras.Model) -> None:
    import keras

    layer = small_segnet.get_layer("batch_normalization_4")
    body = keras.Model(small_segnet.input, [layer.input, layer.output])
    before, after = body(np.full((1, 64, 96, 3), 30, np.float32), training=False)
    gamma, beta, mean, variance = (np.asarray(weight) for weight in layer.weights)
    expected = (np.asarray(before) - mean) / np.sqrt(variance + 1e-3) * gamma + beta
    np.testing.assert_allclose(np.asarray(after), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("hw", [(32, 32), (96, 160)])
def test_other_multiples_of_32_work(hw: tuple[int, int]) -> None:
    from vssn.models.segnet import build_segnet

    model = build_segnet(hw)
    assert model.output_shape == (None, hw[0] * hw[1] // 4, 12)
    assert model.count_params() == 14_867_788


def test_scores_are_probabilities(small_segnet: keras.Model) -> None:
    image = np.random.default_rng(0).uniform(-120, 140, (2, 64, 96, 3)).astype(np.float32)
    probabilities = np.asarray(small_segnet(image, training=False))
    assert probabilities.shape == (2, 32 * 48, 12)
    assert probabilities.min() >= 0
    assert probabilities.std() > 0
    np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("hw", "nearest"), [((100, 130), "96x128"), ((416, 600), "416x608"), ((0, -5), "32x32")]
)
def test_a_size_that_does_not_fit_is_refused_with_the_nearest(
    hw: tuple[int, int], nearest: str
) -> None:
    from vssn.models.segnet import build_segnet

    with pytest.raises(BadInputError, match=rf"{hw[0]}x{hw[1]}.*multiples of 32; use {nearest}"):
        build_segnet(hw)
