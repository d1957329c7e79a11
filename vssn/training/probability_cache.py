"""A segmentation network's class probabilities of training frames, cached on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from vssn.files import atomic_path, make_directory
from vssn.networks import SegmentationNetwork
from vssn.types import UInt8Array

PROBABILITY_ONE = 255  # a probability of 1, stored as uint8

# Gives (h, w, 11) uint8 class probabilities, 255 for 1, of an (H, W, 3) uint8 BGR frame.
Probabilities = Callable[[UInt8Array], UInt8Array]


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
            with np.load(path, allow_pickle=False) as kept:
                return np.asarray(kept["probabilities"], np.uint8)
        # A damaged file is replaced.
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            probabilities = self._computed(frame_bgr)
            with atomic_path(path) as temporary:
                np.savez_compressed(temporary, probabilities=probabilities)
            return probabilities

    def _computed(self, frame_bgr: UInt8Array) -> UInt8Array:
        return np.round(self._network.probabilities(frame_bgr) * PROBABILITY_ONE).astype(np.uint8)

    def _name(self, frame_bgr: UInt8Array) -> str:
        shape = str(frame_bgr.shape).encode()
        return hashlib.sha256(self._identity + shape + frame_bgr.tobytes()).hexdigest()
