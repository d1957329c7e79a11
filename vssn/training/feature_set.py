"""Pairs' features and measured agreement, as the decision network learns from them.

Features stay in their file and are read as they are needed, so that no number of pairs needs more
memory than a block of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.errors import MediaError
from vssn.models.layout import FEATURE_SHAPE
from vssn.training.archive import ArrayFile
from vssn.training.feature_record import (
    AGREEMENT_FILE,
    FEATURES_FILE,
    MAX_AGREEMENT_BYTES,
    MAX_ARRAY_BYTES,
    MAX_PAIRS,
    FeatureRecord,
    check_feature_record,
)
from vssn.types import Float32Array

BLOCK_PAIRS = 4096  # 126 MB
HELD_OUT_RUN = 20  # consecutive pairs

Indices = npt.NDArray[np.intp]


class StoredFeatures:
    """Features in a file; indexed like an array, they are read.

    Args:
        file: an array of shape (M, 4, 5, 384).
        pairs: which of the M; None for all.
    """

    def __init__(self, file: ArrayFile, pairs: Indices | None = None) -> None:
        self._file = file
        self._pairs = np.arange(file.shape[0]) if pairs is None else pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, chosen: slice | Indices) -> Float32Array:
        """(n, 4, 5, 384) float32.

        Raises:
            MediaError: they can't be read any more.
        """
        with np.errstate(over="ignore"):  # what is too large for float32 is refused as infinite
            return self._file.rows(self._pairs[chosen]).astype(np.float32, copy=False)

    def take(self, chosen: Indices, axis: int = 0) -> StoredFeatures:
        """Some of the pairs, as :meth:`numpy.ndarray.take` has it; nothing is read."""
        return StoredFeatures(self._file, self._pairs.take(chosen, axis))


Features = Float32Array | StoredFeatures


def blocks(features: Features) -> Iterator[Float32Array]:
    """(n, 4, 5, 384) float32 of at most :data:`BLOCK_PAIRS` pairs each."""
    for start in range(0, len(features), BLOCK_PAIRS):
        yield features[start : start + BLOCK_PAIRS]


@dataclass(frozen=True)
class FeatureSet:
    """Pairs of frames.

    Attributes:
        features: (N, 4, 5, 384) float32, in memory or in their file.
        agreement: (N,) float32, 0-100, measured.
        record: what they were made with, where that is known.
    """

    features: Features
    agreement: Float32Array
    record: FeatureRecord | None = None


def _opened(path: Path, max_bytes: int) -> ArrayFile:
    try:
        array = ArrayFile(path, max_bytes, "features")
    except ValueError as error:
        raise MediaError(
            f"features '{path}' ({error})", "a NumPy array file", "run vssn features again"
        ) from error
    if array.dtype.kind not in "fiu":
        raise MediaError(
            f"'{path}' of {array.dtype}", "numbers in a NumPy array file", "generate it again"
        )
    return array


def read_feature_set(directory: Path) -> FeatureSet:
    """Open ``X.npy``, read ``Y.npy``, and compare them with ``features.json`` where that is there.

    Raises:
        MediaError: missing, changed, damaged, of other shapes, types or lengths, empty,
            non-finite, or agreement outside 0-100.
    """
    features = _opened(directory / FEATURES_FILE, MAX_ARRAY_BYTES)
    agreements = _opened(directory / AGREEMENT_FILE, MAX_AGREEMENT_BYTES)
    found = f"'{directory}' with X {features.shape} and Y {agreements.shape}"
    count, shape = (*agreements.shape, 0)[0], agreements.shape
    # The headers come first: what belongs there is known before any of it is read.
    if features.shape[1:] != FEATURE_SHAPE or shape not in ((count,), (count, 1)) or not count:
        raise MediaError(found, f"X (N, {FEATURE_SHAPE}) and Y (N,)", "generate them again")
    if features.shape[0] != count:
        raise MediaError(found, "as many features as agreements", "generate them together")
    if count > MAX_PAIRS:
        raise MediaError(found, f"at most {MAX_PAIRS} pairs", "train on fewer")
    record = check_feature_record(directory)
    stored = StoredFeatures(features)
    with np.errstate(over="ignore"):
        agreement = agreements.rows(np.arange(count)).astype(np.float32, copy=False).reshape(-1)
    if not (np.isfinite(agreement).all() and all(np.isfinite(b).all() for b in blocks(stored))):
        raise MediaError(found, "finite numbers only", "generate them again")
    if agreement.min() < 0 or agreement.max() > 100:
        raise MediaError(
            f"'{directory / AGREEMENT_FILE}' from {agreement.min():g} to {agreement.max():g}",
            "values from 0 to 100",
            "generate them again",
        )
    return FeatureSet(stored, agreement, record)


def hold_out(pairs: FeatureSet, share: float, seed: int) -> tuple[FeatureSet, FeatureSet]:
    """Split off about a share of the pairs, in runs of consecutive ones, which look alike.

    Returns:
        Remaining pairs, held-out pairs.

    Raises:
        MediaError: none would remain.
    """
    runs = -(-len(pairs.agreement) // HELD_OUT_RUN)
    chosen = np.random.default_rng(seed).permutation(runs)[: round(share * runs)]
    held = np.isin(np.arange(len(pairs.agreement)) // HELD_OUT_RUN, chosen)
    if held.all():
        raise MediaError(
            f"{len(held)} pairs with {share:g} of them held out", "some to train on", "make more"
        )
    left, off = (
        FeatureSet(pairs.features.take(part, axis=0), pairs.agreement[part])
        for part in map(np.flatnonzero, (~held, held))
    )
    return left, off
