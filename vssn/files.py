"""Reading only plain files, and writing so that a final name never holds half a file."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from vssn.errors import BadInputError, MediaError

LOCK_FILE = ".vssn.lock"
READER_SECONDS = 5.0
SPECIAL_FOLDERS = ("/dev/", "/proc/")
WRITE_REMEDY = "check the disk's space and the permissions, or choose another place"
TEMPORARY = re.compile(r"\..*\.[0-9a-f]{16}\.part(\.[^.]*)?", re.DOTALL)
ABANDONED_S = 60.0  # a small file is written within a moment
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


def _open_regular(path: Path, max_bytes: int) -> BinaryIO:
    _checked_mode(path.stat().st_mode)  # before opening, which waits at a pipe
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        _checked_mode(status.st_mode)
        if status.st_size > max_bytes:
            raise OSError(errno.EFBIG, f"{status.st_size} bytes, more than {max_bytes}")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


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
            return file.read(max_bytes)
        except OSError as problem:
            raise error(
                f"{what} '{path}' ({reason(problem)})", "a readable file", "check the disk"
            ) from problem


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


def child_path(directory: Path, name: str) -> Path:
    """``directory / name``, which must lie in that folder itself.

    Raises:
        MediaError: the name leads elsewhere.
    """
    separators = {"/", os.sep, os.altsep or "/"}
    if name in ("", ".", "..") or "\0" in name or separators & set(name):
        raise MediaError(
            f"name '{name}' for a file in '{directory}'",
            "a file name without folders",
            "choose the folder by the argument for it",
        )
    return directory / name


def is_special(path: Path) -> bool:
    """Whether writing must go into what is there, such as a device, pipe or standard output."""
    if str(path.absolute()).startswith(SPECIAL_FOLDERS):
        return True
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def temporary_name(path: Path) -> Path:
    """A name beside ``path`` that nobody can foresee.

    It keeps the suffix, since writers choose formats by it.
    """
    stem = os.fsdecode(os.fsencode(path.stem)[:80])
    return path.with_name(f".{stem}.{secrets.token_hex(8)}.part{path.suffix}")


def _create(temporary: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    os.close(os.open(temporary, flags, 0o666))


def remove_abandoned(directory: Path, age_s: float = ABANDONED_S) -> None:
    """Remove what :func:`atomic_path` made for a run that was killed.

    Args:
        directory: where.
        age_s: only files that nobody has written to for so long; 0 where a lock tells that nobody
            else is at work.
    """
    with contextlib.suppress(OSError):
        for path in directory.glob(".*.part*"):
            with contextlib.suppress(OSError):
                status = path.stat(follow_symlinks=False)
                idle = time.time() - status.st_mtime >= age_s
                if TEMPORARY.fullmatch(path.name) and stat.S_ISREG(status.st_mode) and idle:
                    path.unlink()


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
    temporary = temporary_name(path)  # known before the file is there: an interrupt removes it
    try:
        _create(temporary)
        yield temporary
        _replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
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


def _locked(path: Path) -> int | None:
    """A descriptor that holds the lock; None where the file system knows no locks."""
    import fcntl

    while True:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
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
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                return None
            raise
        os.close(descriptor)


@contextmanager
def folder_lock(directory: Path) -> Iterator[None]:
    """Keep other processes that use this lock out of an output folder.

    The lock ends with the process, however that ends.

    Args:
        directory: an existing folder.

    Raises:
        MediaError: another process holds the lock, or it can't be made.
    """
    path = directory / LOCK_FILE
    try:
        descriptor = _locked(path)
    except BlockingIOError as error:
        raise MediaError(
            f"output directory '{directory}' (another run is writing to it)",
            "a folder of its own for each run",
            "wait until that run has ended, or choose another folder",
        ) from error
    except OSError as error:
        raise _unwritable(directory, reason(error)) from error
    try:
        yield
    finally:
        if descriptor is not None:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(descriptor)


def natural_key(path: Path) -> list[tuple[int, str]]:
    """Sort frame_9 before frame_10, as counted frames are meant."""
    name = path.as_posix()
    parts = [(int(digits or 0), text) for digits, text in re.findall(r"(\d+)|(\D+)", name)]
    return [*parts, (0, name)]  # 1.png and 01.png have an order too


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sort files by :func:`natural_key`, without hidden ones.

    Copying from a Mac leaves files such as ``._1.png`` behind, which aren't what their names say.
    """
    return sorted((path for path in paths if not path.name.startswith(".")), key=natural_key)
