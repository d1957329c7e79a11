"""``features.json``: what a folder of features was made with, and the digests of its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from vssn.errors import MediaError
from vssn.files import file_sha256, is_there
from vssn.json_files import read_json, write_json

RECORD_FILE = "features.json"
FEATURES_FILE, AGREEMENT_FILE = "X.npy", "Y.npy"
MAX_ARRAY_BYTES = 1 << 32
MAX_PAIRS = 140_000  # which take as much in float32
MAX_AGREEMENT_BYTES = 1 << 24
WHAT = "record of features"
REMEDY = "run vssn features again, or remove the file to take the features as they are"


@dataclass(frozen=True)
class FeatureRecord:
    """The file's fields.

    Attributes:
        settings: what the features depend on, by name: preset, runtime, precision, clip, and the
            SHA-256 of the weights and of the list of pairs.
        pairs: how many there are.
        features_sha256: of ``X.npy``.
        agreement_sha256: of ``Y.npy``.
    """

    settings: dict[str, str]
    pairs: int
    features_sha256: str
    agreement_sha256: str


def _digest(path: Path) -> str:
    return file_sha256(path, MAX_ARRAY_BYTES, "features")


def write_feature_record(directory: Path, settings: Mapping[str, str], pairs: int) -> None:
    """Write the record of ``X.npy`` and ``Y.npy``, which are there, with its own digest.

    Raises:
        MediaError: it can't be written.
    """
    digests = (_digest(directory / name) for name in (FEATURES_FILE, AGREEMENT_FILE))
    record = FeatureRecord(dict(settings), pairs, *digests)
    write_json(directory / RECORD_FILE, asdict(record), WHAT, checked=True)


def check_feature_record(directory: Path) -> FeatureRecord | None:
    """Compare ``X.npy`` and ``Y.npy`` with their record.

    Returns:
        The record; None where there is none, as for features of the original.

    Raises:
        MediaError: the record is damaged, or a file is not the one that it tells of.
    """
    path = directory / RECORD_FILE
    if not is_there(path):
        return None
    record = read_json(path, FeatureRecord, WHAT, MediaError, REMEDY, checked=True)
    told = {FEATURES_FILE: record.features_sha256, AGREEMENT_FILE: record.agreement_sha256}
    for name, digest in told.items():
        if _digest(directory / name) != digest:
            raise MediaError(
                f"features '{directory / name}' (its checksum is wrong)",
                f"the file that '{RECORD_FILE}' was written with",
                REMEDY,
            )
    return record
