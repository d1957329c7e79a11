"""From weights to a segmenter, in one call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from vssn.checkpoints.confidence_fit import UNFITTED
from vssn.errors import BadInputError
from vssn.networks import DEFAULT_OPTIONS, RuntimeOptions
from vssn.runtime.load import Networks, WeightPaths, load_networks
from vssn.streaming.confidence import ConfidenceEstimator, MotionConfidence, NetworkConfidence
from vssn.streaming.regions import DEFAULT_OVERLAP_PX, RegionGrid, RegionSegmenter
from vssn.streaming.schedule import DynamicSchedule, Schedule, TargetSchedule
from vssn.streaming.segmenter import VSSN_RULES, AdaptiveSegmenter, Segmenter, StreamRules
from vssn.types import DEFAULT_PROPAGATION, FlowMethod, Propagate, Propagation

logger = logging.getLogger(__name__)

ScheduleMaker = Callable[[ConfidenceEstimator, float], Schedule]


Choice = TypeVar("Choice", FlowMethod, Propagate)


def _chosen(kind: type[Choice], name: str, given: str) -> Choice:
    try:
        return kind(given)
    except ValueError:
        names = [choice.value for choice in kind]
        raise BadInputError(
            f"{name} {given!r}", " or ".join(names), f"pass {name}={names[0]!r}"
        ) from None


def choose_propagation(
    flow: str | None = None,
    propagate: str | None = None,
    names_checkpoint: bool = False,
    only: Propagation | None = None,
) -> Propagation:
    """Fill in what the user left open.

    - The flow is FlowNetS where one of the two networks that go with it is named, since whoever
      names a checkpoint wants it used; else DIS.
    - Scores are carried from the key frame by FlowNetS, as its decision network was trained for
      that, and from the frame before by DIS.

    Args:
        flow: name of a :class:`vssn.types.FlowMethod`.
        propagate: name of a :class:`vssn.types.Propagate`.
        names_checkpoint: whether weights of FlowNetS or of the decision network are named.
        only: all that the preset admits, where it isn't everything.

    Raises:
        BadInputError: there is no such flow or propagation, or the preset has no such.
    """
    default = FlowMethod.FLOWNETS if names_checkpoint or only else FlowMethod.DIS
    method = _chosen(FlowMethod, "flow", flow) if flow is not None else default
    reference = Propagate.KEY if method is FlowMethod.FLOWNETS else Propagate.CHAIN
    if propagate is not None:
        reference = _chosen(Propagate, "propagate", propagate)
    chosen = Propagation(method, reference)
    if only not in (None, chosen):
        raise BadInputError(
            f"--flow {method.value} and --propagate {reference.value} with --preset original",
            "flownets and key, as that preset's scripts have nothing else",
            "leave --flow and --propagate out",
        )
    return chosen


@dataclass(frozen=True)
class SegmenterPlan:
    """What makes a segmenter, but for its networks.

    Attributes:
        target: expected confidence score, 0-100; see :func:`load_segmenter`.
        propagation: how scores get from frame to frame.
        schedule: makes a schedule of what expects scores and a target.
        grid: splits frames into regions; None processes them as a whole.
        rules: what is done between the networks.
    """

    target: float
    propagation: Propagation = DEFAULT_PROPAGATION
    schedule: ScheduleMaker = TargetSchedule
    grid: RegionGrid | None = None
    rules: StreamRules = VSSN_RULES

    def build(self, networks: Networks) -> Segmenter:
        """Make the segmenter.

        Raises:
            BadInputError: the target is no number.
        """
        propagate = self.propagation.propagate
        logger.info("flow: %s, propagate: %s", self.propagation.flow.value, propagate.value)

        def make() -> AdaptiveSegmenter:
            schedule = make_schedule(self, networks)
            return AdaptiveSegmenter(
                networks.segmentation, networks.flow, schedule, self.rules, propagate
            )

        return RegionSegmenter(make, self.grid) if self.grid else make()


def make_schedule(plan: SegmenterPlan, networks: Networks) -> Schedule:
    """Make what decides when to segment: the decision network where it can, else the path.

    Args:
        plan: how frames are to be processed.
        networks: with a decision network where the plan's propagation asks it.

    Raises:
        BadInputError: the target is no number.
    """
    fit = networks.fits.get(plan.propagation.name, UNFITTED)
    if plan.propagation.asks_decision_network and networks.decision:
        estimator: ConfidenceEstimator = NetworkConfidence(networks.decision, fit.calibration)
    else:
        estimator = MotionConfidence(fit, plan.propagation.propagate is Propagate.CHAIN)
    return plan.schedule(estimator, plan.target)


def load_segmenter(
    target: float = 78.0,
    segnet: str | Path | None = None,
    flownets: str | Path | None = None,
    decision: str | Path | None = None,
    *,
    flow: Literal["dis", "flownets"] | None = None,
    propagate: Literal["chain", "key"] | None = None,
    regions: str | None = None,
    overlap: int = DEFAULT_OVERLAP_PX,
    dynamic: bool = False,
    options: RuntimeOptions = DEFAULT_OPTIONS,
) -> Segmenter:
    """Load the networks and make a segmenter of them.

    Args:
        target: expected confidence score, 0-100, below which a frame is segmented. Near 100 is
            slow, 80 balanced, 50 fast; 100 or more segments every frame, 0 or less only the first.
        segnet: .pb, .h5 or .keras of ResNet50-SegNet, or its folder.
        flownets: TF1 checkpoint of FlowNetS: folder or prefix.
        decision: TF1 checkpoint of the decision network: folder or prefix.
            Each is looked for in its default folder where it is None and needed.
        flow: carry scores by OpenCV's DIS optical flow or by FlowNetS.
        propagate: carry them from the frame before, or from the key frame. What is None is filled
            in as :func:`choose_propagation` says: DIS and chain, FlowNetS and key.
        regions: rows x columns, such as ``"2x2"``, that are segmented or warped each on its own.
        overlap: px that a region reaches beyond its part of the frame; a multiple of 8.
        dynamic: lower a region's target by 1 when it is segmented and raise it by 0.1 when it is
            warped.
        options: what runs the networks.

    Raises:
        BadInputError: there is no such flow, propagation or split into regions.
        CheckpointError: weights are missing, damaged, or of another network.
    """
    grid = RegionGrid.parse(regions, overlap) if regions else None
    named = (flownets, decision) != (None, None)
    propagation = choose_propagation(flow, propagate, named)
    schedule = DynamicSchedule if dynamic else TargetSchedule
    plan = SegmenterPlan(target, propagation, schedule, grid)
    paths = WeightPaths.locate(segnet, flownets, decision, propagation)
    return plan.build(load_networks(paths, options=options))
