"""What the streaming core asks of a network, whatever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy.typing as npt

from vssn.errors import BadInputError, argument
from vssn.types import Float32Array, FlowEstimate, UInt8Array

Runtime = Literal["auto", "tensorflow", "openvino"]
Precision = Literal["auto", "f32", "bf16", "int8"]
Device = Literal["auto", "cpu", "gpu"]
MAX_THREADS = 1024
SCALES = (1, 2)

# What a flow method sees of a frame; its size and kind are the method's own.
View = npt.NDArray[Any]


class SegmentationNetwork(Protocol):
    """Segments key frames."""

    def probabilities(self, frame_bgr: UInt8Array) -> Float32Array:
        """Class probabilities (h, w, 11) float32 of an (H, W, 3) uint8 BGR frame, void left out."""


class FlowComparison(Protocol):
    """A pair of frames that a flow method looks at, computed as far as it is asked."""

    def estimate(self) -> FlowEstimate:
        """Flow, and scale where the method has one; computed on first use."""


@runtime_checkable
class FeatureComparison(FlowComparison, Protocol):
    """A pair of frames that a network looks at which the decision network builds on."""

    @property
    def feature(self) -> Float32Array:
        """(4, 5, 384) float32, what the decision network reads; ``estimate`` reuses it."""


class FlowNetwork(Protocol):
    """Finds where the current frame's pixels were in the reference frame."""

    def prepare(self, frame_bgr: UInt8Array) -> View:
        """The method's view of an (H, W, 3) uint8 BGR frame."""

    def compare(self, current: View, reference: View) -> FlowComparison:
        """Look at two prepared frames; nothing is computed before it is asked for."""


class FeatureFlowNetwork(FlowNetwork, Protocol):
    """A flow network that the decision network builds on."""

    def compare(self, current: View, reference: View) -> FeatureComparison:
        """As :class:`FlowNetwork`, with a feature."""


class DecisionNetwork(Protocol):
    """Predicts how well a warp would do."""

    def predicted_confidence(self, feature: Float32Array) -> float:
        """Predicted confidence, 0-100, from the flow network's feature."""


@dataclass(frozen=True)
class RuntimeOptions:
    """What runs the networks.

    Attributes:
        runtime: OpenVINO is several times as fast on a CPU, and "auto" takes it wherever the
            networks are shown what they were trained on; TensorFlow is the reference.
        precision: see :func:`vssn.runtime.openvino_networks.choose_precision`; TensorFlow computes
            in f32 only.
        threads: how many the networks compute with; None for one per core.
        graph_input, graph_output: names in a frozen graph, where they can't be told from it.
        device: "auto" takes a GPU where the runtime finds one, "gpu" requires it.
        scales: 1, or 2: segmentation networks see a frame's four quarters too; see
            :mod:`vssn.runtime.two_scales`.

    Raises:
        BadInputError: ``threads`` is not from 1 to :data:`MAX_THREADS`, or there are other scales.
    """

    runtime: Runtime = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    graph_input: str | None = None
    graph_output: str | None = None
    device: Device = "auto"
    scales: int = 1

    def __post_init__(self) -> None:
        if self.scales not in SCALES:
            raise BadInputError(
                argument("scales", self.scales), "1 or 2", f"pass {argument('scales', 2)}"
            )
        if self.threads is not None and not 1 <= self.threads <= MAX_THREADS:
            raise BadInputError(
                argument("threads", self.threads),
                f"1 to {MAX_THREADS}",
                "leave it out for one per core",
            )

    @property
    def names_graph(self) -> bool:
        """Whether names in a frozen graph are given, which TensorFlow alone looks up."""
        return (self.graph_input, self.graph_output) != (None, None)


DEFAULT_OPTIONS = RuntimeOptions()
