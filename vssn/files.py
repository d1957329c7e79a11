"""Writing files so that a final name never holds half a file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vssn.errors import MediaError


def make_directory(path: Path) -> Path:
    """Create ``path`` and its parents; return it.

    Raises:
        MediaError: it can't be created or written to.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    return path


def check_writable(directory: Path) -> None:
    """Find out before the work whether ``directory`` can be made and written to; make nothing.

    Raises:
        MediaError: it can't.
    """
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = "no permission" if existing.is_dir() else f"'{existing}' is no directory"
        raise _unwritable(directory, reason)


def _unwritable(directory: Path, reason: str | None) -> MediaError:
    return MediaError(
        f"output directory '{directory}' ({reason})",
        "a directory that can be written to",
        "choose another one or change its permissions",
    )


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the final name only on success.

    The temporary name keeps the suffix, since writers choose formats by it.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sort frame_9 before frame_10, as counted frames are meant."""
    parts = re.findall(r"(\d+)|(\D+)", path.as_posix())
    return [(int(digits or 0), text) for digits, text in parts]
