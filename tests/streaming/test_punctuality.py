"""How long things take, and which frames can still be on time."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from vssn.streaming.arrivals import Arrived, first_on_time
from vssn.streaming.punctuality import TypicalTime
from vssn.types import TimedFrame

FRAME = np.zeros((2, 2, 3), np.uint8)


def waiting(*times_s: float) -> list[Arrived]:
    return [Arrived(TimedFrame(n, Fraction(n), FRAME), at) for n, at in enumerate(times_s)]


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        ((10.0,), 0),
        ((9.0,), 0),  # late, and there is no other
        ((9.99, 10.0), 0),
        ((9.99, 9.99, 9.99), 1),  # the third would leave at 40 ms
        ((9.0, 9.99), 1),
        ((9.99, 9.0), 1),  # a clock that jumped
        ((9.98, 10.0), 0),
        ((9.979, 10.0), 1),
    ],
)
def test_the_oldest_is_taken_from_which_on_all_are_on_time(
    times_s: tuple[float, ...], expected: int
) -> None:
    assert first_on_time(waiting(*times_s), 10.0, each_s=0.01, allowed_s=0.0301) == expected


def test_nothing_known_takes_the_oldest_that_is_not_too_old() -> None:
    assert first_on_time(waiting(9.0, 9.98, 9.99), 10.0, each_s=0.0, allowed_s=0.03) == 1


def test_slow_is_rarely_exceeded_and_steady_times_are_slow_as_they_are() -> None:
    steady, varying = TypicalTime(), TypicalTime()
    assert (steady.mean_s, steady.slow_s) == (0, 0)
    times = np.random.default_rng(0).gamma(20, 0.0005, 500)
    exceeded = 0
    for number, seconds in enumerate(times):
        exceeded += number > 20 and seconds > varying.slow_s
        varying.add(float(seconds))
        steady.add(0.01)
    assert steady.slow_s == pytest.approx(0.01)
    assert varying.mean_s == pytest.approx(times.mean(), rel=0.2)
    assert exceeded < 10
