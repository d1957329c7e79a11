"""From loaded networks to a segmenter."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from vssn.checkpoints.confidence_fit import UNFITTED
from vssn.runtime.load import Networks
from vssn.streaming.confidence import ConfidenceEstimator, MotionConfidence, NetworkConfidence
from vssn.streaming.regions import RegionGrid, RegionSegmenter
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.streaming.schedule import Schedule
from vssn.streaming.segmenter import AdaptiveSegmenter, Segmenter
from vssn.types import Propagate, Propagation

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What a segmenter does between its networks.

    Attributes:
        propagation: how probabilities get from frame to frame.
        make_schedule: makes a schedule of what predicts the confidence; each stream, and each
            region of it, has its own.
        grid: splits frames into regions; None processes them as a whole.
        rules: warping, labels and agreement.
        blend: of segmented frames with propagated ones; see
            :class:`vssn.streaming.segmenter.AdaptiveSegmenter`.
    """

    propagation: Propagation
    make_schedule: Callable[[ConfidenceEstimator], Schedule]
    grid: RegionGrid | None = None
    rules: StreamRules = VSSN_RULES
    blend: float = 0.0


def build_segmenter(networks: Networks, plan: Plan) -> Segmenter:
    """Make the segmenter."""
    propagation = plan.propagation
    logger.info("flow: %s, propagate: %s", propagation.flow.value, propagation.propagate.value)
    make = partial(build_adaptive, networks, plan)
    return RegionSegmenter(make, plan.grid) if plan.grid else make()


def build_adaptive(networks: Networks, plan: Plan) -> AdaptiveSegmenter:
    """Make the segmenter of a whole frame, or of one region."""
    return AdaptiveSegmenter(
        networks.segmentation,
        networks.flow,
        plan.make_schedule(build_estimator(networks, plan.propagation)),
        plan.rules,
        plan.propagation.propagate,
        plan.blend,
        networks.companion,
    )


def build_estimator(networks: Networks, propagation: Propagation) -> ConfidenceEstimator:
    """Make what predicts the confidence: the decision network where it can, else from motion.

    Args:
        networks: with a decision network where the propagation asks it.
        propagation: how probabilities get from frame to frame.
    """
    fit = networks.fits.get(propagation.name)
    if propagation.asks_decision_network and networks.decision:
        return NetworkConfidence(networks.decision, fit)
    return MotionConfidence(fit or UNFITTED, propagation.propagate is Propagate.CHAIN)
