"""From weights to a segmenter, in one call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vssn.runtime.load import DEFAULT_OPTIONS, Networks, RuntimeOptions, WeightPaths, load_networks
from vssn.runtime.protocols import DecisionNetwork
from vssn.streaming.regions import DEFAULT_OVERLAP_PX, RegionGrid, RegionSegmenter
from vssn.streaming.schedule import DecisionSchedule, DynamicSchedule, Schedule
from vssn.streaming.segmenter import VSSN_RULES, AdaptiveSegmenter, Segmenter, StreamRules

ScheduleMaker = Callable[[DecisionNetwork, float], Schedule]


@dataclass(frozen=True)
class SegmenterPlan:
    """What makes a segmenter, but for its networks.

    Attributes:
        target: expected confidence score, 0-100; see :func:`load_segmenter`.
        schedule: makes a schedule of the decision network and the target.
        grid: splits frames into regions; None processes them as a whole.
        rules: what is done between the networks.
    """

    target: float
    schedule: ScheduleMaker = DecisionSchedule
    grid: RegionGrid | None = None
    rules: StreamRules = VSSN_RULES

    def build(self, networks: Networks) -> Segmenter:
        """Make the segmenter.

        Raises:
            BadInputError: the target is no number.
        """

        def make() -> AdaptiveSegmenter:
            schedule = self.schedule(networks.decision, self.target)
            return AdaptiveSegmenter(networks.segmentation, networks.flow, schedule, self.rules)

        return RegionSegmenter(make, self.grid) if self.grid else make()


def load_segmenter(
    target: float = 80.0,
    segnet: str | Path | None = None,
    flownets: str | Path | None = None,
    decision: str | Path | None = None,
    *,
    regions: str | None = None,
    overlap: int = DEFAULT_OVERLAP_PX,
    dynamic: bool = False,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> Segmenter:
    """Load the three networks and make a segmenter of them.

    Args:
        target: expected confidence score, 0-100, below which a frame is segmented. Near 100 is
            slow, 80 balanced, 50 fast; 100 or more segments every frame, 0 or less only the first.
        segnet: .pb, .h5 or .keras of ResNet50-SegNet, or its folder.
        flownets: TF1 checkpoint of FlowNetS: folder or prefix.
        decision: TF1 checkpoint of the decision network: folder or prefix.
            Each is looked for in its default folder where it is None.
        regions: rows x columns, such as ``"2x2"``, that are segmented or warped each on its own.
        overlap: px that a region reaches beyond its part of the frame; a multiple of 8.
        dynamic: lower a region's target by 1 when it is segmented and raise it by 0.1 when it is
            warped.
        options: what runs the networks.

    Raises:
        BadInputError: there is no such split into regions.
        CheckpointError: weights are missing, damaged, or of another network.
    """
    grid = RegionGrid.parse(regions, overlap) if regions else None
    plan = SegmenterPlan(target, DynamicSchedule if dynamic else DecisionSchedule, grid)
    paths = WeightPaths.locate(segnet, flownets, decision)
    return plan.build(load_networks(paths, options=options))
