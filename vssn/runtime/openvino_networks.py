"""The networks on OpenVINO: several times as fast as TensorFlow on a CPU, and without it."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from vssn.checkpoints.arrays import read_decision, read_flownets
from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.frozen_weights import OtherNetworkError
from vssn.checkpoints.locate import sha256_of, weights_files
from vssn.checkpoints.segnet_weights import read_any_segnet, segnet_input_hw
from vssn.errors import BadInputError, printable
from vssn.models.architectures import BY_OPTION, architecture_of
from vssn.networks import Device, Precision
from vssn.openvino_core import openvino_core
from vssn.preprocess import FLOW_INPUT_HW, flow_input
from vssn.runtime.device import CPU, choose_device
from vssn.runtime.int8_ranges import read_ranges
from vssn.runtime.model_cache import ModelCache, default_cache_dir
from vssn.runtime.openvino_flow import (
    build_decision_graph,
    build_flow_encoder,
    build_flow_refinement,
)
from vssn.runtime.openvino_frozen import build_frozen_graph
from vssn.runtime.openvino_segmentation import build_segmentation_graph, segmentation_image
from vssn.runtime.processor import byte_weight_limit, multiplies_bytes
from vssn.runtime.quantisation import Layers
from vssn.types import Float32Array, FlowEstimate, UInt8Array

logger = logging.getLogger(__name__)

CompiledModel = Any  # openvino.CompiledModel, which comes without types


class OpenVINOSegmentation:
    """A segmentation network.

    Args:
        compiled: from :func:`vssn.runtime.openvino_segmentation.build_segmentation_graph`,
            compiled.
    """

    def __init__(self, compiled: CompiledModel) -> None:
        self._request = compiled.create_infer_request()
        _, height, width, _ = compiled.input().shape
        self._input_hw = (int(height), int(width))

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class probabilities (h/2, w/2, 11) float32; see the protocol."""
        self._request.infer([segmentation_image(frame_bgr, self._input_hw)], share_inputs=True)
        # The request's own memory is written to again for the next frame.
        return np.array(self._request.get_output_tensor().data)


class OpenVINOFlow:
    """Thin FlowNetS, its encoder and refinement run apart.

    Args:
        encoder: from :func:`vssn.runtime.openvino_flow.build_flow_encoder`, compiled.
        refinement: from :func:`vssn.runtime.openvino_flow.build_flow_refinement`, compiled.
    """

    def __init__(self, encoder: CompiledModel, refinement: CompiledModel) -> None:
        self._encoder = encoder.create_infer_request()
        self._refinement = refinement.create_infer_request()
        _, height, width, _ = encoder.input(0).shape
        self._input_hw = (int(height), int(width))

    def prepare(self, frame_bgr: UInt8Array) -> Float32Array:
        """The whole frame, resized; see the protocol."""
        return flow_input(frame_bgr, self._input_hw)

    def compare(self, current: Float32Array, reference: Float32Array) -> OpenVINOComparison:
        """See the protocol."""
        return OpenVINOComparison(self._encoder, self._refinement, (current, reference))


class OpenVINOComparison:
    """A pair of frames; encoder and refinement run once, on first use."""

    def __init__(
        self,
        encoder: ov.InferRequest,
        refinement: ov.InferRequest,
        frames: tuple[Float32Array, Float32Array],
    ) -> None:
        self._encoder = encoder
        self._refinement = refinement
        self._frames = frames

    @cached_property
    def _features(self) -> list[Float32Array]:
        inputs = [frame[np.newaxis] for frame in self._frames]
        self._encoder.infer(inputs, share_inputs=True)
        return [np.array(tensor.data) for tensor in self._encoder.output_tensors]

    @property
    def feature(self) -> Float32Array:
        """(4, 5, 384) float32; see the protocol."""
        deepest: Float32Array = self._features[-1][0]
        return deepest

    @cached_property
    def _estimate(self) -> FlowEstimate:
        self._refinement.infer(self._features, share_inputs=True)
        both = self._refinement.get_output_tensor().data[0]
        return FlowEstimate(np.array(both[..., :2]), np.array(both[..., 2:]))

    def estimate(self) -> FlowEstimate:
        """See the protocol."""
        return self._estimate


