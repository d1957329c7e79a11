"""The light segmenter's graph does what the Keras model does, and its files are told apart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.segnet_weights import (
    average_segnet_weights,
    load_segnet,
    model_weights,
    read_any_segnet,
    save_segnet_weights,
    write_segnet_config,
)
from vssn.errors import CheckpointError
from vssn.labels import NUM_CLASSES
from vssn.models.architectures import LIGHT_SEGMENTER, RESNET50_SEGNET
from vssn.openvino_core import openvino_core
from vssn.preprocess import segnet_input
from vssn.runtime.int8_ranges import calibrate, write_ranges
from vssn.runtime.openvino_networks import OpenVINOLoader, OpenVINOSegmentation
from vssn.runtime.openvino_segmentation import build_segmentation_graph
from vssn.runtime.quantisation import Layers
from vssn.runtime.tensorflow import TensorFlowLoader

if TYPE_CHECKING:
    import keras

HW = (64, 96)


@pytest.fixture
def expected(small_light: keras.Model, frame_bgr: np.ndarray) -> np.ndarray:
    flat = small_light(segnet_input(frame_bgr, HW), training=False).numpy()
    return flat.reshape(HW[0] // 2, HW[1] // 2, -1)[..., :NUM_CLASSES]


@pytest.fixture
def weights_file(small_light: keras.Model, tmp_path: Path) -> Path:
    folder = tmp_path / "light"
    folder.mkdir()
    save_segnet_weights(small_light, folder / "light_segmenter.h5", exact=True)
    write_segnet_config(HW, folder, LIGHT_SEGMENTER)
    return folder / "light_segmenter.h5"


def test_the_graph_is_the_keras_model_to_the_last_border_pixel(
    small_light: keras.Model, frame_bgr: np.ndarray, expected: np.ndarray
) -> None:
    graph = build_segmentation_graph(model_weights(small_light), HW)
    compiled = openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    probabilities = OpenVINOSegmentation(compiled).probabilities(frame_bgr)
    assert np.ptp(expected) > 0.03  # probabilities that are all alike would prove little
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)


def test_both_runtimes_load_it_from_its_folder_at_its_own_size(
    weights_file: Path, frame_bgr: np.ndarray, expected: np.ndarray, tmp_path: Path
) -> None:
    for loader in (OpenVINOLoader("f32", cache_dir=tmp_path / "cache"), TensorFlowLoader()):
        probabilities = loader.segmentation(weights_file).probabilities(frame_bgr)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)


def test_int8_ranges_are_measured_kept_and_used(
    weights_file: Path, frame_bgr: np.ndarray, expected: np.ndarray, tmp_path: Path
) -> None:
    weights, input_hw = read_any_segnet(weights_file)
    ranges = calibrate(weights, [frame_bgr], input_hw)
    written = write_ranges(weights_file, ranges, weights_digest(weights))
    assert written.name == "light_segmenter_int8.json"
    loader = OpenVINOLoader("int8", cache_dir=tmp_path / "cache")
    probabilities = loader.segmentation(weights_file).probabilities(frame_bgr)
    assert "int8" in loader.name
    assert abs(probabilities - expected).max() > 1e-4  # it is quantised
    assert abs(probabilities - expected).mean() < 0.004


def test_depthwise_convolutions_run_in_eight_bits(
    small_light: keras.Model, frame_bgr: np.ndarray
) -> None:
    weights = model_weights(small_light)
    layers = Layers(calibrate(weights, [frame_bgr], HW))
    compiled = openvino_core().compile_model(build_segmentation_graph(weights, HW, layers), "CPU")
    precisions = [
        node.get_rt_info()["runtimePrecision"].astype(str)
        for node in compiled.get_runtime_model().get_ordered_ops()
        if "Convolution" in str(node.get_rt_info()["layerType"].astype(str))
    ]
    assert len(precisions) > 50
    assert set(precisions) <= {"i8", "u8"}


def test_a_file_is_read_as_the_network_it_is_of(
    weights_file: Path, small_light: keras.Model, small_segnet: keras.Model, tmp_path: Path
) -> None:
    weights, input_hw = read_any_segnet(weights_file)
    assert input_hw == HW
    assert set(weights) == set(LIGHT_SEGMENTER.shapes())
    assert weights_digest(weights) == weights_digest(model_weights(small_light))
    assert load_segnet(weights_file).name == LIGHT_SEGMENTER.name
    other = tmp_path / "other.h5"
    save_segnet_weights(small_segnet, other)
    write_segnet_config(HW, tmp_path, RESNET50_SEGNET)
    with pytest.raises(CheckpointError, match=r"other\.h5.*ResNet50-SegNet.*light segmenter"):
        average_segnet_weights([weights_file, other], tmp_path / "mean.h5")


def test_a_missing_layer_is_named(small_light: keras.Model, tmp_path: Path) -> None:
    from vssn.checkpoints.arrays import read_segnet, write_segnet

    weights = model_weights(small_light)
    del weights["head/bias"], weights["edges/kernel"]
    write_segnet(tmp_path / "made.h5", weights)
    with pytest.raises(CheckpointError, match=r"edges/kernel.*light segmenter"):
        read_segnet(tmp_path / "made.h5")
