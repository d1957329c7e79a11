"""From weight files to networks that run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import cv2

from vssn.checkpoints.confidence_fit import ConfidenceFit, fits_path, read_fits
from vssn.checkpoints.locate import (
    DECISION_FOLDER,
    FLOWNETS_FOLDER,
    locate_segnet,
    locate_tf1,
    sha256_of,
    weights_files,
)
from vssn.errors import BadInputError, CheckpointError
from vssn.flow.dis import DISFlow
from vssn.networks import (
    DecisionNetwork,
    FeatureFlowNetwork,
    FlowNetwork,
    SegmentationNetwork,
)
from vssn.preprocess import VSSN_CONVENTIONS, Conventions
from vssn.runtime.startup import start_tensorflow
from vssn.types import DVSNET_PROPAGATION, FlowMethod, Propagation

Runtime = Literal["auto", "tensorflow", "openvino"]
Precision = Literal["auto", "f32", "bf16", "int8"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightPaths:
    """The networks' weights, found on disk.

    Attributes:
        segnet: a .pb, .h5, .keras or .weights.h5 file.
        flownets, decision: prefixes of TF1 checkpoints; None where the network has no part.
    """

    segnet: Path
    flownets: Path | None = None
    decision: Path | None = None

    @classmethod
    def locate(
        cls,
        segnet: str | Path | None = None,
        flownets: str | Path | None = None,
        decision: str | Path | None = None,
        propagation: Propagation = DVSNET_PROPAGATION,
    ) -> WeightPaths:
        """Find the weights given, or those in the default folders.

        Args:
            segnet: file or folder; None for the default folder, as below.
            flownets: prefix or folder.
            decision: prefix or folder.
            propagation: how scores get from frame to frame; what has no part in it is not looked
                for, even where it is given.

        Raises:
            CheckpointError: one is missing; none is ever replaced by random weights.
        """
        has_flownets = propagation.flow is FlowMethod.FLOWNETS
        return cls(
            locate_segnet(segnet),
            locate_tf1(flownets, FLOWNETS_FOLDER) if has_flownets else None,
            locate_tf1(decision, DECISION_FOLDER) if propagation.asks_decision_network else None,
        )

    def sha256(self) -> dict[str, str]:
        """SHA-256 in hexadecimal of every file, by path."""
        groups = (self.segnet, self.flownets, self.decision)
        return sha256_of(file for group in groups if group for file in weights_files(group))


@dataclass(frozen=True)
class Networks:
    """What a segmenter is made of, ready to run.

    Attributes:
        segmentation: for key frames.
        flow: for the frames between them: FlowNetS, or DIS, which has no weights.
        decision: None where it has no part.
        runtime: what runs them, for reports.
        fits: what makes expected scores mean what they say, by the propagation's name.
    """

    segmentation: SegmentationNetwork
    flow: FlowNetwork
    decision: DecisionNetwork | None
    runtime: str
    fits: Mapping[str, ConfidenceFit] = field(default_factory=dict)


class Loader(Protocol):
    """Makes networks that a runtime runs; all raise CheckpointError for files it can't use."""

    name: str

    def segmentation(self, path: Path) -> SegmentationNetwork:
        """Load ResNet50-SegNet."""

    def flow(self, path: Path) -> FeatureFlowNetwork:
        """Load thin FlowNetS."""

    def decision(self, path: Path) -> DecisionNetwork:
        """Load the decision network."""


