"""Drawing training examples ahead, in a thread beside the step that learns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

PREFETCHED_BATCHES = 4

Example = TypeVar("Example")


def drawn_ahead(
    draw: Callable[[int], Example], indices: Iterable[int], size: int
) -> Iterator[list[Example]]:
    """Batches of what ``draw`` makes of the indices, in their order, a few batches ahead.

    One thread draws: OpenCV uses the other cores by itself.

    Args:
        draw: makes an example of its index alone, so that a resumed training draws it again.
        indices: a multiple of ``size``; what is left over makes a smaller last batch.
        size: examples per batch.
    """
    waiting = iter(indices)
    with ThreadPoolExecutor(1) as pool:
        pending = [pool.submit(draw, i) for i in islice(waiting, PREFETCHED_BATCHES * size)]
        while pending:
            batch = [future.result() for future in pending[:size]]
            pending = pending[size:]
            pending += [pool.submit(draw, i) for i in islice(waiting, size)]
            yield batch
