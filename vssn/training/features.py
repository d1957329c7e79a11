"""Training data of the decision network: pairs' features and measured agreement."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vssn.errors import BadInputError, MediaError
from vssn.files import (
    atomic_path,
    folder_lock,
    is_file,
    make_directory,
    read_regular,
)
from vssn.media.images import read_image_bgr
from vssn.models.layout import FEATURE_SHAPE
from vssn.networks import FeatureFlowNetwork, SegmentationNetwork
from vssn.streaming.agreement import pixel_agreement
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.training.feature_record import (
    AGREEMENT_FILE,
    FEATURES_FILE,
    MAX_AGREEMENT_BYTES,
    write_feature_record,
)
from vssn.types import Float32Array

FEATURE_BYTES = int(np.prod(FEATURE_SHAPE)) * 4
MAX_FINGERPRINT_BYTES = 1 << 16


@dataclass(frozen=True)
class FramePair:
    """Two images of one video, on disk."""

    key: Path
    current: Path


def key_of(pair: FramePair) -> Path:
    """The frame whose class probabilities are warped at inference."""
    return pair.key


def current_of(pair: FramePair) -> Path:
    """The frame whose class probabilities the original warps for its features."""
    return pair.current


class PairEvaluator:
    """Measures the agreement of the warped key frame with the segmented current frame.

    That is the agreement at inference. The original warps the current frame's own segmentation
    instead; it never segments the key frame.

    Args:
        segmentation: network for the frames.
        flow: network for the pair.
        rules: how to warp, and how to measure the agreement.
        warped: which frame's class probabilities are warped.
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
        # Lists name a frame in many consecutive lines.
        self._view = lru_cache(64)(lambda path: flow.prepare(read_image_bgr(path)))
        self._probabilities = lru_cache(64)(
            lambda path: segmentation.probabilities(read_image_bgr(path))
        )

    def evaluate(self, pair: FramePair) -> tuple[Float32Array, float]:
        """(4, 5, 384) float32 feature and measured agreement, 0-100."""
        comparison = self._flow.compare(self._view(pair.current), self._view(pair.key))
        warped = self._rules.warp(self._probabilities(self._warped(pair)), comparison.estimate())
        segmented = self._probabilities(pair.current)
        agreement = self._rules.agreement(warped, segmented)
        if agreement is None:  # confident nowhere, so that every pixel counts
            agreement = pixel_agreement(warped, segmented)
        return comparison.feature, agreement


