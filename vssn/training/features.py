"""Training data of the decision network: a pair's feature and the score that a warp had."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vssn.errors import BadInputError, MediaError
from vssn.files import (
    atomic_path,
    folder_lock,
    is_file,
    make_directory,
    read_regular,
    writing,
)
from vssn.media.images import read_image_bgr
from vssn.models.layout import FEATURE_SHAPE
from vssn.networks import FeatureFlowNetwork, SegmentationNetwork
from vssn.streaming.segmenter import VSSN_RULES, StreamRules
from vssn.types import Float32Array

MAX_HEADER_BYTES = 1 << 10
FEATURE_BYTES = int(np.prod(FEATURE_SHAPE)) * 4


@dataclass(frozen=True)
class FramePair:
    """Two images of one video, on disk."""

    key: Path
    current: Path


class PairMeasure(Protocol):
    """Makes a pair's feature and true score."""

    def score(self, pair: FramePair) -> tuple[Float32Array, float]:
        """(4, 5, 384) float32 feature and the score, 0-100."""


def key_of(pair: FramePair) -> Path:
    """The frame whose scores are warped at inference."""
    return pair.key


def current_of(pair: FramePair) -> Path:
    """The frame whose scores the original warps for its features."""
    return pair.current


class PairEvaluator:
    """Scores a pair by warping the key frame's own prediction and comparing it with a fresh one.

    So the score is what inference would have got. The original compared the current segmentation
    with itself, warped; the key frame was never segmented.

    Args:
        segmentation: network for the frames.
        flow: network between them.
        rules: how scores are brought to the current frame, and how they are compared there.
        warped: which frame's scores are warped.
    """

    def __init__(
        self,
        segmentation: SegmentationNetwork,
        flow: FeatureFlowNetwork,
        rules: StreamRules = VSSN_RULES,
        warped: Callable[[FramePair], Path] = key_of,
    ) -> None:
        self._flow = flow
        self._rules = rules
        self._warped = warped
        # Lists name a frame many times in a row.
        self._view = lru_cache(64)(lambda path: flow.prepare(read_image_bgr(path)))
        self._probabilities = lru_cache(64)(
            lambda path: segmentation.probabilities(read_image_bgr(path))
        )

    def score(self, pair: FramePair) -> tuple[Float32Array, float]:
        """See the protocol."""
        comparison = self._flow.compare(self._view(pair.current), self._view(pair.key))
        warped = self._rules.warp(self._probabilities(self._warped(pair)), comparison.estimate())
        return comparison.feature, self._rules.agreement(warped, self._probabilities(pair.current))


class FeatureWriter:
    """Writes ``X.npy`` and ``Y.npy``, surviving interruption.

    Pairs are appended to partial files as they come; a later run with the same settings goes on
    after the last whole pair. The final names appear once all of it is there.

    Args:
        directory: where the files go.
        settings: what decides the data; partial files of other settings are discarded.
        clip: drop pairs whose score, 0-1, is not above this.
    """

    def __init__(self, directory: Path, settings: Sequence[str], clip: float) -> None:
        if not 0 <= clip < 1:
            raise BadInputError(f"--clip {clip}", "0 or more and below 1", "pass --clip 0")
        self._directory = make_directory(directory)
        self._clip = clip
        self._features = directory / ".X.partial"
        self._scores = directory / ".Y.partial"
        self._header = directory / ".settings.partial"
        fingerprint = hashlib.sha256(json.dumps([*settings, clip]).encode()).hexdigest()
        with folder_lock(directory), writing(self._features, "features"):
            self._start(fingerprint)

    def _start(self, fingerprint: str) -> None:
        if not is_file(self._header) or self._kept_fingerprint() != fingerprint:
            self._features.write_bytes(b"")
            self._scores.write_bytes(b"")
            self._header.write_text(fingerprint)
        # A score is written after its feature, but a power cut may lose the end of either file.
        whole = self._features.stat().st_size // FEATURE_BYTES
        scores = np.fromfile(self._scores, np.float32)
        scores = scores[np.cumsum(self._keeps(scores)) <= whole]
        self.done = len(scores)
        self._kept = int(self._keeps(scores).sum())
        os.truncate(self._scores, 4 * self.done)
        os.truncate(self._features, FEATURE_BYTES * self._kept)

    def _kept_fingerprint(self) -> str:
        return read_regular(self._header, MAX_HEADER_BYTES, "settings").decode("utf-8", "replace")

    def _check_unchanged(self) -> None:
        sizes = (self._features.stat().st_size, self._scores.stat().st_size)
        if sizes != (FEATURE_BYTES * self._kept, 4 * self.done):
            raise MediaError(
                f"output directory '{self._directory}' (another run has written to it)",
                "a folder of its own for each run",
                "start again, or choose another folder",
            )

    def _keeps(self, scores_pct: Float32Array) -> npt.NDArray[Any]:
        return np.greater(scores_pct, self._clip * 100)

    def add_all(self, pairs: Iterator[tuple[Float32Array, float]]) -> Iterator[int]:
        """Append pairs, yielding how many are done after each.

        Raises:
            MediaError: a feature has another shape, or the disk is full.
        """
        with (
            folder_lock(self._directory),
            writing(self._features, "features"),
            self._features.open("ab") as features,
            self._scores.open("ab") as scores,
        ):
            self._check_unchanged()
            for feature, score in pairs:
                if feature.shape != FEATURE_SHAPE:
                    raise BadInputError(
                        f"feature {feature.shape}", str(FEATURE_SHAPE), "use the default input size"
                    )
                if self._keeps(np.array(score, np.float32)):
                    features.write(feature.astype(np.float32).tobytes())
                    features.flush()
                    self._kept += 1
                scores.write(np.float32(score).tobytes())
                scores.flush()
                self.done += 1
                yield self.done

    def finish(self) -> int:
        """Give the files their final names; return the number of pairs kept.

        Raises:
            MediaError: no pair is above the clip.
        """
        scores = np.fromfile(self._scores, np.float32)
        kept = scores[self._keeps(scores)]
        if not kept.size:
            raise MediaError("the list's pairs", "some with a score above --clip", "lower --clip")
        with atomic_path(self._directory / "X.npy") as temporary:
            self._write_features(temporary, kept.size)
        with atomic_path(self._directory / "Y.npy") as temporary:
            np.save(temporary, kept)
        # Without the header a later run starts anew, so it goes first.
        for partial in (self._header, self._features, self._scores):
            partial.unlink()
        return int(kept.size)

    def _write_features(self, path: Path, count: int) -> None:
        """Put the .npy header before the bytes, without holding them in memory."""
        write_header: Any = np.lib.format.write_array_header_1_0  # NumPy 2.2 gives it no types
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, *FEATURE_SHAPE)}
        with path.open("wb") as file, self._features.open("rb") as partial:
            write_header(file, header)
            shutil.copyfileobj(partial, file)


def generate_features(
    pairs: Sequence[FramePair], pair_measure: PairMeasure, writer: FeatureWriter
) -> Iterator[int]:
    """Score the pairs that ``writer`` doesn't have yet, yielding how many are done."""
    return writer.add_all(pair_measure.score(pair) for pair in pairs[writer.done :])
