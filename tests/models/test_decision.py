"""The decision network: the original's variables and activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

KERNELS = {
    "Conv": (3, 3, 384, 96),
    "fully_connected": (1920, 1024),
    "fully_connected_1": (1024, 1024),
    "fully_connected_2": (1024, 10),
    "fully_connected_3": (10, 1),
}


def test_the_number_of_parameters(decision: keras.Model) -> None:
    # Keras counts the dropouts' random states too, so the trainable ones are added up.
    trainable = sum(int(np.prod(variable.shape)) for variable in decision.trainable_variables)
    assert trainable == 3_358_837


def _dense(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def test_every_variable_has_its_name_and_shape(decision: keras.Model) -> None:
    assert {layer.name: tuple(layer.kernel.shape) for layer in _dense(decision)} == KERNELS
    assert all(layer.bias.shape == layer.kernel.shape[-1:] for layer in _dense(decision))
    assert decision.get_layer("Conv").padding == "same"


def test_input_and_output(decision: keras.Model) -> None:
    assert decision.input_shape == (None, 4, 5, 384)
    assert decision.output_shape == (None, 1)


def test_every_layer_is_leaky_the_last_one_too(decision: keras.Model) -> None:
    kinds = [type(layer).__name__ for layer in decision.layers]
    after = [kinds[i + 1] for i, kind in enumerate(kinds) if kind in ("Conv2D", "Dense")]
    assert after == ["LeakyReLU"] * 5
    leaky = [layer for layer in decision.layers if type(layer).__name__ == "LeakyReLU"]
    assert {layer.negative_slope for layer in leaky} == {0.1}
    assert decision.layers[-1] is leaky[-1]


def test_half_is_dropped_after_the_first_three_dense_layers_in_training(
    decision: keras.Model,
) -> None:
    names = [layer.name for layer in decision.layers]
    dropouts = [layer for layer in decision.layers if type(layer).__name__ == "Dropout"]
    assert [layer.rate for layer in dropouts] == [0.5] * 3
    before = [names[names.index(layer.name) - 2] for layer in dropouts]
    assert before == ["fully_connected", "fully_connected_1", "fully_connected_2"]
    feature = np.random.default_rng(0).standard_normal((1, 4, 5, 384)).astype(np.float32)
    calm = [float(decision(feature, training=False)[0, 0]) for _ in range(2)]
    wild = {float(decision(feature, training=True)[0, 0]) for _ in range(4)}
    assert calm[0] == calm[1]
    assert len(wild) > 1
