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
import tempfile
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
MOMENT_S = 1.0


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
def undisturbed(directory: Path) -> Iterator[None]:
    """Let no other run that uses this look into a folder, or create something, at this moment.

    Unlike the other locks it leaves nothing behind. Where the disk can't do it, nobody waits.
    """
    descriptor = os.open(directory, os.O_RDONLY) if fcntl else None
    try:
        give_up = time.monotonic() + MOMENT_S
        while descriptor is not None and lock_file(descriptor) is False:
            if time.monotonic() > give_up:
                break
            time.sleep(0.01)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def created(path: Path) -> Iterator[None]:
    """Create a temporary file and hold its lock."""
    with undisturbed(path.parent):
        descriptor = create_exclusively(path)
        lock_file(descriptor)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A folder beside ``path`` for what is made of several files; it goes at the end.

    What killed runs left there goes at the start.

    Raises:
        OSError: it can't be created.
    """
    tidy(path.parent)
    folder = temporary_name(path)
    try:
        with undisturbed(path.parent):
            folder.mkdir(0o700)
            descriptor = os.open(folder, os.O_RDONLY) if fcntl else None
            if descriptor is not None:
                lock_file(descriptor)
        try:
            yield folder
        finally:
            if descriptor is not None:
                os.close(descriptor)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def temporary_files_beside(path: Path) -> Iterator[None]:
    """Let libraries put their temporary files into a :func:`temporary_folder` beside ``path``.

    Among the system's, SIGKILL would leave them for ever; here the next run removes them.

    Raises:
        OSError: it can't be created.
    """
    with temporary_folder(path) as folder:
        before, tempfile.tempdir = tempfile.tempdir, str(folder.absolute())
        try:
            yield
        finally:
            tempfile.tempdir = before


def is_abandoned(path: Path) -> bool:
    """Whether the writer of a temporary file or folder is gone; ask while `undisturbed`.

    A link or anything else counts as another's.
    """
    return _could_lock(path) is True


def is_held(path: Path) -> bool:
    """Whether another is writing a temporary file or folder."""
    return _could_lock(path) is False


def _could_lock(path: Path) -> bool | None:
    try:
        status = path.stat(follow_symlinks=False)
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return None
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        return lock_file(descriptor)
    finally:
        os.close(descriptor)


def remove_abandoned(directory: Path) -> None:
    """Remove the temporary files and folders that killed runs left in a folder."""
    with contextlib.suppress(OSError):
        left = [path for path in directory.glob(".*.part*") if TEMPORARY.fullmatch(path.name)]
        if left:
            with undisturbed(directory):
                for path in filter(is_abandoned, left):
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
