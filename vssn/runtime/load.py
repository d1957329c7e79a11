"""From weight files to networks that run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from vssn.checkpoints.confidence_fit import ConfidenceFit, read_fits
from vssn.checkpoints.graph_def import UnsupportedGraphError
from vssn.checkpoints.locate import (
    DECISION_FOLDER,
    FLOWNETS_FOLDER,
    locate_segnet,
    locate_tf1,
    sha256_of,
    weights_files,
)
from vssn.errors import BadInputError, argument
from vssn.flow.dis import DISFlow
from vssn.models.architectures import ENSEMBLE, LIGHT_SEGMENTER, RESNET50_SEGNET
from vssn.networks import (
    DEFAULT_OPTIONS,
    DecisionNetwork,
    FeatureFlowNetwork,
    FlowNetwork,
    RuntimeOptions,
    SegmentationNetwork,
)
from vssn.preprocess import VSSN_CONVENTIONS, Conventions
from vssn.runtime.ensemble import Ensemble
from vssn.runtime.startup import start_tensorflow
from vssn.runtime.two_scales import TwoScales
from vssn.types import DVSNET_PROPAGATION, FlowMethod, Propagation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightPaths:
    """The networks' weights, found on disk.

    Attributes:
        segnet: a .pb, .h5, .keras or .weights.h5 file.
        flownets, decision: prefixes of TF1 checkpoints; None where the network has no part.
        companion: likewise, of a cheaper segmentation network; None but for an ensemble.
    """

    segnet: Path
    flownets: Path | None = None
    decision: Path | None = None
    companion: Path | None = None

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
            segnet: file or folder; or a name: "resnet50_segnet", "light", or "ensemble" for both;
                None for the first.
            flownets: prefix or folder.
            decision: prefix or folder.
            propagation: how scores get from frame to frame; what has no part in it is not looked
                for, even where it is given.

        Raises:
            CheckpointError: one is missing; none is ever replaced by random weights.
        """
        has_flownets = propagation.flow is FlowMethod.FLOWNETS
        both = segnet == ENSEMBLE
        return cls(
            locate_segnet(RESNET50_SEGNET.option if both else segnet),
            locate_tf1(flownets, FLOWNETS_FOLDER) if has_flownets else None,
            locate_tf1(decision, DECISION_FOLDER) if propagation.asks_decision_network else None,
            locate_segnet(LIGHT_SEGMENTER.option) if both else None,
        )

    @property
    def segmentation(self) -> tuple[Path, ...]:
        """The segmentation networks' files, one or two."""
        return (self.segnet, self.companion) if self.companion else (self.segnet,)

    def sha256(self) -> dict[str, str]:
        """SHA-256 in hexadecimal of every file, by path."""
        groups = (*self.segmentation, self.flownets, self.decision)
        return sha256_of(file for group in groups if group for file in weights_files(group))


@dataclass(frozen=True)
class Networks:
    """What a segmenter is made of, ready to run.

    Attributes:
        segmentation: for key frames.
        flow: for the frames between them: FlowNetS, or DIS, which has no weights.
        decision: None where it has no part.
        runtime: what runs them, for reports.
        fits: confidence calibration, by the propagation's name.
        companion: a cheaper network that sees every frame, in an ensemble; see
            :class:`vssn.streaming.segmenter.AdaptiveSegmenter`.
    """

    segmentation: SegmentationNetwork
    flow: FlowNetwork
    decision: DecisionNetwork | None
    runtime: str
    fits: Mapping[str, ConfidenceFit] = field(default_factory=dict)
    companion: SegmentationNetwork | None = None

    @property
    def of_key_frames(self) -> SegmentationNetwork:
        """What segments a frame by itself: the mean of both networks, or the only one."""
        if self.companion is None:
            return self.segmentation
        return Ensemble([self.segmentation, self.companion])


class Loader(Protocol):
    """Makes networks that a runtime runs; all raise CheckpointError for files it can't use."""

    name: str

    def segmentation(self, path: Path) -> SegmentationNetwork:
        """Load a segmentation network."""

    def flow(self, path: Path) -> FeatureFlowNetwork:
        """Load thin FlowNetS."""

    def decision(self, path: Path) -> DecisionNetwork:
        """Load the decision network."""


