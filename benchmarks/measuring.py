"""Shared by the parts of the benchmark: a clock, and tables in Markdown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import numpy as np


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def median_seconds(call: Callable[[], object], rounds: int) -> float:
    """The median over some calls."""
    return float(np.median([seconds(call) for _ in range(rounds)]))


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table's lines."""
    rules = ["---"] * len(columns)
    return [f"| {' | '.join(cells)} |" for cells in (columns, rules, *rows)]