class OpenVINODecision:
    """The decision network.

    Args:
        compiled: from :func:`vssn.runtime.openvino_flow.build_decision_graph`, compiled.
    """

    def __init__(self, compiled: CompiledModel) -> None:
        self._request = compiled.create_infer_request()

    def predicted_confidence(self, feature: Float32Array) -> float:
        """See the protocol."""
        self._request.infer([feature[np.newaxis]], share_inputs=True)
        return float(self._request.get_output_tensor().data[0, 0])


def choose_precision(wanted: Precision, capabilities: list[str], has_ranges: bool) -> Precision:
    """Decide how the networks compute.

    Args:
        wanted: what the user asked for; "auto" takes the fastest of equal quality.
        capabilities: OpenVINO's OPTIMIZATION_CAPABILITIES of the CPU.
        has_ranges: whether the segmentation network's weights have their int8 ranges.

    Returns:
        "f32", "bf16" or "int8".

    Raises:
        BadInputError: the processor or the weights don't allow what was asked for.
    """
    has_bf16 = bool({"BF16", "FP16"} & set(capabilities))  # the latter is a GPU's
    if wanted == "auto":
        if has_ranges and (has_bf16 or multiplies_bytes()):
            return "int8"
        return "bf16" if has_bf16 else "f32"
    if wanted == "bf16" and not has_bf16:
        raise BadInputError(
            "precision bf16", "a processor that computes in it", "choose auto or f32"
        )
    if wanted == "int8" and not has_ranges:
        raise BadInputError(
            "precision int8", "weights with int8 ranges (*_int8.json)", "choose auto or bf16"
        )
    return wanted


def _config(
    precision: Precision, threads: int | None, capabilities: list[str], device: str = CPU
) -> dict[str, Any]:
    config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
    if device != CPU:
        return config | {"INFERENCE_PRECISION_HINT": "f32" if precision == "f32" else "f16"}
    fast = precision != "f32" and "BF16" in capabilities
    config["INFERENCE_PRECISION_HINT"] = "bf16" if fast else "f32"
    return config | ({} if threads is None else {"INFERENCE_NUM_THREADS": threads})


def _key(path: Path, **more: object) -> dict[str, object]:
    return {"weights": sorted(sha256_of(weights_files(path)).values()), **more}


@dataclass(frozen=True)
class _WeightFacts:
    """What is known of a segmentation network's file.

    Attributes:
        weights_sha256: see :func:`vssn.checkpoints.folded.weights_digest`; empty for another
            network.
        network: what a user calls it, see :class:`vssn.models.architectures.Architecture`.
        input_hw: of a frozen graph; None where a config beside the weights says it.
        reason: why it is another network.
    """

    weights_sha256: str
    network: str = ""
    input_hw: tuple[int, int] | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not self.reason and self.network not in BY_OPTION:
            raise ValueError(f"there is no network '{self.network[:40]}'")


