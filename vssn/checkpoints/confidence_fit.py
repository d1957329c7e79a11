"""What was fitted to make expected scores mean what they say, and its file beside the weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vssn.errors import CheckpointError
from vssn.files import atomic_path

MAX_FIT_BYTES = 1 << 20


@dataclass(frozen=True)
class ConfidenceMap:
    """A rising, piecewise linear map from raw scores to calibrated ones.

    Attributes:
        raw: its corners, rising; none of them for the identity.
        score: what they are mapped to, 0-100, never falling.
    """

    raw: tuple[float, ...] = ()
    score: tuple[float, ...] = ()

    def __call__(self, raw: float) -> float:
        """The calibrated score; beyond the corners it stays at the outermost ones'."""
        return float(np.interp(raw, self.raw, self.score)) if self.raw else raw


IDENTITY = ConfidenceMap()


@dataclass(frozen=True)
class ConfidenceFit:
    """How scores fall along the path, before a stream has told its own rate.

    Attributes:
        rate: points lost where the path is 1 % of the frame's width.
        calibration: from raw expected scores to calibrated ones.
    """

    rate: float
    unrest: float = 3.0
    calibration: ConfidenceMap = IDENTITY


# For networks that nobody fitted: the median over clips that ours was fitted on, rounded.
UNFITTED = ConfidenceFit(1.6)


def fits_path(weights: Path) -> Path:
    """The file of fits that belongs to a segmentation network's weights."""
    stem = weights.name.removesuffix(".weights.h5").removesuffix(weights.suffix)
    return weights.with_name(f"{stem}_schedule.json")


def read_fits(path: Path) -> dict[str, ConfidenceFit]:
    """Read fits by propagation, such as ``dis-chain``; none where there is no file.

    Raises:
        CheckpointError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as file:
            entries = json.loads(file.read(MAX_FIT_BYTES))["fits"]
        return {str(name): _checked(entry) for name, entry in entries.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"schedule fit '{path}' ({error})",
            "what vssn fit-schedule writes",
            "run vssn fit-schedule again, or remove the file to do without",
        ) from error


def _checked(entry: dict[str, object]) -> ConfidenceFit:
    rate, raw, score = (np.asarray(entry[key], np.float64) for key in ("rate", "raw", "score"))
    finite = all(np.isfinite(array).all() for array in (rate, raw, score))
    if not finite or rate.ndim or rate <= 0:
        raise ValueError(f"rate {entry['rate']!r}")
    rising = (np.diff(raw) > 0).all() and (np.diff(score) >= 0).all()
    if raw.ndim != 1 or raw.shape != score.shape or not rising:
        raise ValueError("corners that don't rise")
    return ConfidenceFit(float(rate), ConfidenceMap(tuple(raw.tolist()), tuple(score.tolist())))


def write_fits(path: Path, fits: dict[str, ConfidenceFit]) -> None:
    """Write fits by propagation, atomically."""
    entries = {
        name: {
            "rate": round(fit.rate, 3),
            "raw": [round(value, 2) for value in fit.calibration.raw],
            "score": [round(value, 2) for value in fit.calibration.score],
        }
        for name, fit in fits.items()
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps({"fits": entries}, indent=1) + "\n")