class FeatureWriter:
    """Writes ``X.npy``, ``Y.npy`` and ``features.json``; an interrupted run can be continued.

    A context manager, which keeps other processes out of the folder. Pairs are appended to partial
    files; a later run with the same settings continues after the last complete pair. The final
    files appear once all pairs are there.

    Args:
        directory: where the files go.
        settings: what the data depends on, by name; partial files of other settings are
            discarded.
        clip: drop pairs whose agreement, 0-1, is not above this.

    Attributes:
        done: pairs evaluated so far, dropped ones included.

    Raises:
        BadInputError: ``clip`` is out of range.
        MediaError: the folder can't be written to, or another process writes there.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str], clip: float) -> None:
        if not 0 <= clip < 1:
            raise BadInputError(f"--clip {clip}", "0 or more and below 1", "pass --clip 0")
        self._directory = make_directory(directory)
        self._clip = clip
        self._features = directory / ".X.partial"
        self._agreement = directory / ".Y.partial"
        self._header = directory / ".settings.partial"
        self._settings = {**settings, "clip": repr(float(clip))}
        everything = json.dumps(self._settings, sort_keys=True)
        self._fingerprint = hashlib.sha256(everything.encode()).hexdigest()
        self._open = ExitStack()
        self.done = self._kept = 0

    def __enter__(self) -> FeatureWriter:
        """Lock the folder and find out where to continue."""
        with ExitStack() as stack, self._disk_errors():
            stack.enter_context(folder_lock(self._directory))
            self._start(self._fingerprint)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        """Release the folder; partial files stay."""
        self._open.close()

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise MediaError(
                f"partial features in '{self._directory}' ({error.strerror})",
                "a folder that can be written to",
                "check the disk's space and the permissions; a later run continues",
            ) from error

    def _start(self, fingerprint: str) -> None:
        for partial in (self._header, self._features, self._agreement):
            _remove_link(partial)
        if not is_file(self._header) or self._kept_fingerprint() != fingerprint.encode():
            self._features.write_bytes(b"")
            self._agreement.write_bytes(b"")
            self._header.write_text(fingerprint)
        # An agreement is written after its feature, but a crash may lose the end of either file.
        complete = self._features.stat().st_size // FEATURE_BYTES
        agreement = self._agreements()
        agreement = agreement[np.cumsum(self._keeps(agreement)) <= complete]
        self.done = len(agreement)
        self._kept = int(self._keeps(agreement).sum())
        os.truncate(self._agreement, 4 * self.done)
        os.truncate(self._features, FEATURE_BYTES * self._kept)

    def _kept_fingerprint(self) -> bytes:
        return read_regular(self._header, MAX_FINGERPRINT_BYTES, "partial features")

    def _agreements(self) -> Float32Array:
        data = read_regular(self._agreement, MAX_AGREEMENT_BYTES, "partial features")
        return np.frombuffer(data[: len(data) // 4 * 4], np.float32)

    def _keeps(self, agreement: Float32Array) -> npt.NDArray[Any]:
        return np.greater(agreement, self._clip * 100)

    def add_all(self, pairs: Iterator[tuple[Float32Array, float]]) -> Iterator[int]:
        """Append pairs; yield how many are done after each.

        Raises:
            MediaError: a feature has another shape, or the disk is full.
        """
        for feature, agreement in pairs:
            with (
                self._disk_errors(),
                self._features.open("ab") as features,
                self._agreement.open("ab") as agreements,
            ):
                if feature.shape != FEATURE_SHAPE:
                    raise BadInputError(
                        f"feature {feature.shape}", str(FEATURE_SHAPE), "use the default input size"
                    )
                if self._keeps(np.array(agreement, np.float32)):
                    features.write(feature.astype(np.float32).tobytes())
                    features.flush()  # before the agreement
                    self._kept += 1
                agreements.write(np.float32(agreement).tobytes())
            self.done += 1
            yield self.done

    def finish(self) -> int:
        """Give the files their final names; return the number of pairs kept.

        Raises:
            MediaError: no pair is above the clip, or a file can't be written.
        """
        agreement = self._agreements()
        kept = agreement[self._keeps(agreement)]
        if not kept.size:
            raise MediaError(
                "the list's pairs", "some with an agreement above --clip", "lower --clip"
            )
        with atomic_path(self._directory / FEATURES_FILE, "features") as temporary:
            self._write_features(temporary, kept.size)
        with atomic_path(self._directory / AGREEMENT_FILE, "agreement") as temporary:
            np.save(temporary, kept)
        write_feature_record(self._directory, self._settings, int(kept.size))
        # Without the header a later run starts from the beginning, so it goes first.
        for partial in (self._header, self._features, self._agreement):
            partial.unlink()
        return int(kept.size)

    def _write_features(self, path: Path, count: int) -> None:
        """Write the .npy header and copy the partial file, in blocks."""
        write_header: Any = np.lib.format.write_array_header_1_0  # NumPy 2.2 gives it no types
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, *FEATURE_SHAPE)}
        with path.open("wb") as file, self._features.open("rb") as partial:
            write_header(file, header)
            shutil.copyfileobj(partial, file)


def _remove_link(path: Path) -> None:
    """Remove what would lead writing elsewhere."""
    with suppress(FileNotFoundError):
        status = path.stat(follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
            path.unlink()


def generate_features(
    pairs: Sequence[FramePair],
    evaluate: Callable[[FramePair], tuple[Float32Array, float]],
    writer: FeatureWriter,
) -> Iterator[int]:
    """Evaluate the pairs that ``writer`` doesn't have yet; yield how many are done."""
    return writer.add_all(evaluate(pair) for pair in pairs[writer.done :])
