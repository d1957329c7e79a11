"""A segmentation network's class probabilities of training frames, cached on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vssn.errors import MediaError
from vssn.files import atomic_path, make_directory
from vssn.labels import NUM_CLASSES
from vssn.networks import SegmentationNetwork
from vssn.training.archive import read_archive
from vssn.types import UInt8Array

MAX_ENTRY_BYTES = 1 << 26
PROBABILITY_ONE = 255  # a probability of 1, stored as uint8

# Gives (h, w, 11) uint8 class probabilities, 255 for 1, of an (H, W, 3) uint8 BGR frame.
Probabilities = Callable[[UInt8Array], UInt8Array]


def _read(path: Path) -> UInt8Array:
    """An entry.

    Raises:
        MediaError: there is none.
        ValueError: it is damaged, or no class probabilities.
    """
    kept = read_archive(path, ["probabilities"], MAX_ENTRY_BYTES)["probabilities"]
    if kept.dtype != np.uint8 or kept.ndim != 3 or kept.shape[-1] != NUM_CLASSES:
        raise ValueError("no class probabilities")
    return kept


class CachedProbabilities:
    """Class probabilities by frame, computed once.

    Args:
        network: segments the frames.
        identity: of the network, such as its weights' SHA-256.
        folder: of the cache, one file for each frame; None keeps none.

    Raises:
        MediaError: the folder can't be written to.
    """

    def __init__(self, network: SegmentationNetwork, identity: str, folder: Path | None) -> None:
        self._network = network
        self._identity = identity.encode()
        self._folder = make_directory(folder) if folder else None

    def __call__(self, frame_bgr: UInt8Array) -> UInt8Array:
        """(h, w, 11) uint8 class probabilities, 255 for 1, of an (H, W, 3) uint8 BGR frame."""
        if self._folder is None:
            return self._computed(frame_bgr)
        path = self._folder / f"{self._name(frame_bgr)}.npz"
        try:
            return _read(path)
        # A damaged file is replaced.
        except (MediaError, ValueError):
            probabilities = self._computed(frame_bgr)
            with atomic_path(path) as temporary:
                np.savez_compressed(temporary, probabilities=probabilities)
            return probabilities

    def _computed(self, frame_bgr: UInt8Array) -> UInt8Array:
        return np.round(self._network.probabilities(frame_bgr) * PROBABILITY_ONE).astype(np.uint8)

    def _name(self, frame_bgr: UInt8Array) -> str:
        shape = str(frame_bgr.shape).encode()
        return hashlib.sha256(self._identity + shape + frame_bgr.tobytes()).hexdigest()