@dataclass(frozen=True)
class RuntimeOptions:
    """What runs the networks.

    Attributes:
        runtime: OpenVINO is several times as fast on a CPU, and "auto" takes it wherever the
            networks are shown what they were trained on; TensorFlow is the reference.
        precision: see :func:`vssn.runtime.openvino_networks.choose_precision`; TensorFlow computes
            in f32 only.
        threads: how many to compute with, OpenCV's too; None for one per core.
        graph_input, graph_output: names in a frozen graph, where they can't be told from it.
    """

    runtime: Runtime = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    graph_input: str | None = None
    graph_output: str | None = None

    @property
    def names_graph(self) -> bool:
        """Whether names in a frozen graph are given, which TensorFlow alone looks up."""
        return (self.graph_input, self.graph_output) != (None, None)

    def loader(self, conventions: Conventions) -> Loader:
        """Start the runtime.

        Args:
            conventions: what the networks are shown of a frame; OpenVINO's graphs have ours built
                in.

        Raises:
            BadInputError: the runtime can't do what is asked for.
        """
        if self.threads is not None:
            cv2.setNumThreads(self.threads)  # classical flow, warping and labels are OpenCV's
        ours = conventions is VSSN_CONVENTIONS
        if self.runtime == "openvino" and not ours:
            raise BadInputError(
                "runtime openvino with the original's preset",
                "tensorflow, which runs it exactly",
                "leave the runtime out",
            )
        if self.runtime == "openvino" and self.names_graph:
            raise BadInputError(
                "names in a frozen graph with runtime openvino", "tensorflow", "leave one out"
            )
        if self.runtime == "openvino" or (self.runtime == "auto" and ours):
            from vssn.runtime.openvino_networks import OpenVINOLoader

            return OpenVINOLoader(self.precision, self.threads)
        if self.precision not in ("auto", "f32"):
            raise BadInputError(
                f"precision {self.precision} with runtime tensorflow", "f32", "use openvino"
            )
        start_tensorflow(self.threads)
        from vssn.runtime.tensorflow import TensorFlowLoader

        return TensorFlowLoader(conventions, self.graph_input, self.graph_output)


DEFAULT_OPTIONS = RuntimeOptions()


def load_networks(
    paths: WeightPaths,
    conventions: Conventions = VSSN_CONVENTIONS,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> Networks:
    """Load the networks whose weights are given.

    Args:
        paths: their weights; DIS stands in where there are none of FlowNetS.
        conventions: what they are shown of a frame.
        options: what runs them.

    Raises:
        CheckpointError: a file is damaged, or belongs to another network.
        BadInputError: the runtime can't do what is asked for.
    """
    loader = options.loader(conventions)
    # The small ones first: what is wrong with them is said before the large one's seconds.
    fits = _fits(paths) if conventions is VSSN_CONVENTIONS else {}
    decision = loader.decision(paths.decision) if paths.decision else None
    flow: FlowNetwork = loader.flow(paths.flownets) if paths.flownets else DISFlow()
    segmentation, name = _segmentation(paths.segnet, conventions, options, loader)
    logger.info("segmentation network: %s", paths.segnet)
    logger.info("runtime: %s", name)
    return Networks(segmentation, flow, decision, name, fits)


def _fits(paths: WeightPaths) -> dict[str, ConfidenceFit]:
    """Those beside the segmentation network and, of its own predictions, the decision network."""
    beside = [path for path in (paths.segnet, paths.decision) if path]
    return {name: fit for path in beside for name, fit in read_fits(fits_path(path)).items()}


def _segmentation(
    path: Path, conventions: Conventions, options: RuntimeOptions, loader: Loader
) -> tuple[SegmentationNetwork, str]:
    """Load the network and name what runs it.

    TensorFlow takes frozen graphs that OpenVINO's reader does not, such as those with a second
    placeholder for the learning phase.
    """
    ours = conventions is VSSN_CONVENTIONS  # elsewhere "auto" is TensorFlow already
    may_fall_back = options.runtime == "auto" and ours and path.suffix == ".pb"
    if may_fall_back and path.with_suffix(".h5").is_file():
        logger.info("hint: --segnet_chkpt %s is faster than the .pb", path.with_suffix(".h5"))
    if not (may_fall_back and options.names_graph):
        try:
            return loader.segmentation(path), loader.name
        except CheckpointError:
            if not may_fall_back:
                raise
    reference = replace(options, runtime="tensorflow", precision="auto").loader(conventions)
    return reference.segmentation(path), reference.name


def load_segmentation(
    path: Path,
    conventions: Conventions = VSSN_CONVENTIONS,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> SegmentationNetwork:
    """Load ResNet50-SegNet alone; see :func:`load_networks`."""
    return _segmentation(path, conventions, options, options.loader(conventions))[0]


def load_flow(
    path: Path,
    conventions: Conventions = VSSN_CONVENTIONS,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> FeatureFlowNetwork:
    """Load thin FlowNetS alone; see :func:`load_networks`."""
    return options.loader(conventions).flow(path)
