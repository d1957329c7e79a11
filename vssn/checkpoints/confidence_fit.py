"""What was fitted to predict confidence with certain weights, and its file beside them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.locate import sha256_of, weights_files
from vssn.checkpoints.segnet_weights import read_any_segnet
from vssn.errors import CheckpointError, printable
from vssn.files import is_there
from vssn.json_files import read_json, write_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConfidenceMap:
    """A rising, piecewise linear map from predicted agreements to calibrated ones.

    Attributes:
        raw: its corners, rising; none of them for the identity.
        score: what they are mapped to, 0-100, never falling.

    Raises:
        ValueError: it doesn't rise.
    """

    raw: tuple[float, ...] = ()
    score: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        rising = (np.diff(self.raw) > 0).all() and (np.diff(self.score) >= 0).all()
        if len(self.raw) != len(self.score) or not rising:
            raise ValueError("corners that don't rise")

    def __call__(self, raw: float) -> float:
        """The calibrated agreement; beyond the corners it stays at the outermost ones'."""
        return float(np.interp(raw, self.raw, self.score)) if self.raw else raw


IDENTITY = ConfidenceMap()


@dataclass(frozen=True)
class ConfidenceFit:
    """How agreement is lost before a stream has shown it.

    See :class:`vssn.streaming.confidence.MotionConfidence`.

    Attributes:
        rate: points of agreement lost besides where the accumulated motion is 1 % of the width.
        flicker: points lost between neighbouring frames without motion.
        calibration: from the decision network's predictions to agreements as measured.

    Raises:
        ValueError: a number isn't above 0.
    """

    rate: float
    flicker: float
    calibration: ConfidenceMap = IDENTITY

    def __post_init__(self) -> None:
        if not (self.rate > 0 and self.flicker > 0):
            raise ValueError(f"rate {self.rate!r} or flicker {self.flicker!r} isn't above 0")


# For networks that nobody fitted: about the median over clips of our first network.
UNFITTED = ConfidenceFit(1.6, 3.0)


@dataclass(frozen=True)
class _File:
    """The file's contents.

    Attributes:
        files_sha256: of the weights fitted; see :func:`_files_digest`.
        weights_sha256: of a segmentation network's weights, whatever file they are in; empty for
            other networks.
        fits: by propagation.
    """

    files_sha256: str
    weights_sha256: str = ""
    fits: dict[str, ConfidenceFit] = field(default_factory=dict)


def fits_path(weights: Path) -> Path:
    """The file of fits that belongs to a network's weights."""
    stem = weights.name.removesuffix(".weights.h5").removesuffix(weights.suffix)
    return weights.with_name(f"{stem}_schedule.json")


def read_fits(weights: Path) -> dict[str, ConfidenceFit]:
    """Read the fits beside a network's weights, by propagation, such as ``dis-chain``.

    Args:
        weights: a segmentation network's file, or a TF1 checkpoint's prefix.

    Returns:
        None where there is no file, or where it was fitted to other weights, which a warning says.

    Raises:
        CheckpointError: the file is damaged or was changed.
    """
    path = fits_path(weights)
    if not is_there(path):
        return {}
    content = read_json(
        path,
        _File,
        "schedule fit",
        CheckpointError,
        "run vssn fit-schedule again, or remove the file to do without",
        checked=True,
    )
    if not _belongs(content, weights):
        logger.warning(
            "'%s' was fitted to other weights and is left out; run vssn fit-schedule",
            printable(str(path)),
        )
        return {}
    return content.fits


def _belongs(content: _File, weights: Path) -> bool:
    if content.files_sha256 == _files_digest(weights):
        return True
    # The same weights in another kind of file, such as the .pb made of them.
    return bool(content.weights_sha256) and content.weights_sha256 == _segnet_digest(weights)


def _files_digest(weights: Path) -> str:
    """SHA-256 of the digests of all files of some weights, in the order of their names."""
    digests = sha256_of(weights_files(weights))
    return hashlib.sha256("".join(digests[name] for name in sorted(digests)).encode()).hexdigest()


def _segnet_digest(weights: Path) -> str:
    try:
        return weights_digest(read_any_segnet(weights)[0])
    except CheckpointError:  # another network: loading it says so
        return ""


def write_fits(weights: Path, fits: Mapping[str, ConfidenceFit]) -> Path:
    """Write fits by propagation beside the weights that they belong to, atomically.

    Args:
        weights: a segmentation network's file, or a TF1 checkpoint's prefix.
        fits: numbers are rounded to three digits.

    Returns:
        The file.
    """
    rounded = {name: asdict(_rounded(fit)) for name, fit in fits.items()}
    is_segnet = weights_files(weights) == [weights]
    content = {
        "files_sha256": _files_digest(weights),
        "weights_sha256": _segnet_digest(weights) if is_segnet else "",
        "fits": rounded,
    }
    path = fits_path(weights)
    write_json(path, content, "schedule fit", CheckpointError, checked=True)
    return path


def _rounded(fit: ConfidenceFit) -> ConfidenceFit:
    raw, score = (
        tuple(round(value, 3) for value in values)
        for values in (fit.calibration.raw, fit.calibration.score)
    )
    return replace(
        fit,
        rate=max(round(fit.rate, 3), 0.001),
        flicker=max(round(fit.flicker, 3), 0.001),
        calibration=ConfidenceMap(raw, score),
    )
