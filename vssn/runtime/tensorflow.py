"""The reference runtime: TensorFlow, float32, each network as one frozen function."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from vssn.checkpoints.frozen import read_frozen_graph
from vssn.checkpoints.segnet_weights import load_segnet
from vssn.checkpoints.tf1 import load_decision, load_flownets
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.models.decision import build_decision
from vssn.models.flownets import build_flownets, refinement_features
from vssn.models.layout import OUTPUT_STRIDE
from vssn.networks import Device
from vssn.preprocess import VSSN_CONVENTIONS, Conventions
from vssn.runtime.device import CPU, choose_device
from vssn.types import Float32Array, FlowEstimate, UInt8Array

Function = Callable[..., list[tf.Tensor]]


def freeze(model: keras.Model) -> Function:
    """Turn ``model`` into a function of batch size 1 with its weights as constants.

    Constants let TensorFlow fold the batch norms: a tenth of a segmented frame's time.
    """
    signature = [tf.TensorSpec((1, *x.shape[1:]), tf.float32) for x in model.inputs]
    single = len(signature) == 1
    call = tf.function(
        lambda *x: model(x[0] if single else list(x), training=False), autograph=False
    )
    function: Function = convert_variables_to_constants_v2(call.get_concrete_function(*signature))
    function(*(tf.zeros(x.shape) for x in signature))  # the first call compiles; not a frame's time
    return function


class TensorFlowSegmentation:
    """A segmentation network.

    Args:
        run: (1, h, w, 3) float32 preprocessed RGB to softmax (1, h/2 * w/2, 12).
        input_hw: the network's input size in px.
        conventions: how a frame becomes its input.
    """

    def __init__(
        self, run: Function, input_hw: tuple[int, int], conventions: Conventions = VSSN_CONVENTIONS
    ) -> None:
        self._run = run
        self._input_hw = input_hw
        self._conventions = conventions

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class probabilities (h/2, w/2, 11) float32; see the protocol."""
        (flat,) = self._run(tf.constant(self._conventions.segnet_input(frame_bgr, self._input_hw)))
        height, width = (side // OUTPUT_STRIDE for side in self._input_hw)
        grid = np.reshape(flat, (height, width, NUM_OUTPUTS))
        return np.ascontiguousarray(grid[..., :NUM_CLASSES])


class TensorFlowFlow:
    """Thin FlowNetS, its encoder and refinement run apart.

    Args:
        model: from :func:`vssn.models.flownets.build_flownets`.
        conventions: how a frame becomes its input, and ``scale`` a factor per class.
    """

    def __init__(self, model: keras.Model, conventions: Conventions = VSSN_CONVENTIONS) -> None:
        self._conventions = conventions
        features = refinement_features(model)
        self._input_hw: tuple[int, int] = model.input_shape[1:3]
        self._encoder = freeze(keras.Model(model.input, features))
        outputs = [model.output["flow"], model.output["scale"]]
        self._refinement = freeze(keras.Model(features, outputs))

    def prepare(self, frame_bgr: UInt8Array) -> Float32Array:
        """See the protocol."""
        return self._conventions.flow_input(frame_bgr, self._input_hw)

    def compare(self, current: Float32Array, reference: Float32Array) -> TensorFlowComparison:
        """See the protocol."""
        pair = np.concatenate([current, reference], axis=-1)[np.newaxis]
        channels = self._conventions.scale_channels
        return TensorFlowComparison(self._encoder, self._refinement, pair, channels)


class TensorFlowComparison:
    """A pair of frames; encoder and refinement run once, on first use."""

    def __init__(
        self,
        encoder: Function,
        refinement: Function,
        pair: Float32Array,
        scale_channels: tuple[int, ...],
    ) -> None:
        self._encoder = encoder
        self._refinement = refinement
        self._pair = pair
        self._scale_channels = scale_channels

    @cached_property
    def _features(self) -> list[tf.Tensor]:
        return self._encoder(tf.constant(self._pair))

    @property
    def feature(self) -> Float32Array:
        """(4, 5, 384) float32; see the protocol."""
        return self._features[-1].numpy()[0]  # type: ignore[no-any-return]

    @cached_property
    def _estimate(self) -> FlowEstimate:
        flow, scale = self._refinement(*self._features)
        return FlowEstimate(flow.numpy()[0], scale.numpy()[0][..., self._scale_channels])

    def estimate(self) -> FlowEstimate:
        """See the protocol."""
        return self._estimate


class TensorFlowDecision:
    """The decision network.

    Args:
        model: from :func:`vssn.models.decision.build_decision`.
    """

    def __init__(self, model: keras.Model) -> None:
        self._run = freeze(model)

    def predicted_confidence(self, feature: Float32Array) -> float:
        """See the protocol."""
        (confidence,) = self._run(tf.constant(feature[np.newaxis]))
        return float(confidence[0, 0])


class TensorFlowLoader:
    """Loads networks for TensorFlow.

    Args:
        conventions: what the networks are shown of a frame.
        graph_input, graph_output: names in a frozen graph; see
            :func:`vssn.checkpoints.frozen.read_frozen_graph`.
        device: see :func:`vssn.runtime.device.choose_device`; TensorFlow computes on a GPU by
            itself where it sees one.

    Attributes:
        name: what runs the networks, for reports.
    """

    def __init__(
        self,
        conventions: Conventions = VSSN_CONVENTIONS,
        graph_input: str | None = None,
        graph_output: str | None = None,
        device: Device = "auto",
    ) -> None:
        found = [gpu.name for gpu in tf.config.list_physical_devices("GPU")]
        chosen = choose_device(device, [name.split("device:")[-1] for name in found])
        if chosen == CPU and found:
            tf.config.set_visible_devices([], "GPU")
        where = "" if chosen == CPU else f" on {chosen}"
        self.name = f"TensorFlow {tf.__version__} f32{where}"
        self._conventions = conventions
        self._graph_names = (graph_input, graph_output)

    def segmentation(self, path: Path) -> TensorFlowSegmentation:
        """Load a segmentation network from a frozen graph or a Keras weight file.

        Raises:
            CheckpointError: the file is damaged, or belongs to another network.
        """
        if path.suffix == ".pb":
            graph = read_frozen_graph(path, *self._graph_names)
            graph.run(np.zeros((1, *graph.input_hw, 3), np.float32))  # compiles, as `freeze` does
            return TensorFlowSegmentation(graph.run, graph.input_hw, self._conventions)
        model = load_segnet(path)
        return TensorFlowSegmentation(freeze(model), model.input_shape[1:3], self._conventions)

    def flow(self, path: Path) -> TensorFlowFlow:
        """Load thin FlowNetS from a TF1 checkpoint.

        Raises:
            CheckpointError: the checkpoint is damaged, or belongs to another network.
        """
        model = build_flownets()
        load_flownets(model, path)
        return TensorFlowFlow(model, self._conventions)

    def decision(self, path: Path) -> TensorFlowDecision:
        """Load the decision network from a TF1 checkpoint.

        Raises:
            CheckpointError: the checkpoint is damaged, or belongs to another network.
        """
        model = build_decision()
        load_decision(model, path)
        return TensorFlowDecision(model)
