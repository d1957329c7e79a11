"""Files under temporary names, locked while their writer lives.

A later run tells by the lock what a killed one left.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: a file that is open there can't be removed anyway
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{16}\.part(\.[^.]*)?", re.DOTALL)
SETTLED_S = 2.0  # a file just made is not locked for a moment


def temporary_name(path: Path) -> Path:
    """A name beside ``path`` that nobody can foresee.

    It keeps the suffix, since writers choose formats by it.
    """
    stem = os.fsdecode(os.fsencode(path.stem)[:80])
    return path.with_name(f".{stem}.{secrets.token_hex(8)}.part{path.suffix}")


def create_exclusively(path: Path) -> int:
    """Create a file that was not there, following no link; return its descriptor.

    Raises:
        OSError: it can't be created, or a file or link of that name is there.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o666)


def lock_file(descriptor: int) -> bool | None:
    """Lock an open file until it is closed.

    Returns:
        Whether it is ours now, and not another's; None where the disk knows no locks.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def created(path: Path) -> Iterator[None]:
    """Create a temporary file and hold its lock."""
    descriptor = create_exclusively(path)
    try:
        lock_file(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` for what is made of several files; it goes at the end.

    Raises:
        OSError: it can't be created.
    """
    folder = temporary_name(path)
    try:
        folder.mkdir(0o700)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
        try:
            if descriptor is not None:
                lock_file(descriptor)
            yield folder
        finally:
            if descriptor is not None:
                os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def is_abandoned(path: Path, settled_s: float = SETTLED_S) -> bool:
    """Whether the writer of a temporary file or folder is gone.

    Args:
        path: the file; a link or anything else counts as another's.
        settled_s: what was written to since is not looked at; 0 where nobody else can be at work.
    """
    return _could_lock(path, settled_s) is True


def is_held(path: Path) -> bool:
    """Whether another is writing a temporary file or folder."""
    return _could_lock(path, 0) is False


def _could_lock(path: Path, settled_s: float) -> bool | None:
    try:
        status = path.stat(follow_symlinks=False)
        plain = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
        if not plain or time.time() - status.st_mtime < settled_s:
            return None
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        return lock_file(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(directory: Path, settled_s: float = SETTLED_S) -> None:
    """Remove the temporary files and folders that killed runs left in a folder.

    Args:
        directory: where.
        settled_s: see :func:`is_abandoned`.
    """
    with contextlib.suppress(OSError):
        for path in directory.glob(".*.part*"):
            if TEMPORARY.fullmatch(path.name) and is_abandoned(path, settled_s):
                _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


@cache
def tidy(directory: Path) -> None:
    """Remove them once in this process, since a folder may hold many files."""
    remove_abandoned(directory)
