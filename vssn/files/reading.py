"""Reading plain files only: no folder, pipe, device, loop of links or giant."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO

from vssn.errors import BadInputError, MediaError

UNSIZED_BYTES = BLOCK_BYTES = 1 << 20
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def is_file(path: str | Path) -> bool:
    """Whether there is a plain file; False, unlike pathlib's, for names that can't exist."""
    return os.path.isfile(path)


def is_there(path: str | Path) -> bool:
    """Whether something has this name, be it a pipe, a folder or a link that leads nowhere.

    For files that may be missing: what is there and can't be read is an error, not a missing file.
    """
    return os.path.lexists(path)


def is_dir(path: str | Path) -> bool:
    """Whether there is a folder; False, unlike pathlib's, for names that can't exist."""
    return os.path.isdir(path)


def reason(error: OSError | ValueError) -> str:
    """Why the operating system refused, in its words; a name with a NUL raises a ValueError."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or "unreadable"


def _checked_mode(mode: int) -> None:
    for is_kind, name in KINDS:
        if is_kind(mode):
            raise OSError(errno.EINVAL, f"{name}, not a file")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _open_regular(path: Path, max_bytes: int) -> BinaryIO:
    _checked_mode(path.stat().st_mode)  # before opening, which waits at a pipe
    # The file owns its descriptor from the first, so that an interrupt can't close that twice.
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    try:
        status = os.fstat(file.fileno())
        _checked_mode(status.st_mode)
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"{status.st_size} bytes, more than {max_bytes}")
    except BaseException:
        file.close()
        raise
    return file


def open_regular(
    path: Path, max_bytes: int, what: str = "file", error: type[BadInputError] = MediaError
) -> BinaryIO:
    """Open a plain file for reading: no folder, pipe, device, loop of links or giant.

    Args:
        path: the file, or a link to it.
        max_bytes: a larger file is refused; a sparse one counts as large as it reads.
        what: it is, for the error.
        error: to raise.

    Raises:
        BadInputError: of the kind ``error``; the file is missing or can't be used.
    """
    try:
        return _open_regular(path, max_bytes)
    except (OSError, ValueError) as problem:
        raise error(
            f"{what} '{path}' ({reason(problem)})",
            f"a readable file of at most {max_bytes} bytes",
            "check the path",
        ) from problem


def read_regular(
    path: Path, max_bytes: int, what: str = "file", error: type[BadInputError] = MediaError
) -> bytes:
    """The content of a plain file; see :func:`open_regular`."""
    with open_regular(path, max_bytes, what, error) as file:
        try:
            # What the kernel makes up states no size.
            size = os.fstat(file.fileno()).st_size or min(max_bytes, UNSIZED_BYTES)
            return file.read(size)
        except OSError as problem:
            raise error(
                f"{what} '{path}' ({reason(problem)})", "a readable file", "check the disk"
            ) from problem


def file_sha256(
    path: Path, max_bytes: int, what: str = "file", error: type[BadInputError] = MediaError
) -> str:
    """A plain file's SHA-256 in hexadecimal; see :func:`open_regular`.

    Raises:
        BadInputError: of the kind ``error``; see :func:`open_regular`.
        OSError: it can't be read to its end.
    """
    digest = hashlib.sha256()
    with open_regular(path, max_bytes, what, error) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()