def make_loader(options: RuntimeOptions, conventions: Conventions) -> Loader:
    """Start a runtime.

    Args:
        options: which one.
        conventions: what the networks are shown of a frame; OpenVINO's graphs have ours built in.

    Raises:
        BadInputError: the runtime can't do what is asked for.
    """
    ours = conventions is VSSN_CONVENTIONS
    openvino = argument("runtime", "openvino")
    if options.runtime == "openvino" and not ours:
        raise BadInputError(
            f"{openvino} with {argument('preset', 'original')}",
            "tensorflow, which runs it exactly",
            f"leave {argument('runtime')} out",
        )
    if options.runtime == "openvino" and options.names_graph:
        raise BadInputError(
            f"names in a frozen graph with {openvino}", "tensorflow", "leave one out"
        )
    if options.runtime == "openvino" or (options.runtime == "auto" and ours):
        from vssn.runtime.openvino_networks import OpenVINOLoader

        return OpenVINOLoader(options.precision, options.threads, options.device)
    if options.precision not in ("auto", "f32"):
        raise BadInputError(
            f"{argument('precision', options.precision)} with runtime tensorflow",
            "f32",
            f"pass {argument('runtime', 'openvino')}",
        )
    start_tensorflow(options.threads)
    from vssn.runtime.tensorflow import TensorFlowLoader

    names = (options.graph_input, options.graph_output)
    return TensorFlowLoader(conventions, *names, device=options.device)


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
    loader = make_loader(options, conventions)
    # The small ones first: what is wrong with them is said before the large one's seconds.
    fits = _fits(paths) if conventions is VSSN_CONVENTIONS else {}
    decision = loader.decision(paths.decision) if paths.decision else None
    flow: FlowNetwork = loader.flow(paths.flownets) if paths.flownets else DISFlow()
    segmentation, name = _segmentation(paths.segnet, conventions, options, loader)
    companion = None
    if paths.companion:
        companion, _ = _segmentation(paths.companion, conventions, options, loader)
    if options.scales > 1:
        segmentation = TwoScales(segmentation)
        companion = companion and TwoScales(companion)
    logger.info("segmentation network: %s", ", ".join(map(str, paths.segmentation)))
    logger.info("runtime: %s", name)
    return Networks(segmentation, flow, decision, name, fits, companion)


def _fits(paths: WeightPaths) -> dict[str, ConfidenceFit]:
    """Those beside the segmentation network and, of its own predictions, the decision network."""
    beside = [path for path in (paths.segnet, paths.decision) if path]
    return {name: fit for path in beside for name, fit in read_fits(path).items()}


def _segmentation(
    path: Path, conventions: Conventions, options: RuntimeOptions, loader: Loader
) -> tuple[SegmentationNetwork, str]:
    """Load the network and name what runs it.

    TensorFlow takes frozen graphs that OpenVINO's reader does not, such as those with a second
    placeholder for the learning phase.
    """
    ours = conventions is VSSN_CONVENTIONS  # elsewhere "auto" is TensorFlow already
    may_fall_back = options.runtime == "auto" and ours and path.suffix == ".pb"
    if not (may_fall_back and options.names_graph):
        try:
            return loader.segmentation(path), loader.name
        except UnsupportedGraphError:
            if not may_fall_back:
                raise
    reference = make_loader(replace(options, runtime="tensorflow", precision="auto"), conventions)
    return reference.segmentation(path), reference.name


def load_segmentation(
    path: Path,
    conventions: Conventions = VSSN_CONVENTIONS,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> SegmentationNetwork:
    """Load the segmentation network alone; see :func:`load_networks`."""
    return _segmentation(path, conventions, options, make_loader(options, conventions))[0]


def load_flow(
    path: Path,
    conventions: Conventions = VSSN_CONVENTIONS,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> FeatureFlowNetwork:
    """Load thin FlowNetS alone; see :func:`load_networks`."""
    return make_loader(options, conventions).flow(path)
