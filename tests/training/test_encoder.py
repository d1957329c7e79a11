"""The encoder's start: names, shapes, and the turn from BGR to RGB."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.errors import CheckpointError
from vssn.models.architectures import LIGHT_SEGMENTER, RESNET50_SEGNET, Architecture
from vssn.models.layout import is_encoder
from vssn.preprocess import segnet_input

if TYPE_CHECKING:
    import keras

CAFFE_MEANS_BGR = np.array([103.939, 116.779, 123.68], np.float32)


@pytest.fixture(scope="module")
def application() -> keras.Model:
    """Keras' own ResNet-50, untrained, with batch-norm statistics of their own."""
    import keras

    model = keras.applications.ResNet50(weights=None, include_top=False, input_shape=(64, 64, 3))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if layer.name.endswith("_bn"):
            values = [rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()]
            layer.set_weights(values)
        elif layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, rng.uniform(-0.1, 0.1, bias.shape)])
    return model


@pytest.fixture(scope="module")
def started(application: keras.Model) -> keras.Model:
    from vssn.models.segnet import build_segnet
    from vssn.training.encoder import copy_application

    model = build_segnet((64, 96))
    copy_application(application, model)
    return model


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("conv1", "conv1_conv"),
        ("bn_conv1", "conv1_bn"),
        ("res2a_branch1", "conv2_block1_0_conv"),
        ("bn2a_branch1", "conv2_block1_0_bn"),
        ("res3d_branch2b", "conv3_block4_2_conv"),
        ("bn4f_branch2c", "conv4_block6_3_bn"),
    ],
)
def test_names_of_keras_applications(ours: str, theirs: str) -> None:
    from vssn.training.encoder import application_name

    assert application_name(ours) == theirs


def test_every_encoder_layer_has_its_twin_of_the_same_shapes(
    application: keras.Model, small_segnet: keras.Model
) -> None:
    from vssn.training.encoder import application_name

    encoder = [layer for layer in small_segnet.layers if layer.weights and is_encoder(layer.name)]
    assert len(encoder) == 2 + 2 * (3 * 13 + 3)
    twins = [application.get_layer(application_name(layer.name)) for layer in encoder]
    assert len({twin.name for twin in twins}) == len(encoder)
    for layer, twin in zip(encoder, twins, strict=True):
        ours = {variable.name: tuple(variable.shape) for variable in layer.weights}
        assert ours == {variable.name: tuple(variable.shape) for variable in twin.weights}


def test_weights_are_copied_as_they_are_behind_conv1(
    application: keras.Model, started: keras.Model
) -> None:
    from vssn.training.encoder import application_name

    for name in ("bn_conv1", "res2a_branch1", "res4f_branch2c", "bn4f_branch2c", "bn3b_branch2a"):
        ours = started.get_layer(name).get_weights()
        theirs = application.get_layer(application_name(name)).get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_conv1_sees_in_our_input_what_it_saw_in_caffes(
    application: keras.Model, started: keras.Model
) -> None:
    import keras

    frame_bgr = np.random.default_rng(1).integers(0, 256, (64, 96, 3), np.uint8)
    first = keras.Model(started.input, started.get_layer("conv1").output)
    ours = np.asarray(first(segnet_input(frame_bgr, (64, 96))))[0]
    kernel, bias = application.get_layer("conv1_conv").get_weights()
    caffe = np.pad(frame_bgr - CAFFE_MEANS_BGR, ((3, 3), (3, 3), (0, 0)))[np.newaxis]
    theirs = np.asarray(keras.ops.conv(caffe.astype(np.float32), kernel, 2, "valid"))[0] + bias
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    assert np.abs(theirs).max() > 10


def test_none_leaves_the_encoder_as_it_is(small_segnet: keras.Model) -> None:
    from vssn.training.encoder import read_encoder_start, set_start

    before = small_segnet.get_layer("conv1").get_weights()[0]
    set_start(small_segnet, read_encoder_start(RESNET50_SEGNET, "none"))
    assert np.array_equal(small_segnet.get_layer("conv1").get_weights()[0], before)


@pytest.mark.parametrize("architecture", [RESNET50_SEGNET, LIGHT_SEGMENTER])
def test_a_missing_file_is_refused(architecture: Architecture, tmp_path: Path) -> None:
    from vssn.training.encoder import read_encoder_start

    with pytest.raises(CheckpointError, match=r"missing\.h5"):
        read_encoder_start(architecture, str(tmp_path / "missing.h5"))


def test_a_download_that_fails_is_told_in_one_line(
    small_segnet: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keras

    from vssn.training.encoder import read_encoder_start, set_start

    def offline(**_: object) -> None:
        raise Exception("URL fetch failure:\nno network")  # as Keras does

    monkeypatch.setattr(keras.applications, "ResNet50", offline)
    with pytest.raises(CheckpointError, match="go online, or pass a file") as caught:
        set_start(small_segnet, read_encoder_start(RESNET50_SEGNET, "imagenet"))
    assert "\n" not in str(caught.value)
