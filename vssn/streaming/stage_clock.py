"""The time that stages of a frame take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StageClock:
    """Adds up seconds by stage name, onto those given.

    Args:
        seconds: to begin with.
        clock: gives the time in seconds.
    """

    def __init__(
        self, seconds: dict[str, float], clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds = dict(seconds)
        self._clock = clock

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside towards ``name``."""
        start = self._clock()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + self._clock() - start
