from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from vssn.checkpoints import arrays
from vssn.checkpoints.hdf5 import LayerWeights, write_layer_weights
from vssn.checkpoints.segnet_weights import save_segnet_weights
from vssn.checkpoints.tf1 import save_decision, save_flownets
from vssn.errors import CheckpointError
from vssn.models import layout

if TYPE_CHECKING:
    import keras


def arrays_of(model: Any) -> dict[str, np.ndarray]:
    return {
        f"{layer.name}/{variable.name}": np.asarray(variable)
        for layer in model.layers
        for variable in layer.weights
        if "seed" not in variable.name
    }


def layers_of(model: Any) -> list[LayerWeights]:
    return [
        LayerWeights(layer.name, {v.name: np.asarray(v) for v in layer.weights})
        for layer in model.layers
        if layer.weights
    ]


def same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert got.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(got[name], values, err_msg=name)


def test_the_tables_are_those_of_the_keras_models(
    small_segnet: keras.Model, flownets: keras.Model, decision: keras.Model
) -> None:
    for model, shapes in (
        (small_segnet, layout.segnet_shapes()),
        (flownets, layout.flownets_shapes()),
        (decision, layout.decision_shapes()),
    ):
        assert shapes == {name: values.shape for name, values in arrays_of(model).items()}


def test_segnet_is_read_as_written(small_segnet: keras.Model, tmp_path: Path) -> None:
    save_segnet_weights(small_segnet, tmp_path / "made.h5", exact=True)
    same(arrays.read_segnet(tmp_path / "made.h5"), arrays_of(small_segnet))


def test_the_decoder_is_matched_by_order(small_segnet: keras.Model, tmp_path: Path) -> None:
    renamed = [
        LayerWeights(layer.name.replace("conv2d_", "conv2d_9").replace("ization_", "ization_7"), v)
        for layer in layers_of(small_segnet)
        for v in [layer.variables]
    ]
    write_layer_weights(tmp_path / "made.h5", renamed, exact=True)
    same(arrays.read_segnet(tmp_path / "made.h5"), arrays_of(small_segnet))


def test_without_names_the_encoder_is_matched_by_order_too(
    small_segnet: keras.Model, tmp_path: Path
) -> None:
    layers = layers_of(small_segnet)
    renamed = [LayerWeights(f"layer_{i}", layer.variables) for i, layer in enumerate(layers)]
    write_layer_weights(tmp_path / "made.h5", renamed, exact=True)
    same(arrays.read_segnet(tmp_path / "made.h5"), arrays_of(small_segnet))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda layers: layers[:-1], "missing: conv2d_5/kernel"),
        (lambda layers: [*layers, LayerWeights("more", layers[0].variables)], "unexpected: more/"),
        (
            lambda layers: [*layers[:-1], LayerWeights("conv2d_5", layers[0].variables)],
            "mis-shaped: conv2d_5/kernel",
        ),
    ],
)
def test_other_networks_are_refused(
    small_segnet: keras.Model, tmp_path: Path, change: Any, said: str
) -> None:
    write_layer_weights(tmp_path / "made.h5", change(layers_of(small_segnet)), exact=True)
    with pytest.raises(CheckpointError, match=said):
        arrays.read_segnet(tmp_path / "made.h5")


def test_negative_variances_are_refused(small_segnet: keras.Model, tmp_path: Path) -> None:
    layers = layers_of(small_segnet)
    norm = next(layer for layer in layers if layer.name == "bn_conv1")
    norm.variables["moving_variance"] = -norm.variables["moving_variance"]
    write_layer_weights(tmp_path / "made.h5", layers, exact=True)
    with pytest.raises(CheckpointError, match="negative: bn_conv1/moving_variance"):
        arrays.read_segnet(tmp_path / "made.h5")


@pytest.mark.usefixtures("tf1_in_this_process")
def test_tf1_checkpoints_are_read_as_written(
    flownets: keras.Model, decision: keras.Model, tmp_path: Path
) -> None:
    save_flownets(flownets, tmp_path / "flow")
    save_decision(decision, tmp_path / "decision")
    same(arrays.read_flownets(tmp_path / "flow"), arrays_of(flownets))
    same(arrays.read_decision(tmp_path / "decision"), arrays_of(decision))
    with pytest.raises(CheckpointError, match="missing: FlowNets/conv1"):
        arrays.read_flownets(tmp_path / "decision")
