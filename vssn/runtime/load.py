"""From weight files to networks that run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vssn.checkpoints.locate import (
    DECISION_FOLDER,
    FLOWNETS_FOLDER,
    locate_segnet,
    locate_tf1,
    sha256_of,
    weights_files,
)
from vssn.preprocess import VSSN_CONVENTIONS, Conventions
from vssn.runtime.protocols import DecisionNetwork, FlowNetwork, SegmentationNetwork
from vssn.runtime.startup import start_tensorflow

if TYPE_CHECKING:
    from vssn.runtime.tensorflow import TensorFlowSegmentation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WeightPaths:
    """The three networks' weights, found on disk.

    Attributes:
        segnet: a .pb, .h5, .keras or .weights.h5 file.
        flownets, decision: prefixes of TF1 checkpoints.
    """

    segnet: Path
    flownets: Path
    decision: Path

    @classmethod
    def locate(
        cls,
        segnet: str | Path | None = None,
        flownets: str | Path | None = None,
        decision: str | Path | None = None,
    ) -> WeightPaths:
        """Find the weights given, or those in the default folders.

        Raises:
            CheckpointError: one is missing; none is ever replaced by random weights.
        """
        return cls(
            locate_segnet(segnet),
            locate_tf1(flownets, FLOWNETS_FOLDER),
            locate_tf1(decision, DECISION_FOLDER),
        )

    def sha256(self) -> dict[str, str]:
        """SHA-256 in hexadecimal of every file, by path."""
        groups = (self.segnet, self.flownets, self.decision)
        return sha256_of(file for group in groups for file in weights_files(group))


@dataclass(frozen=True)
class Networks:
    """The three networks, ready to run.

    Attributes:
        runtime: what runs them, for reports.
    """

    segmentation: SegmentationNetwork
    flow: FlowNetwork
    decision: DecisionNetwork
    runtime: str


def load_networks(paths: WeightPaths, conventions: Conventions = VSSN_CONVENTIONS) -> Networks:
    """Load the three networks.

    Args:
        paths: their weights.
        conventions: what they are shown of a frame.

    Raises:
        CheckpointError: a file is damaged, or belongs to another network.
    """
    start_tensorflow()
    import tensorflow as tf

    from vssn.checkpoints.tf1 import load_decision
    from vssn.models.decision import build_decision
    from vssn.runtime.tensorflow import TensorFlowDecision

    decision = build_decision()
    load_decision(decision, paths.decision)
    return Networks(
        load_segmentation(paths.segnet, conventions),
        load_flow(paths.flownets, conventions),
        TensorFlowDecision(decision),
        f"TensorFlow {tf.__version__} float32",
    )


def load_segmentation(
    path: Path, conventions: Conventions = VSSN_CONVENTIONS
) -> TensorFlowSegmentation:
    """Load ResNet50-SegNet from a frozen graph or a Keras weight file.

    Raises:
        CheckpointError: the file is damaged, or belongs to another network.
    """
    start_tensorflow()
    from vssn.checkpoints.frozen import read_frozen_graph
    from vssn.checkpoints.segnet_weights import load_segnet
    from vssn.runtime.tensorflow import TensorFlowSegmentation, freeze

    logger.info("segmentation network: %s", path)
    if path.suffix == ".pb":
        graph = read_frozen_graph(path)
        graph.run(np.zeros((1, *graph.input_hw, 3), np.float32))  # compiles; not a frame's time
        return TensorFlowSegmentation(graph.run, graph.input_hw, conventions)
    model = load_segnet(path)
    return TensorFlowSegmentation(freeze(model), model.input_shape[1:3], conventions)


def load_flow(path: Path, conventions: Conventions = VSSN_CONVENTIONS) -> FlowNetwork:
    """Load thin FlowNetS from a TF1 checkpoint.

    Raises:
        CheckpointError: the checkpoint is damaged, or belongs to another network.
    """
    start_tensorflow()
    from vssn.checkpoints.tf1 import load_flownets
    from vssn.models.flownets import build_flownets
    from vssn.runtime.tensorflow import TensorFlowFlow

    model = build_flownets()
    load_flownets(model, path)
    return TensorFlowFlow(model, conventions)
