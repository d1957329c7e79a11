"""ResNet50-SegNet's weights from and to real Keras 2 and Keras 3 files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from made_weights import SEGNET_HW, clear, fill

from vssn.checkpoints.arrays import read_segnet, write_segnet
from vssn.checkpoints.hdf5 import LayerWeights, read_layer_weights, write_layer_weights
from vssn.checkpoints.segnet_weights import (
    SegnetConfig,
    assign_weights,
    load_segnet_weights,
    read_encoder_weights,
    read_segnet_config,
    save_segnet_weights,
    segnet_input_hw,
    write_segnet_config,
)
from vssn.cli.main import main
from vssn.errors import CheckpointError
from vssn.models.architectures import RESNET50_SEGNET


def _block(k: Any, x: Any, filters: tuple[int, int, int], place: str, strides: int | None) -> Any:
    """A residual block as image-segmentation-keras writes it; ``strides`` where it projects."""

    def conv(x: Any, part: str, *args: Any, **options: Any) -> Any:
        x = k.Conv2D(*args, name=f"res{place}_branch{part}", **options)(x)
        return k.BatchNormalization(axis=3, name=f"bn{place}_branch{part}")(x)

    y = k.Activation("relu")(conv(x, "2a", filters[0], (1, 1), strides=strides or 1))
    y = k.Activation("relu")(conv(y, "2b", filters[1], (3, 3), padding="same"))
    y = conv(y, "2c", filters[2], (1, 1))
    shortcut = x if strides is None else conv(x, "1", filters[2], (1, 1), strides=strides)
    return k.Activation("relu")(k.Add()([y, shortcut]))


def _keras2_segnet(keras2: Any) -> Any:
    """The original network, written down apart from ours; its decoder is unnamed."""
    k = keras2.layers
    image = k.Input((*SEGNET_HW, 3))
    x = k.Conv2D(64, (7, 7), strides=2, name="conv1")(k.ZeroPadding2D(3)(image))
    x = k.Activation("relu")(k.BatchNormalization(axis=3, name="bn_conv1")(x))
    x = k.MaxPooling2D((3, 3), strides=2)(x)
    for stage, width, blocks in ((2, 64, "abc"), (3, 128, "abcd"), (4, 256, "abcdef")):
        for letter in blocks:
            strides = None if letter != "a" else 1 if stage == 2 else 2
            x = _block(k, x, (width, width, 4 * width), f"{stage}{letter}", strides)
    for filters in (512, 256, 128, 64):
        x = x if filters == 512 else k.UpSampling2D((2, 2))(x)
        x = k.Conv2D(filters, (3, 3), padding="valid")(k.ZeroPadding2D((1, 1))(x))
        x = k.BatchNormalization()(x)
    x = k.Conv2D(12, (3, 3), padding="same")(x)
    x = k.Activation("softmax")(k.Reshape((-1, 12))(x))
    return keras2.Model(image, x)


@pytest.fixture(scope="module")
def keras2_segnet() -> Any:
    keras2 = pytest.importorskip("tf_keras", reason="NO KERAS 2: install tf-keras")
    keras2.backend.clear_session()
    for _ in range(7):  # so that the decoder starts at conv2d_7, as in a used session
        keras2.layers.Conv2D(1, 1)
        keras2.layers.BatchNormalization()
    model = fill(_keras2_segnet(keras2), seed=11)
    assert next(layer.name for layer in model.layers if "conv2d" in layer.name) == "conv2d_7"
    return model


@pytest.fixture(scope="module")
def keras2_scores(keras2_segnet: Any, segnet_image: np.ndarray) -> np.ndarray:
    return keras2_segnet(segnet_image, training=False).numpy()


@pytest.mark.parametrize(
    ("save", "suffix"),
    [("save", ".h5"), ("save", ".keras"), ("save_weights", ".h5"), ("save_weights", ".weights.h5")],
)
def test_keras2_files_give_keras2_outputs(
    keras2_segnet: Any,
    keras2_scores: np.ndarray,
    empty_segnet: keras.Model,
    segnet_image: np.ndarray,
    tmp_path: Path,
    save: str,
    suffix: str,
) -> None:
    getattr(keras2_segnet, save)(tmp_path / f"a{suffix}")
    load_segnet_weights(empty_segnet, tmp_path / f"a{suffix}")
    probabilities = empty_segnet(segnet_image, training=False).numpy()
    np.testing.assert_allclose(probabilities, keras2_scores, atol=1e-5)
    assert keras2_scores.std() > 0.02  # the comparison would see a difference


@pytest.mark.parametrize("by_name", [False, True])
def test_keras2_loads_what_we_write(
    segnet: keras.Model, segnet_image: np.ndarray, tmp_path: Path, by_name: bool
) -> None:
    keras2 = pytest.importorskip("tf_keras", reason="NO KERAS 2: install tf-keras")
    keras2.backend.clear_session()
    keras2.layers.Conv2D(1, 1)  # so that the decoder starts at conv2d_1, as in Keras 2.2
    keras2.layers.BatchNormalization()
    theirs = clear(_keras2_segnet(keras2))
    save_segnet_weights(segnet, tmp_path / "a.h5", exact=True)
    theirs.load_weights(tmp_path / "a.h5", by_name=by_name)
    expected = segnet(segnet_image, training=False).numpy()
    probabilities = theirs(segnet_image, training=False).numpy()
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)


def _assert_same_weights(given: keras.Model, expected: keras.Model) -> None:
    for a, b in zip(given.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=b.path)


@pytest.mark.parametrize("name", ["a.keras", "a.weights.h5", "a.h5"])
def test_keras3_files_load_exactly(
    segnet: keras.Model, empty_segnet: keras.Model, tmp_path: Path, name: str
) -> None:
    (segnet.save_weights if ".weights" in name else segnet.save)(tmp_path / name)
    load_segnet_weights(empty_segnet, tmp_path / name)
    _assert_same_weights(empty_segnet, segnet)


def test_early_keras3_files_without_layer_names_load(
    segnet: keras.Model, empty_segnet: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "a.weights.h5"
    segnet.save_weights(path)
    with h5py.File(path, "r+") as file:
        for layer in file["layers"].values():
            layer["vars"].attrs.pop("name", None)
    load_segnet_weights(empty_segnet, path)
    _assert_same_weights(empty_segnet, segnet)


def test_round_trip_is_exact_in_float32_and_stable_in_float16(
    segnet: keras.Model, empty_segnet: keras.Model, tmp_path: Path
) -> None:
    save_segnet_weights(segnet, tmp_path / "exact.h5", exact=True)
    load_segnet_weights(empty_segnet, tmp_path / "exact.h5")
    _assert_same_weights(empty_segnet, segnet)
    save_segnet_weights(segnet, tmp_path / "half.h5")
    load_segnet_weights(empty_segnet, tmp_path / "half.h5")
    for given, kept in zip(empty_segnet.weights, segnet.weights, strict=True):
        expected = kept.numpy().astype(np.float16) if len(kept.shape) > 1 else kept.numpy()
        np.testing.assert_array_equal(given.numpy(), expected.astype(np.float32))
    save_segnet_weights(empty_segnet, tmp_path / "again.h5")
    assert (tmp_path / "again.h5").read_bytes() == (tmp_path / "half.h5").read_bytes()
    assert (tmp_path / "half.h5").stat().st_size < 31e6


def test_files_are_averaged_variable_by_variable(segnet: keras.Model, tmp_path: Path) -> None:
    first, second, mean = (tmp_path / name for name in ("a.h5", "b.h5", "out/mean.h5"))
    weights = {key: np.full_like(v, 3) for key, v in _read_saved(segnet, first).items()}
    write_segnet(second, weights)
    write_segnet_config((64, 96), tmp_path)
    assert main(["average-weights", str(first), *[str(second)] * 3, "--output", str(mean)]) == 0
    averaged = read_segnet(mean)
    for key, values in read_segnet(first).items():
        np.testing.assert_allclose(averaged[key], (values + 9) / 4, rtol=1e-3)
    assert segnet_input_hw(mean) == (64, 96)


def _read_saved(model: keras.Model, path: Path) -> dict[str, np.ndarray]:
    save_segnet_weights(model, path)
    return read_segnet(path)


def test_weights_for_another_input_size_are_not_averaged(
    segnet: keras.Model, tmp_path: Path, refuses: Callable[..., str]
) -> None:
    for name, hw in (("a", (64, 96)), ("b", (64, 128))):
        (tmp_path / name).mkdir()
        save_segnet_weights(segnet, tmp_path / name / "w.h5")
        write_segnet_config(hw, tmp_path / name)
    argv: list[str | Path] = ["average-weights", tmp_path / "a/w.h5", tmp_path / "b/w.h5"]
    refuses([*argv, "--output", tmp_path / "c/w.h5"], "(64, 128)", "(64, 96)")
    refuses(["average-weights", tmp_path / "no.h5", "--output", tmp_path / "c/w.h5"], "no.h5")
    assert not (tmp_path / "c").exists()


def test_damage_to_a_written_file_is_refused(
    segnet: keras.Model, empty_segnet: keras.Model, tmp_path: Path
) -> None:
    """One changed bit among 30 million bytes; whatever the file says, no weight changes."""
    path = tmp_path / "a.h5"
    save_segnet_weights(segnet, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(12)
    for position in rng.integers(0, len(whole), 8):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            load_segnet_weights(empty_segnet, path)
        assert not any(np.any(weight) for weight in empty_segnet.get_weights())


def _without_bias(layers: list[LayerWeights]) -> None:
    del layers[4].variables["bias"]


def _other_shape(layers: list[LayerWeights]) -> None:
    layers[0].variables["kernel"] = layers[0].variables["kernel"][:5]


def _negative_variance(layers: list[LayerWeights]) -> None:
    layers[1].variables["moving_variance"][3] = -0.5


def _other_decoder_order(layers: list[LayerWeights]) -> None:
    layers[-1], layers[-3] = layers[-3], layers[-1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda layers: layers.pop(0), "missing: conv1/kernel"),
        (lambda layers: layers.pop(), "missing: conv2d_5/kernel"),
        (
            lambda layers: layers.append(LayerWeights("more", layers[0].variables)),
            "unexpected: more/kernel",
        ),
        (lambda layers: layers.append(layers[0]), "unexpected: conv1 again"),
        (_without_bias, "missing: .*/bias"),
        (_other_shape, "mis-shaped: conv1/kernel"),
        (_negative_variance, "negative: bn_conv1/moving_variance"),
        (_other_decoder_order, "mis-shaped: conv2d_4/kernel"),
    ],
)
def test_other_networks_are_refused_and_nothing_is_loaded(
    segnet: keras.Model,
    empty_segnet: keras.Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[list[LayerWeights]], object],
    message: str,
) -> None:
    layers = [
        LayerWeights(layer.name, {v.name: v.numpy() for v in layer.weights})
        for layer in segnet.layers
        if layer.weights
    ]
    change(layers)
    monkeypatch.setattr("vssn.checkpoints.arrays.read_layer_weights", lambda path: layers)
    with pytest.raises(CheckpointError, match=message):
        load_segnet_weights(empty_segnet, tmp_path / "a.h5")
    assert not any(np.any(weight) for weight in empty_segnet.get_weights())


def test_encoder_sees_the_same_through_our_input(
    empty_segnet: keras.Model, segnet: keras.Model, tmp_path: Path
) -> None:
    """conv1 of caffe-style BGR input, and of ours after the loader adapted it."""
    save_segnet_weights(segnet, tmp_path / "a.h5", exact=True)
    assign_weights(empty_segnet, read_encoder_weights(tmp_path / "a.h5"))
    rgb = np.random.default_rng(13).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
    caffe = rgb[..., ::-1] - np.array([103.939, 116.779, 123.68], np.float32)
    ours = rgb - np.array([123.68, 116.779, 103.939], np.float32)
    given, loaded = segnet.get_layer("conv1")(caffe), empty_segnet.get_layer("conv1")(ours)
    np.testing.assert_allclose(loaded, given, atol=2e-3)
    np.testing.assert_array_equal(
        empty_segnet.get_layer("res4f_branch2c").kernel, segnet.get_layer("res4f_branch2c").kernel
    )
    assert not np.any(empty_segnet.get_layer("conv2d_1").kernel)


@pytest.mark.real
def test_the_imagenet_encoder_loads(shared_data: Path, empty_segnet: keras.Model) -> None:
    path = shared_data / "weights" / "resnet50_imagenet_to_stage4.h5"
    assign_weights(empty_segnet, read_encoder_weights(path))
    assert np.abs(empty_segnet.get_layer("res4f_branch2c").kernel).max() > 0.05


def test_an_incomplete_encoder_is_refused(tmp_path: Path) -> None:
    write_layer_weights(tmp_path / "a.h5", [LayerWeights("conv1", {"kernel": np.ones((2, 2))})])
    with pytest.raises(CheckpointError, match="conv1"):
        read_encoder_weights(tmp_path / "a.h5")
    assert [layer.name for layer in read_layer_weights(tmp_path / "a.h5")] == ["conv1"]


def test_config_round_trip(segnet: keras.Model, tmp_path: Path) -> None:
    write_segnet_config(segnet.input_shape[1:3], tmp_path)
    assert json.loads((tmp_path / RESNET50_SEGNET.config_file).read_text()) == {
        "model_class": "resnet50_segnet",
        "n_classes": 12,
        "input_height": 64,
        "input_width": 96,
        "output_height": 32,
        "output_width": 48,
    }
    assert read_segnet_config(tmp_path / RESNET50_SEGNET.config_file) == SegnetConfig((64, 96), 12)


GOOD = {
    "model_class": "resnet50_segnet",
    "n_classes": 12,
    "input_height": 416,
    "input_width": 608,
    "output_height": 208,
    "output_width": 304,
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("", "JSON"),
        ("[]", "the file is no object"),
        ("\xff\xfe", "JSON"),
        ("[" * 100_000, "JSON"),
        (json.dumps(GOOD | {"model_class": "fcn_8"}), "model_class 'fcn_8'.*resnet50_segnet"),
        (json.dumps(GOOD | {"n_classes": 19}), "n_classes 19.*12"),
        (json.dumps(GOOD | {"input_height": 400}), "input_height 400.*multiple of 32"),
        (json.dumps(GOOD | {"input_height": "416"}), "input_height is '416'"),
        (json.dumps(GOOD | {"input_width": True}), "input_width is 'True'"),
        (json.dumps(GOOD | {"input_width": 1 << 40}), "input_width"),
        (json.dumps(GOOD | {"output_width": 608}), "output_width 608, not half of"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "n_classes"}), "lacks 'n_classes'"),
    ],
)
def test_wrong_configs_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / RESNET50_SEGNET.config_file
    if text is not None:
        path.write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError, match=message):
        read_segnet_config(path)


def test_a_keras_file_that_is_damaged_is_refused(segnet: keras.Model, tmp_path: Path) -> None:
    """Its zip archive has a checksum."""
    path = tmp_path / "a.keras"
    segnet.save(path)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("model.weights.h5").header_offset
    whole = bytearray(path.read_bytes())
    whole[start + 20_000_000] ^= 1
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match="CRC"):
        read_layer_weights(path)
