"""How long things take, and what can still be done on time."""

from __future__ import annotations

from vssn.errors import BadInputError, argument

# Share of the latency allowed that is not planned with: other programs want the processor too.
RESERVE = 0.2
MEAN_GAIN, DEVIATION_GAIN = 1 / 8, 1 / 4
DEVIATIONS = 4
DEFAULT_MAX_LATENCY_MS = 33.0
MOST_LATENCY_MS = 60_000.0


class TypicalTime:
    """How long something takes, as a moving mean and mean deviation.

    Source: Jacobson, "Congestion avoidance and control" (SIGCOMM 1988), as in RFC 6298.

    Attributes:
        mean_s: seconds; 0 before the first.
    """

    def __init__(self) -> None:
        self.mean_s = 0.0
        self._deviation_s: float | None = None

    def add(self, seconds: float) -> None:
        """Count one."""
        if self._deviation_s is None:
            self.mean_s, self._deviation_s = seconds, 0.0
            return
        off = seconds - self.mean_s
        self.mean_s += MEAN_GAIN * off
        self._deviation_s += DEVIATION_GAIN * (abs(off) - self._deviation_s)

    @property
    def slow_s(self) -> float:
        """Seconds that are rarely exceeded."""
        return self.mean_s + DEVIATIONS * (self._deviation_s or 0.0)


def check_latency_ms(max_latency_ms: float) -> float:
    """Refuse what is no latency, with BadInputError."""
    if not 0 < max_latency_ms <= MOST_LATENCY_MS:  # NaN is refused too
        raise BadInputError(
            argument("max_latency_ms", max_latency_ms),
            f"milliseconds above 0, at most {MOST_LATENCY_MS:g}",
            f"pass {argument('max_latency_ms', DEFAULT_MAX_LATENCY_MS)}",
        )
    return max_latency_ms
