"""NumPy's archives and arrays of other hands: read with limits, without pickles."""

from __future__ import annotations

import io
import math
import os
import zlib
from collections.abc import Collection
from pathlib import Path
from tokenize import TokenError
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from vssn.errors import BadInputError, MediaError
from vssn.files import open_regular, reason

# What NumPy and zipfile raise on damaged files depends on where the damage is.
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, MemoryError, ArithmeticError, RecursionError),
    *(SyntaxError, TypeError, NotImplementedError, RuntimeError, BadZipFile, zlib.error),
    TokenError,
)
MAX_HEAD_BYTES = 1 << 16


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


class ArrayFile:
    """A ``.npy`` file whose rows are read when they are asked for.

    No pickle, no archive, and no more memory than the rows take, unlike :func:`numpy.load`.

    Args:
        path: the file; held open.
        max_bytes: that it may hold.
        what: it is, for errors.

    Attributes:
        shape: of the array, from its header; the file holds exactly so much.
        dtype: of its numbers.

    Raises:
        MediaError: it is no readable file.
        ValueError: it is no such array; in words.
    """

    def __init__(self, path: Path, max_bytes: int, what: str = "file") -> None:
        self._name = f"{what} '{path}'"
        self._file = open_regular(path, max_bytes, what)
        try:
            # Only so much is read: a header may say to be as long as a giant file.
            head = io.BytesIO(self._file.read(MAX_HEAD_BYTES))
            self.shape, self.dtype = _header(head)
            self._start = head.tell()
            self._row_bytes = self.dtype.itemsize * math.prod(self.shape[1:])
            held = os.fstat(self._file.fileno()).st_size - self._start
            if held != self._row_bytes * self.shape[0]:
                told = self._row_bytes * self.shape[0]
                raise ValueError(f"{held} bytes of values, of which its header has {told}")
        except UNREADABLE as problem:
            self._file.close()
            raise ValueError(str(problem) or type(problem).__name__) from problem

    def rows(self, numbers: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
        """Read rows, in the order of their numbers.

        Raises:
            MediaError: they can't be read any more.
        """
        rows = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        target, place = rows.reshape(-1).view(np.uint8).data, 0
        for run in np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1):
            part = target[place : place + len(run) * self._row_bytes]
            place += len(part)
            try:
                self._file.seek(self._start + (int(run[0]) if len(run) else 0) * self._row_bytes)
                whole = self._file.readinto(part) == len(part)  # type: ignore[attr-defined]
                problem = "cut short while it is in use"
            except OSError as error:
                whole, problem = False, reason(error)
            if not whole:
                raise MediaError(
                    f"{self._name} ({problem})", "a readable file", "check the disk, and begin anew"
                )
        return rows


def _header(head: io.BytesIO) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of the array whose file begins so.

    Raises:
        ValueError: another format, or not rows of plain values behind each other.
    """
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    version = np.lib.format.read_magic(head)
    if version not in readers:
        raise ValueError(f"of format {version}")
    shape, is_fortran, dtype = readers[version](head)
    if dtype.hasobject or dtype.itemsize == 0:
        raise ValueError(f"of {dtype}")
    if not shape or min(shape) < 0:
        raise ValueError(f"of shape {shape}, so without rows")
    if is_fortran and len(shape) > 1:
        raise ValueError("in Fortran order, so that its rows don't lie behind each other")
    return shape, dtype
