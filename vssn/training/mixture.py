"""Batches drawn from several data sets, each with its share."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from vssn.data.stills import Still
from vssn.labels import NUM_CLASSES, NUM_OUTPUTS
from vssn.media.images import read_label
from vssn.training.sources import Source, allowed_classes
from vssn.types import Float32Array, UInt8Array


class Mixture:
    """Stills of several sources, drawn by share; files are read as they are drawn.

    Args:
        sources: at least one, each with a positive share.

    Attributes:
        sources: as given.
        size: stills in all.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = tuple(sources)
        self.size = sum(len(source.train) for source in sources)
        shares = np.array([source.share for source in sources], np.float64)
        self._ends = np.cumsum(shares / shares.sum())
        self._tables = [source.rules.table() for source in sources]

    def draw(self, rng: np.random.Generator, count: int) -> list[tuple[int, int]]:
        """Draw a batch as (source, still) numbers.

        The sources' counts are their shares of ``count`` as nearly as whole numbers allow, and on
        average exactly (systematic sampling).
        """
        places = (np.arange(count) + rng.random()) / count
        chosen = np.minimum(np.searchsorted(self._ends, places), len(self.sources) - 1)
        return [(int(s), int(rng.integers(len(self.sources[s].train)))) for s in chosen]

    def load(self, place: tuple[int, int]) -> tuple[UInt8Array, UInt8Array]:
        """Read a still as (H, W, 3) uint8 RGB and (H, W) uint8 training labels."""
        image, label = self.sources[place[0]].train[place[1]].load_rgb()
        return image, np.asarray(cv2.LUT(label, _full(self._tables[place[0]])), np.uint8)

    def label_weights(self, power: float) -> Float32Array:
        """(training labels,) float32: see :func:`label_weights`."""
        shares = np.diff(self._ends, prepend=0)
        frequency = sum(
            share * _class_frequency(source.train)
            for share, source in zip(shares, self.sources, strict=True)
        )
        return label_weights(np.asarray(frequency), power)


def _full(table: UInt8Array) -> UInt8Array:
    full = np.arange(256, dtype=np.uint8)
    full[: len(table)] = table
    return full


def _class_frequency(stills: list[Still]) -> npt.NDArray[np.float64]:
    """(11,) share of each class in the labelled pixels; all 0 where there are none."""
    counts = np.zeros(NUM_CLASSES, np.int64)
    for label in (read_label(still.label) for still in stills if still.label):
        counts += np.bincount(label.ravel(), minlength=NUM_OUTPUTS)[:NUM_CLASSES]
    return np.asarray(counts / np.maximum(counts.sum(), 1))


def label_weights(frequency: npt.NDArray[np.float64], power: float) -> Float32Array:
    """Weights frequency ** -power of the classes, mean 1 over the pixels, void 0.

    Args:
        frequency: (11,) share of each class, up to a factor; where all are 0, nothing being
            labelled, they count as equal.
        power: 0 weighs all classes alike, 1 evens their frequencies out.

    Returns:
        (training labels,) float32; what may be one of several classes weighs as their mean.
    """
    total = frequency.sum()
    frequency = frequency / total if total else np.full(NUM_CLASSES, 1 / NUM_CLASSES)
    weights = np.maximum(frequency, 1e-4) ** -power
    weights /= (weights * frequency).sum()
    allowed = allowed_classes()[:, :NUM_CLASSES].astype(np.float64)
    means = allowed @ weights / np.maximum(allowed.sum(1), 1)
    return np.asarray(means, np.float32)
