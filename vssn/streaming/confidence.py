"""What score a carried result may be expected to have: the plug that schedules ask."""

from __future__ import annotations

import math
from typing import Protocol

import cv2

from vssn.checkpoints.confidence_fit import IDENTITY, UNFITTED, ConfidenceFit, ConfidenceMap
from vssn.errors import BadInputError
from vssn.flow.warp import resize_flow
from vssn.networks import DecisionNetwork, FeatureComparison, FlowComparison
from vssn.preprocess import size_hw
from vssn.types import Float32Array

COARSE_HW = (52, 76)  # FlowNetS' own grid; motion is summed up there, whatever the flow
ROUGHNESS_WEIGHT = 5.0  # brings it to the size that the flow's mean length has in street scenes

# How the rate is learned, in natural logarithms: variance before the first key frame, of one key
# frame's rate around the stream's, least share of a new one, and most that one may ask for.
PRIOR_VARIANCE = 0.12
NOISE_VARIANCE = 0.2
LEAST_GAIN = 0.08
MOST_SURPRISE = 0.7
LEAST_MOTION_PCT = 0.1  # below, a frame tells nothing of the rate
LEAST_LOSS = 1.0  # points; so that a perfect frame has a logarithm


class ConfidenceEstimator(Protocol):
    """Expects the score, 0-100, that the scores carried to the current frame would have.

    Attributes:
        learns: whether true scores are of use to it.
    """

    learns: bool

    def expect(self, comparison: FlowComparison, key_distance: int) -> float:
        """The expected score, ``key_distance`` frames after the key frame."""

    def observe(self, measured_agreement: float) -> None:
        """Learn the true score, from a fresh segmentation, of the frame expected last."""
        return


class NetworkConfidence(ConfidenceEstimator):
    """DVSNet's estimator: the decision network, which reads FlowNetS' feature.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        network: predicts the score.
        calibration: from its predictions to scores that mean what they say.
    """

    learns = False

    def __init__(self, network: DecisionNetwork, calibration: ConfidenceMap = IDENTITY) -> None:
        self._network = network
        self._calibration = calibration

    def expect(self, comparison: FlowComparison, key_distance: int) -> float:
        """Ask the network.

        Raises:
            BadInputError: the comparison isn't FlowNetS'.
        """
        if not isinstance(comparison, FeatureComparison):
            raise BadInputError(
                f"a decision network with {type(comparison).__name__}",
                "FlowNetS, whose feature it reads",
                "choose FlowNetS or another schedule",
            )
        return self._calibration(self._network.predicted_confidence(comparison.feature))


def motion_pct(flow: Float32Array) -> float:
    """How much a flow moves and tears, in percent of the frame's width.

    Half of it is the flow's mean length, half (at the size it has in street scenes) its roughness,
    the mean difference between neighbouring cells: at the edges of things that move apart scores
    are lost, and the flow between unlike frames, at a cut, is rough all over.

    Args:
        flow: (h, w, 2) float32, (dx, dy) in cells of its grid.
    """
    coarse = flow if size_hw(flow) == COARSE_HW else resize_flow(flow, COARSE_HW)
    length = cv2.magnitude(coarse[..., 0], coarse[..., 1]).mean()
    across = cv2.norm(coarse[:, 1:], coarse[:, :-1], cv2.NORM_L1) / coarse[:, 1:, 0].size
    down = cv2.norm(coarse[1:], coarse[:-1], cv2.NORM_L1) / coarse[1:, :, 0].size
    cells = (length + ROUGHNESS_WEIGHT * (across + down)) / 2
    return float(cells) * 100 / COARSE_HW[1]


class MotionConfidence(ConfidenceEstimator):
    """Expects a score of the path that results were carried along, and learns from key frames.

    Carrying loses like a random walk: the loss grows with the square root of the motion since the
    key frame. How fast depends on the scene and on how sure the network is there; that rate is
    learned while the stream runs, from what each new key frame shows the carried result to have
    been worth. Measured on clips of three sources, warp residual, age and uncovered area add
    nothing to the motion.

    Args:
        fit: rate to start with, and calibration.
        accumulates: whether results are carried from frame to frame, so that each comparison tells
            of one step of the path, rather than of all of it.

    Attributes:
        accumulated_motion_pct: motion from the key frame to the frame predicted last, in
            percent of the frame's width.
    """

    learns = True

    def __init__(self, fit: ConfidenceFit = UNFITTED, accumulates: bool = True) -> None:
        self._calibration = fit.calibration
        self._accumulates = accumulates
        self._log_rate = math.log(fit.rate)
        self._variance = PRIOR_VARIANCE
        self.accumulated_motion_pct = 0.0

    def expect(self, comparison: FlowComparison, key_distance: int) -> float:
        """See the protocol; asks for the flow."""
        if key_distance == 1 or not self._accumulates:
            self.accumulated_motion_pct = 0.0
        self.accumulated_motion_pct += motion_pct(comparison.estimate().flow)
        return self._calibration(
            100 - math.exp(self._log_rate) * math.sqrt(self.accumulated_motion_pct)
        )

    def observe(self, measured_agreement: float) -> None:
        """Bring the rate towards what this key frame shows; a Kalman filter of one number."""
        if self.accumulated_motion_pct < LEAST_MOTION_PCT:
            return
        seen = math.log(
            max(100 - measured_agreement, LEAST_LOSS) / math.sqrt(self.accumulated_motion_pct)
        )
        gain = max(self._variance / (self._variance + NOISE_VARIANCE), LEAST_GAIN)
        surprise = max(-MOST_SURPRISE, min(MOST_SURPRISE, seen - self._log_rate))
        self._log_rate += gain * surprise
        self._variance *= 1 - gain
