"""What every test may use."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports TensorFlow: its start-up messages would drown the tests' own.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

_REPO_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """The repository's root directory."""
    return _REPO_ROOT


@pytest.fixture(scope="session")
def shared_data(repo_root: Path) -> Path:
    """The folder of real data: $VSSN_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("VSSN_DATA", repo_root.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"NO REAL DATA: '{folder}' is missing; set VSSN_DATA to the folder that holds it"
        )
    return folder
