"""Writing so that a final name never holds half a file."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vssn.errors import BadInputError, MediaError
from vssn.files.names import is_special
from vssn.files.reading import reason
from vssn.files.temporary import created, temporary_name, tidy
from vssn.interrupts import uninterrupted

READER_SECONDS = 5.0
WRITE_REMEDY = "check the disk's space and the permissions, or choose another place"


def flush_to_disk(path: Path) -> None:
    """Wait until a file, or a folder's names, are on the disk.

    Raises:
        OSError: they can't be written.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(temporary: Path, path: Path) -> None:
    flush_to_disk(temporary)
    os.replace(temporary, path)
    with contextlib.suppress(OSError):  # some file systems can't; the file itself is complete
        flush_to_disk(path.parent)


def _open_special(path: Path) -> int:
    """Open for writing; a pipe must have a reader within seconds, or the wait would be for ever.

    Raises:
        OSError: it can't be opened.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0)
    give_up = time.monotonic() + READER_SECONDS
    while True:
        try:
            descriptor = os.open(path, flags)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            if time.monotonic() > give_up:
                raise OSError(errno.ENXIO, "nobody reads this pipe") from error
            time.sleep(0.05)
        else:
            os.set_blocking(descriptor, True)
            return descriptor


@contextmanager
def _through(path: Path) -> Iterator[Path]:
    """Write into a device, pipe or standard output what was first written elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / f"content{path.suffix}"
        temporary.touch()
        yield temporary
        descriptor = _open_special(path)
        with os.fdopen(descriptor, "wb") as target, temporary.open("rb") as source:
            shutil.copyfileobj(source, target)


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    tidy(path.parent)
    temporary = temporary_name(path)  # known before the file is there: an interrupt removes it
    try:
        with created(temporary):
            yield temporary
            _replace(temporary, path)
    finally:
        with uninterrupted(), contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def writing(
    path: Path, what: str = "file", error: type[BadInputError] = MediaError
) -> Iterator[None]:
    """Turn whatever the operating system refuses inside, such as a full disk, into one line.

    Args:
        path: what is written, for the error.
        what: it is, for the error.
        error: to raise.

    Raises:
        BadInputError: of the kind ``error``.
    """
    try:
        yield
    except (OSError, ValueError) as problem:
        # A ValueError inside is the caller's own, but for a NUL in the name.
        if isinstance(problem, ValueError) and "\0" not in str(path):
            raise
        raise error(
            f"{what} '{path}' ({reason(problem)})", "a place that can be written to", WRITE_REMEDY
        ) from problem


@contextmanager
def atomic_path(
    path: Path, what: str = "file", error: type[BadInputError] = MediaError
) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the final name only on success.

    A device, a pipe or standard output is written to and never replaced.

    Args:
        path: final name; its folder must exist.
        what: it is, for the error.
        error: to raise.

    Raises:
        BadInputError: of the kind ``error``; whatever the operating system refuses while the
            file is made, written or renamed.
    """
    with (
        writing(path, what, error),
        _through(path) if is_special(path) else _beside(path) as temporary,
    ):
        yield temporary


def write_text(
    path: Path, text: str, what: str = "file", error: type[BadInputError] = MediaError
) -> None:
    """Write UTF-8 text; see :func:`atomic_path`."""
    with atomic_path(path, what, error) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(
    path: Path, data: bytes, what: str = "file", error: type[BadInputError] = MediaError
) -> None:
    """Write bytes; see :func:`atomic_path`."""
    with atomic_path(path, what, error) as temporary:
        temporary.write_bytes(data)
