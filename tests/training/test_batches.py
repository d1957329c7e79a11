"""Examples drawn ahead."""

from __future__ import annotations

import threading

import pytest

from vssn.training.batches import PREFETCHED_BATCHES, drawn_ahead


def test_batches_hold_every_example_in_order() -> None:
    assert list(drawn_ahead(lambda i: 10 * i, range(7), 3)) == [[0, 10, 20], [30, 40, 50], [60]]
    assert list(drawn_ahead(lambda i: i, [], 3)) == []


def test_only_a_few_batches_are_drawn_ahead_and_in_one_other_thread() -> None:
    drawn: list[int] = []
    threads = set()

    def draw(index: int) -> int:
        drawn.append(index)
        threads.add(threading.current_thread())
        return index

    batches = drawn_ahead(draw, range(1000), 2)
    next(batches)
    batches.close()
    assert len(drawn) <= 2 * (PREFETCHED_BATCHES + 1)
    assert len(threads) == 1
    assert threading.current_thread() not in threads


def test_an_error_reaches_the_training() -> None:
    with pytest.raises(ZeroDivisionError):
        list(drawn_ahead(lambda i: 1 // (i - 3), range(8), 2))
