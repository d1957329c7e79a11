"""NumPy's archives and arrays of other hands: read with limits, without pickles."""

from __future__ import annotations

import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from vssn.errors import BadInputError, MediaError
from vssn.files import open_regular

# What NumPy and zipfile raise on damaged files depends on where the damage is.
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, ArithmeticError, RecursionError),
    *(SyntaxError, TypeError, NotImplementedError, RuntimeError, BadZipFile, zlib.error),
    TokenError,
)


def read_archive(
    path: Path,
    names: Collection[str],
    max_bytes: int,
    what: str = "file",
    error: type[BadInputError] = MediaError,
) -> dict[str, npt.NDArray[Any]]:
    """Read a ``.npz`` file.

    Args:
        path: the file.
        names: of the arrays that it must hold, and nothing else.
        max_bytes: that the file and its arrays, which may be compressed, may take.
        what: it is, for the error.
        error: to raise.

    Raises:
        BadInputError: of the kind ``error``; it is no readable file.
        ValueError: it is no such archive; in words.
    """
    with open_regular(path, max_bytes, what, error) as file:
        try:
            archive = np.lib.npyio.NpzFile(file, own_fid=False, allow_pickle=False)
            # Compressed entries may be larger than the file.
            entries = archive.zip.infolist() if archive.zip else []
            if sum(entry.file_size for entry in entries) > max_bytes:
                raise ValueError("larger than what belongs there")
            if sorted(archive.files) != sorted(names):
                raise ValueError("other arrays than those that belong there")
            arrays = {name: archive[name] for name in names}
        except UNREADABLE as problem:
            raise ValueError(str(problem) or type(problem).__name__) from problem
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):  # an entry that is no .npy file
            raise ValueError(f"'{name}' is no array")
    return arrays


def read_array(path: Path, max_bytes: int, what: str = "file") -> npt.NDArray[Any]:
    """Read a ``.npy`` file; no pickle and no archive, unlike :func:`numpy.load`.

    Args:
        path: the file.
        max_bytes: that it may hold.
        what: it is, for the error.

    Raises:
        MediaError: it is no readable file.
        ValueError: it is no array; in words.
    """
    with open_regular(path, max_bytes, what) as file:
        try:
            return np.lib.format.read_array(file, allow_pickle=False)
        except UNREADABLE as problem:
            raise ValueError(str(problem) or type(problem).__name__) from problem
