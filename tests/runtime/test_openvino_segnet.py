from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import openvino as ov
import pytest

from vssn.labels import NUM_CLASSES
from vssn.openvino_core import openvino_core
from vssn.preprocess import segnet_input
from vssn.runtime.int8_ranges import calibrate
from vssn.runtime.openvino_networks import OpenVINOSegmentation
from vssn.runtime.openvino_segmentation import build_segmentation_graph
from vssn.runtime.quantisation import Layers

if TYPE_CHECKING:
    import keras

    from vssn.checkpoints.arrays import Weights

HW = (64, 96)


def compiled(graph: ov.Model, hint: str = "f32") -> ov.CompiledModel:
    return openvino_core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint})


@pytest.fixture
def expected(small_segnet: keras.Model, frame_bgr: np.ndarray) -> np.ndarray:
    flat = small_segnet(segnet_input(frame_bgr, HW), training=False).numpy()
    return flat.reshape(HW[0] // 2, HW[1] // 2, -1)[..., :NUM_CLASSES]


def test_the_graph_is_the_keras_model_to_the_last_border_pixel(
    segnet_arrays: Weights, frame_bgr: np.ndarray, expected: np.ndarray
) -> None:
    network = OpenVINOSegmentation(compiled(build_segmentation_graph(segnet_arrays, HW)))
    probabilities = network.probabilities(frame_bgr)
    assert probabilities.dtype == np.float32
    assert np.ptp(expected) > 0.1  # scores that are all alike would prove little
    np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-4)


def test_scores_outlive_the_next_frame(segnet_arrays: Weights, frame_bgr: np.ndarray) -> None:
    network = OpenVINOSegmentation(compiled(build_segmentation_graph(segnet_arrays, HW)))
    probabilities = network.probabilities(frame_bgr)
    kept = probabilities.copy()
    assert abs(network.probabilities(255 - frame_bgr) - kept).max() > 1e-3
    np.testing.assert_array_equal(probabilities, kept)


def test_quantised_convolutions_run_in_eight_bits_and_agree(
    segnet_arrays: Weights, frame_bgr: np.ndarray, expected: np.ndarray
) -> None:
    ranges = calibrate(segnet_arrays, [frame_bgr], HW)
    quantised = compiled(build_segmentation_graph(segnet_arrays, HW, Layers(ranges)))
    kinds = [
        (str(node.get_rt_info()["layerType"].astype(str)), node.get_rt_info())
        for node in quantised.get_runtime_model().get_ordered_ops()
    ]
    convolutions = [info["runtimePrecision"].astype(str) for k, info in kinds if k == "Convolution"]
    assert len(convolutions) > 40
    assert set(convolutions) <= {"i8", "u8"}
    probabilities = OpenVINOSegmentation(quantised).probabilities(frame_bgr)
    assert abs(probabilities - expected).mean() < 0.02
    assert abs(probabilities - expected).max() > 1e-4  # it is quantised


def test_a_tensor_without_a_range_stays_in_floating_point(
    segnet_arrays: Weights, frame_bgr: np.ndarray, expected: np.ndarray
) -> None:
    ranges = calibrate(segnet_arrays, [frame_bgr], HW)
    one = {"image": ranges["image"]}
    probabilities = OpenVINOSegmentation(
        compiled(build_segmentation_graph(segnet_arrays, HW, Layers(one)))
    ).probabilities(frame_bgr)
    every = OpenVINOSegmentation(
        compiled(build_segmentation_graph(segnet_arrays, HW, Layers(ranges)))
    ).probabilities(frame_bgr)
    assert abs(probabilities - expected).mean() < abs(every - expected).mean()