class OpenVINOLoader:
    """Loads networks compiled for this processor; TensorFlow is not imported.

    Args:
        precision: see :func:`choose_precision`; the flow and decision networks run in bf16 where
            int8 is asked for, if the processor can, since they are small.
        threads: how many to compute with; None for one per core.
        device: see :func:`vssn.runtime.device.choose_device`.
        cache_dir: where compiled networks are kept; None for
            :func:`vssn.runtime.model_cache.default_cache_dir`.

    Attributes:
        name: what runs the networks, for reports; tells the precision once the segmentation
            network is loaded.
    """

    def __init__(
        self,
        precision: Precision = "auto",
        threads: int | None = None,
        device: Device = "auto",
        cache_dir: Path | None = None,
    ) -> None:
        self._wanted = precision
        self._threads = threads
        self._cache_dir = cache_dir or default_cache_dir()  # None: there is no home folder
        core = openvino_core()
        self._device = choose_device(device, core.available_devices)
        self._capabilities = list(core.get_property(self._device, "OPTIMIZATION_CAPABILITIES"))
        self._version = ".".join(ov.__version__.split(".")[:2])
        self.name = self._named("")

    def _named(self, precision: str) -> str:
        where = "" if self._device == CPU else f"on {self._device}"
        return " ".join(filter(None, ["OpenVINO", self._version, precision, where]))

    def _cache(self, precision: Precision) -> ModelCache:
        config = _config(precision, self._threads, self._capabilities, self._device)
        return ModelCache(self._cache_dir, config, self._device)

    def _small(self) -> ModelCache:
        """For the networks that are never quantised."""
        wanted: Precision = "auto" if self._wanted == "int8" else self._wanted
        return self._cache(choose_precision(wanted, self._capabilities, has_ranges=False))

    def segmentation(self, path: Path) -> OpenVINOSegmentation:
        """Load a segmentation network; ResNet50-SegNet from a .pb too, if that is what it is.

        Another network's frozen graph runs as it is written, slower and never in int8.

        Raises:
            CheckpointError: the file is damaged, or belongs to another network.
            BadInputError: the precision isn't possible here.
        """
        (file_sha256,) = sha256_of([path]).values()
        facts = self._facts(path, file_sha256)
        ranges = read_ranges(path, facts.weights_sha256) if facts.weights_sha256 else None
        chosen = choose_precision(self._wanted, self._capabilities, ranges is not None)
        self.name = self._named(chosen)
        if not facts.weights_sha256:
            logger.warning(
                "'%s' is no ResNet50-SegNet (%s): it runs as it is written, which is slower",
                printable(str(path)),
                printable(facts.reason),
            )
            key: dict[str, object] = {"weights": file_sha256}
            compiled = self._cache(chosen).load("frozen", key, lambda: build_frozen_graph(path))
            return OpenVINOSegmentation(compiled)
        layers = Layers()
        if ranges and chosen == "int8":
            layers = Layers(ranges, byte_weight_limit())
        architecture = BY_OPTION[facts.network]
        input_hw = facts.input_hw or segnet_input_hw(path, architecture=architecture)
        key = {"weights": facts.weights_sha256, "input_hw": input_hw}
        key |= {"ranges": dict(layers.ranges), "weight_limit": layers.weight_limit}
        compiled = self._cache(chosen).load(
            architecture.name,
            key,
            lambda: build_segmentation_graph(read_any_segnet(path)[0], input_hw, layers),
        )
        return OpenVINOSegmentation(compiled)

    def _facts(self, path: Path, file_sha256: str) -> _WeightFacts:
        """What reading the file tells, or what it told when it was first read."""
        suffix = ".pb" if path.suffix == ".pb" else ""

        def read() -> _WeightFacts:
            try:
                weights, input_hw = read_any_segnet(path)
            except OtherNetworkError as error:
                return _WeightFacts("", reason=str(error)[:200])
            network = architecture_of(weights).option
            return _WeightFacts(weights_digest(weights), network, input_hw if suffix else None)

        name = hashlib.sha256(f"{file_sha256}{suffix}".encode()).hexdigest()
        return self._small().recall(name, _WeightFacts, read)

    def flow(self, path: Path) -> OpenVINOFlow:
        """Load thin FlowNetS.

        Raises:
            CheckpointError: the checkpoint is damaged, or belongs to another network.
        """

        def encoder() -> ov.Model:
            return build_flow_encoder(read_flownets(path), FLOW_INPUT_HW)

        def refinement() -> ov.Model:
            return build_flow_refinement(read_flownets(path), encoder())

        cache, key = self._small(), _key(path)
        return OpenVINOFlow(
            cache.load("flownets-encoder", key, encoder),
            cache.load("flownets-refinement", key, refinement),
        )

    def decision(self, path: Path) -> OpenVINODecision:
        """Load the decision network.

        Raises:
            CheckpointError: the checkpoint is damaged, or belongs to another network.
        """
        return OpenVINODecision(
            self._small().load(
                "decision", _key(path), lambda: build_decision_graph(read_decision(path))
            )
        )
