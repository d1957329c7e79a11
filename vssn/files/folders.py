"""Folders to write to: made, found out to be writable, and locked."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vssn.errors import MediaError
from vssn.files.reading import is_dir, reason
from vssn.files.temporary import remove_abandoned

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK_SUFFIX = ".vssn.lock"
LOCK_FILE = LOCK_SUFFIX
MAX_NAME_BYTES = 200
NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)


def make_directory(path: Path) -> Path:
    """Create ``path`` and its parents; return it.

    Raises:
        MediaError: it can't be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, ValueError) as error:
        raise _unwritable(path, reason(error)) from error
    return path


def check_writable(directory: Path) -> None:
    """Find out before the work whether ``directory`` can be made and written to; make nothing.

    Raises:
        MediaError: it can't.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            directory.stat()
        existing = next(p for p in (directory, *directory.absolute().parents) if p.exists())
    except (OSError, ValueError) as error:
        raise _unwritable(directory, reason(error)) from error
    if not is_dir(existing) or not os.access(existing, os.W_OK | os.X_OK):
        problem = "no permission" if is_dir(existing) else f"'{existing}' is no directory"
        raise _unwritable(directory, problem)


def _unwritable(directory: Path, problem: str) -> MediaError:
    return MediaError(
        f"output directory '{directory}' ({problem})",
        "a directory that can be written to",
        "choose another one or change its permissions",
    )


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None where the system or the disk knows no locks."""
    if fcntl is None:
        return None
    while True:
        # Reading is enough for a lock, and what another user's run left may be read.
        flags = os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed the file between our opening and locking it.
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError:
            os.close(descriptor)
            raise
        except OSError as error:
            os.close(descriptor)
            if error.errno in NO_LOCKS:
                return None
            raise
        os.close(descriptor)


@contextmanager
def _held(lock: Path, busy: MediaError) -> Iterator[None]:
    try:
        descriptor = _locked(lock)
    except BlockingIOError as error:
        raise busy from error
    except OSError as error:
        raise _unwritable(lock.parent, reason(error)) from error
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                lock.unlink()
            os.close(descriptor)


@contextmanager
def folder_lock(directory: Path) -> Iterator[None]:
    """Keep other runs out of an output folder, and remove what killed ones left half written.

    The lock ends with the process, however that ends.

    Args:
        directory: an existing folder.

    Raises:
        MediaError: another run holds the lock, or it can't be made.
    """
    busy = MediaError(
        f"output directory '{directory}' (another run is writing to it)",
        "a folder of its own for each run",
        "wait until that run has ended, or choose another folder",
    )
    with _held(directory / LOCK_FILE, busy):
        remove_abandoned(directory)
        yield


@contextmanager
def file_lock(path: Path, what: str = "output") -> Iterator[None]:
    """Keep other runs from writing the same file, in a folder that several may use.

    Args:
        path: the file, or a pattern that stands for several; its folder must exist.
        what: it is, for the error.

    Raises:
        MediaError: another run holds the lock, or it can't be made.
    """
    busy = MediaError(
        f"{what} '{path}' (another run is writing it)",
        "an output of its own for each run",
        "wait until that run has ended, or choose another name",
    )
    name = os.fsdecode(os.fsencode(path.name)[:MAX_NAME_BYTES])
    with _held(path.with_name(f".{name}{LOCK_SUFFIX}"), busy):
        yield
