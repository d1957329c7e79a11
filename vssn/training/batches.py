"""Training batches, prepared in a thread beside the training step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import TypeVar

from vssn.media.pipeline import read_ahead

PREFETCHED_BATCHES = 4  # of them one is being drawn

Drawn = TypeVar("Drawn")
Example = TypeVar("Example")


def drawn_ahead(
    draw: Callable[[Drawn], Example], indices: Iterable[Drawn], size: int
) -> Iterator[list[Example]]:
    """Batches of what ``draw`` makes of the indices, in their order, a few batches ahead.

    One thread draws: OpenCV uses the other cores by itself.

    Args:
        draw: makes an example of its index alone, so that a resumed training draws it again.
        indices: a multiple of ``size``; what is left over makes a smaller last batch.
        size: examples per batch.
    """
    with closing(read_ahead(map(draw, indices), (PREFETCHED_BATCHES - 1) * size)) as examples:
        while batch := list(islice(examples, size)):
            yield batch
