"""From weights to an adaptive segmenter, in one call."""

from __future__ import annotations

from pathlib import Path

from vssn.runtime.load import WeightPaths, load_networks
from vssn.streaming.schedule import DecisionSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter


def load_segmenter(
    target: float = 80.0,
    segnet: str | Path | None = None,
    flownets: str | Path | None = None,
    decision: str | Path | None = None,
) -> AdaptiveSegmenter:
    """Load the three networks and make a segmenter of them.

    Args:
        target: expected confidence score, 0-100, below which a frame is segmented. Near 100 is
            slow, 80 balanced, 50 fast; 100 or more segments every frame, 0 or less only the first.
        segnet: .pb, .h5 or .keras of ResNet50-SegNet, or its folder.
        flownets: TF1 checkpoint of FlowNetS: folder or prefix.
        decision: TF1 checkpoint of the decision network: folder or prefix.
            Each is looked for in its default folder where it is None.

    Raises:
        CheckpointError: weights are missing, damaged, or of another network.
    """
    networks = load_networks(WeightPaths.locate(segnet, flownets, decision))
    schedule = DecisionSchedule(networks.decision, target)
    return AdaptiveSegmenter(networks.segmentation, networks.flow, schedule)
