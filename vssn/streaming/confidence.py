"""How confident one may be in a propagated result: the plug that schedules ask."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from vssn.checkpoints.confidence_fit import UNFITTED, ConfidenceFit
from vssn.errors import BadInputError
from vssn.flow.warp import resize_flow
from vssn.networks import DecisionNetwork, FeatureComparison, FlowComparison
from vssn.preprocess import size_hw
from vssn.types import Float32Array

COARSE_HW = (52, 76)  # FlowNetS' own grid; motion is summed up there, whatever the flow
ROUGHNESS_WEIGHT = 5.0  # brings it to the size that the flow's mean length has in street scenes

EXPONENT = 0.75  # of accumulated motion; between a random walk's 0.5 and a steady drift's 1

# How flicker and growth are learned. Both have a prior from the fit, whose spread over clips is a
# share of its mean; an observed loss has a spread of so many points and of a share of itself.
PRIOR_SPREAD = 0.7
NOISE_POINTS = 3.0
NOISE_SHARE = 0.2
KEPT_SHARE = 0.96  # share of what was learned that is kept at each key frame
MOST_SURPRISE = 3.0  # of one observation, in its own spreads
LEAST_SHARE = 0.1  # of the prior, below which neither falls
LEAST_MOTION_PCT = 0.1  # between the least and the most, below which nothing is told of a rate

# How fast growth is, per frame, is a mean over the last frames; at first, over so many expected.
GROWTH_FRAMES = 30
FIRST_GROWTH, FIRST_FRAMES = 1.5, 5
REMEMBERED = 1024  # frames that a key frame may become known after
LEAST_GROWTH, MOST_GROWTH = 0.4, 5.0  # of a frame that doesn't move, and of a cut


class ConfidenceEstimator(Protocol):
    """Predicts the confidence, 0-100, in what is propagated to the current frame.

    Attributes:
        learns: whether measured agreements are of use to it.
    """

    learns: bool

    def predict(self, comparison: FlowComparison, key_distance: int) -> float:
        """The predicted confidence, ``key_distance`` frames after the key frame."""

    def observe(self, measured_agreement: float, predictions_ago: int = 0) -> None:
        """Learn the measured agreement, 0-100, of a frame that was predicted.

        Args:
            measured_agreement: as a segmentation of that frame shows it.
            predictions_ago: how many frames were predicted after it; 0 for the last.
        """
        return

    def reset(self) -> None:
        """Forget the stream."""
        return


class GainScale:
    """Makes a confidence of what segmenting would gain, by what a stream's key frames are worth.

    With a key frame every k frames, a stream loses the growth of disagreement in the frames between
    and pays for one segmentation. Both together, per frame, are least where the growth at which a
    frame is segmented equals that mean (the marginal value theorem). Where growth is c points a
    frame, it is in proportion to the root of c: a scene that moves fast is allowed worse frames,
    as its key frames don't last, and a scene that stands still, better ones. So the confidence is
    100 less the growth divided by that root; at one point a frame it is 100 less the growth.

    Source: Charnov, "Optimal foraging, the marginal value theorem" (1976).
    """

    def __init__(self) -> None:
        self._per_frame, self._frames = FIRST_GROWTH, FIRST_FRAMES
        self._growth = 0.0

    def confidence(self, growth: float, key_distance: int, before: float | None = None) -> float:
        """The confidence in the next frame.

        Args:
            growth: points of agreement that segmenting it would gain.
            key_distance: frames since the key frame, 1 or more.
            before: the growth of the frame before, where its key frame has changed since.

        Returns:
            0-100; 100 where segmenting would gain nothing.
        """
        if before is None:
            before = self._growth if key_distance > 1 else 0.0
        step = growth - before
        self._growth = growth
        self._frames = min(self._frames + 1, GROWTH_FRAMES)
        step = min(max(step, 0.0), MOST_GROWTH)
        self._per_frame += (step - self._per_frame) / self._frames
        return max(100 - growth / math.sqrt(max(self._per_frame, LEAST_GROWTH)), 0.0)


class NetworkConfidence(ConfidenceEstimator):
    """DVSNet's estimator: the decision network, which reads FlowNetS' feature.

    Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018).

    Args:
        network: predicts the agreement.
        fit: brings its predictions to agreements as they are measured, and these to the scale of
            :class:`GainScale`; None leaves them as they are, as in DVSNet.
    """

    learns = False

    def __init__(self, network: DecisionNetwork, fit: ConfidenceFit | None = None) -> None:
        self._network = network
        self._fit = fit
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self._scale = GainScale()

    def predict(self, comparison: FlowComparison, key_distance: int) -> float:
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
        predicted = self._network.predicted_confidence(comparison.feature)
        if self._fit is None:
            return predicted
        growth = 100 - self._fit.calibration(predicted) - self._fit.flicker
        return self._scale.confidence(max(growth, 0.0), key_distance)


def motion_pct(flow: Float32Array) -> float:
    """How much a flow moves and tears, in percent of the frame's width.

    Half of it is the flow's mean length, half (at the size it has in street scenes) its roughness,
    the mean difference between neighbouring cells: at the edges of things that move apart
    classes are lost, and the flow between unlike frames, at a cut, is rough all over.

    Args:
        flow: (h, w, 2) float32, (dx, dy) in cells of its grid.
    """
    coarse = flow if size_hw(flow) == COARSE_HW else resize_flow(flow, COARSE_HW)
    length = cv2.magnitude(coarse[..., 0], coarse[..., 1]).mean()
    across = cv2.norm(coarse[:, 1:], coarse[:, :-1], cv2.NORM_L1) / coarse[:, 1:, 0].size
    down = cv2.norm(coarse[1:], coarse[:-1], cv2.NORM_L1) / coarse[1:, :, 0].size
    cells = (length + ROUGHNESS_WEIGHT * (across + down)) / 2
    return float(cells) * 100 / COARSE_HW[1]


def fit_loss(exposures: Sequence[float], losses: Sequence[float]) -> tuple[float, float]:
    """Flicker and rate of ``loss = flicker + rate * exposure``, by weighted least squares.

    Args:
        exposures: ``motion ** 0.75``, motion in percent of the width.
        losses: points of agreement lost; each weighs by its expected spread.

    Returns:
        Neither below 0. NaN, both, where there is no loss to go by or nothing moves.
    """
    from scipy.optimize import nnls  # for fitting alone; it takes long to import

    x, y = np.asarray(exposures, np.float64), np.asarray(losses, np.float64)
    if x.size < 2 or np.ptp(x) < LEAST_MOTION_PCT:
        return math.nan, math.nan
    weights = 1 / (NOISE_POINTS + NOISE_SHARE * y)
    columns = np.stack([weights, weights * x], axis=1)
    (flicker, rate), _ = nnls(columns, weights * y)
    return float(flicker), float(rate)


class MotionConfidence(ConfidenceEstimator):
    """Predicts the confidence from motion, and learns from key frames what motion costs.

    A propagated result and a segmentation of the same frame disagree for two reasons. One is
    the network's flicker: it disagrees with itself on neighbouring frames, which no key frame
    cures. The other grows with the motion accumulated since the key frame; that growth is what
    segmenting would gain, and what the confidence is made of; see :class:`GainScale`. The loss
    of agreement is modelled as ``flicker + rate * motion ** 0.75``.

    Both numbers depend on the scene, the camera and the network. They start at the fit's and are
    learned while the stream runs, from what each new key frame shows the propagated result to
    have been worth, by a Kalman filter.

    Args:
        fit: flicker and rate to start with.
        accumulates: whether results are propagated from frame to frame, so that each comparison
            shows one step of the motion, rather than all of it.

    Attributes:
        accumulated_motion_pct: motion from the key frame to the frame predicted last, in
            percent of the frame's width.
        flicker: points of agreement lost between neighbouring frames without motion, as learned.
        rate: points lost besides where the accumulated motion is 1 % of the width, as learned.
    """

    learns = True

    def __init__(self, fit: ConfidenceFit = UNFITTED, accumulates: bool = True) -> None:
        self._fit = fit
        self._accumulates = accumulates
        self.reset()

    def reset(self) -> None:
        """Forget the stream."""
        self.flicker, self.rate = self._fit.flicker, self._fit.rate
        self._prior = (PRIOR_SPREAD * self.flicker) ** 2, (PRIOR_SPREAD * self.rate) ** 2
        self._variances, self._covariance = self._prior, 0.0
        self.accumulated_motion_pct = 0.0
        self._scale = GainScale()
        self._motions: deque[float] = deque(maxlen=REMEMBERED)  # since the key frame
        self._accumulated: deque[float] = deque(maxlen=REMEMBERED)  # of each prediction

    def predict(self, comparison: FlowComparison, key_distance: int) -> float:
        """See the protocol; asks for the flow.

        A key frame may become known some frames later, when the frames after it were predicted
        from an earlier one: motion is then accumulated from the later one on.
        """
        before = self._start_from(key_distance)
        motion = motion_pct(comparison.estimate().flow)
        self._motions.append(motion)
        self.accumulated_motion_pct += motion
        self._accumulated.append(self.accumulated_motion_pct)
        return self._scale.confidence(
            self._growth(self.accumulated_motion_pct), key_distance, before
        )

    def _start_from(self, key_distance: int) -> float | None:
        """Forget motion before the key frame; the growth then, where there was any after it."""
        if key_distance == 1 or not self._accumulates:
            self._motions.clear()
            self.accumulated_motion_pct = 0.0
            return None
        if len(self._motions) < key_distance:
            return None
        self._motions = deque(list(self._motions)[1 - key_distance :], REMEMBERED)
        self.accumulated_motion_pct = sum(self._motions)
        return self._growth(self.accumulated_motion_pct)

    def _growth(self, motion: float) -> float:
        return float(min(self.rate * motion**EXPONENT, 100.0))

    def observe(self, measured_agreement: float, predictions_ago: int = 0) -> None:
        """Bring flicker and rate towards what a key frame shows: one step of a Kalman filter."""
        if predictions_ago >= len(self._accumulated):
            return
        self._drift()
        exposure = self._accumulated[-1 - predictions_ago] ** EXPONENT
        of_flicker, of_rate = self._variances
        loss = self.flicker + self.rate * exposure
        toward_flicker = of_flicker + self._covariance * exposure
        toward_rate = self._covariance + of_rate * exposure
        noise = (NOISE_POINTS + NOISE_SHARE * loss) ** 2
        variance = toward_flicker + toward_rate * exposure + noise
        most = MOST_SURPRISE * math.sqrt(variance)
        surprise = max(-most, min(most, 100 - measured_agreement - loss))
        gains = toward_flicker / variance, toward_rate / variance
        self.flicker = max(self.flicker + gains[0] * surprise, LEAST_SHARE * self._fit.flicker)
        self.rate = max(self.rate + gains[1] * surprise, LEAST_SHARE * self._fit.rate)
        self._variances = of_flicker - gains[0] * toward_flicker, of_rate - gains[1] * toward_rate
        self._covariance -= gains[0] * toward_rate

    def _drift(self) -> None:
        """Scenes change: what was learned slowly falls back to the fit, with its uncertainty."""
        self.flicker += (1 - KEPT_SHARE) * (self._fit.flicker - self.flicker)
        self.rate += (1 - KEPT_SHARE) * (self._fit.rate - self.rate)
        kept = KEPT_SHARE**2
        self._variances = (
            kept * self._variances[0] + (1 - kept) * self._prior[0],
            kept * self._variances[1] + (1 - kept) * self._prior[1],
        )
        self._covariance *= kept
