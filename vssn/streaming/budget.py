"""A schedule that keeps a pace instead of a target."""

from __future__ import annotations

from dataclasses import replace

from vssn.errors import BadInputError, argument
from vssn.networks import FlowComparison
from vssn.streaming.confidence import ConfidenceEstimator
from vssn.streaming.schedule import Decision, EstimatingSchedule
from vssn.types import FramePath

# How a budget is kept: the target before anything was measured, points that it moves by for a share
# of frames, share of a new time in the mean, and how many segmentations may be saved up.
START_TARGET = 90.0
PACE_GAIN = 2.0
TIME_GAIN = 0.1
MOST_SAVED = 4.0


class BudgetSchedule(EstimatingSchedule):
    """Keeps a pace: so much time per frame on average, spent where confidence is lowest.

    Times are measured while the stream runs. What is left of the budget after warping every frame
    decides the share of frames that can be segmented; a target that moves with what was spent
    picks them. Time saved is kept for later, up to a few segmentations.

    Args:
        estimator: predicts the confidence.
        budget_ms: milliseconds per frame, above 0.

    Attributes:
        target: the target that the budget amounts to, 0-100: the mean over the stream so far.
    """

    def __init__(self, estimator: ConfidenceEstimator, budget_ms: float) -> None:
        if not 0 < budget_ms < float("inf"):
            raise BadInputError(
                argument("budget_ms", budget_ms),
                "milliseconds above 0",
                f"pass {argument('budget_ms', 40)}",
            )
        super().__init__(estimator)
        self._budget_s = budget_ms / 1000
        self.reset()

    def reset(self) -> None:
        """Forget the stream, what the estimator learned of it, and all times."""
        super().reset()
        self._times: dict[FramePath | None, float] = {}
        self._saved_s = 0.0
        self._target = START_TARGET
        self._sum, self._frames = 0.0, 0

    @property
    def target(self) -> float:
        """See the class; where the stream has begun, as far as it has run."""
        return self._sum / self._frames if self._frames else self._target

    def compares_next(self, key_distance: int) -> bool:
        """Not where the budget is enough to segment every frame."""
        if self._affordable_share < 1:
            return True
        self._count(100.0)
        return False

    def decide(self, comparison: FlowComparison, key_distance: int) -> Decision:
        """Segment where the confidence is low and the time saved is enough."""
        decision = self.compared(comparison, key_distance, self._target)
        nearly_most = MOST_SAVED * self._extra_s - self._budget_s  # above, savings would be lost
        affordable = self._saved_s >= self._extra_s
        segment = affordable and (decision.segment or self._saved_s >= nearly_most)
        if not self._times.get(FramePath.WARP):
            segment = False  # what a warped frame takes is to be measured first
        self._count(self._target)
        # What is wanted counts, affordable or not: else the target would rise out of reach.
        moved = self._target + PACE_GAIN * (self._affordable_share - decision.segment)
        self._target = min(max(moved, 0.0), 100.0)
        return replace(decision, segment=segment)

    def spent(self, seconds: float, path: FramePath | None) -> None:
        """Keep the accounts."""
        known = self._times.get(path, seconds)
        self._times[path] = known + TIME_GAIN * (seconds - known)
        self._saved_s -= seconds
        if path is not None:
            self._saved_s += self._budget_s
        # Neither savings nor debts last: the pace is that of the last frames.
        most = MOST_SAVED * (self._extra_s or self._budget_s)
        self._saved_s = min(max(self._saved_s, -most), most)

    def _count(self, target: float) -> None:
        self._sum += target
        self._frames += 1

    @property
    def _extra_s(self) -> float:
        """What segmenting a frame takes longer than warping it; 0 where it isn't known."""
        if FramePath.WARP not in self._times:
            return 0.0
        segmented, warped = (self._times[path] for path in (FramePath.SEGMENT, FramePath.WARP))
        return max(segmented - warped, 1e-6)

    @property
    def _affordable_share(self) -> float:
        """The share of frames that can be segmented within the budget, 0 to 1."""
        segmented = self._times.get(FramePath.SEGMENT, 0.0)
        left = self._budget_s - self._times.get(None, 0.0)
        if segmented <= left:
            return 1.0
        if FramePath.WARP not in self._times:
            return 0.0
        return max((left - self._times[FramePath.WARP]) / self._extra_s, 0.0)


def budget_ms(fps: float) -> float:
    """The milliseconds that a frame may take at a pace.

    Args:
        fps: frames per second, above 0.

    Raises:
        BadInputError: the pace is no such number.
    """
    if not 0 < fps < float("inf"):
        raise BadInputError(argument("fps", fps), "above 0", f"pass {argument('fps', 25)}")
    return 1000 / fps
