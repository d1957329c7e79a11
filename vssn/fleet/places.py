"""Files here and elsewhere: local paths and fsspec URLs behind one class.

Credentials come from the environment, as each file system's own tools read them. Nothing here
shows them: neither those in a URL nor those that a library's message may quote.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vssn.errors import MediaError
from vssn.files import (
    atomic_path,
    folder_lock,
    is_dir,
    is_there,
    make_directory,
    open_regular,
    read_regular,
    reason,
)
from vssn.files.atomic import WRITE_REMEDY
from vssn.media.containers import printable_url

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# What fsspec reads and lists as files; cameras and streams have other schemes.
FILE_SCHEMES = ("file", "s3", "s3a", "gs", "gcs", "http", "https", "memory", "az", "abfs", "hdfs")
IN_TEXT = re.compile(r"[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
SECRET_NAMES = ("SECRET", "TOKEN", "PASSWORD", "ACCESS_KEY", "API_KEY", "CREDENTIAL")
MIN_SECRET = 6  # a shorter value would blank out ordinary text
MAX_READ_BYTES = 1 << 25  # of what tells of a chunk
MAX_DOWNLOAD_BYTES = 1 << 40  # of a source
CONNECT_S, READ_S = 10, 60
REMOTE_REMEDY = "check the address, the permissions, and the credentials in the environment"


def is_url(text: str) -> bool:
    """Whether a text is a URL rather than a local path."""
    return SCHEME.match(text) is not None


def shown(url: str) -> str:
    """A URL without a user's name, a password or a signature."""
    return printable_url(url).partition("?")[0] if is_url(url) else url


def absolute(path: str) -> str:
    """A local path from the root; URLs stay as they are."""
    return path if is_url(path) else os.path.abspath(path)


def without_secrets(text: str) -> str:
    """A text whose URLs and whose values of secret environment variables are cut out."""
    text = IN_TEXT.sub(lambda found: shown(found[0]), text)
    for name, value in os.environ.items():
        if len(value) >= MIN_SECRET and any(part in name.upper() for part in SECRET_NAMES):
            text = text.replace(value, "***")
    return text


def _fsspec(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    scheme = (SCHEME.match(url) or [None, ""])[1]
    # With "::" fsspec reads one file system through another, local files too.
    if scheme not in FILE_SCHEMES or "::" in url:
        raise MediaError(
            f"'{shown(url)}'", "a path, or a URL of files such as s3:// or https://", "correct it"
        )
    try:
        import fsspec

        options: dict[str, Any] = {}
        if scheme.startswith("s3"):
            options["config_kwargs"] = {"connect_timeout": CONNECT_S, "read_timeout": READ_S}
        fs, path = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        package = "gcsfs" if scheme.startswith("g") else "vssn[ray]"
        raise MediaError(
            f"'{shown(url)}'", f"the package that reads {scheme}://", f"pip install {package}"
        ) from error
    return fs, str(path)


@contextmanager
def told(what: str, url: str) -> Iterator[None]:
    """Turn whatever a file system raises inside into one line without secrets.

    Raises:
        MediaError: always where anything was raised; a VssnError from inside stays as it is.
    """
    try:
        yield
    except MediaError:
        raise
    except Exception as error:  # each file system has errors of its own
        problem = reason(error) if isinstance(error, OSError) else str(error)
        problem = without_secrets(problem or type(error).__name__)
        expected, remedy = "a place that answers", REMOTE_REMEDY
        if not is_url(url):
            expected, remedy = "a path that can be used", WRITE_REMEDY
        raise MediaError(f"{what} '{shown(url)}' ({problem})", expected, remedy) from error


class Place:
    """A folder, local or behind a URL; files in it are named by relative paths with slashes.

    Args:
        url: a local path, or a URL that fsspec knows.

    Raises:
        MediaError: there is no such file system, or its package isn't installed.
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url).rstrip("/") or "/"
        self._folder = None if is_url(self.url) else Path(self.url)
        if self.url.startswith("file://"):
            self._folder = Path(self.url.removeprefix("file://"))
        self._fs: Any = None
        if self._folder is None:
            self._fs, self._root = _fsspec(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        # Connections stay where they were made, and a worker's current folder is another one.
        return Place, (absolute(self.url),)

    def __str__(self) -> str:
        return shown(self.url)

    def name_of(self, name: str) -> str:
        """A file's whole name, for messages."""
        return f"{self}/{name}" if name else str(self)

    def check_writable(self) -> None:
        """Write and remove a small file.

        Raises:
            MediaError: that is refused.
        """
        self.write(".vssn-check", b"")
        self.remove(".vssn-check")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other jobs out of a local folder; where a URL stands for one, nothing can.

        Raises:
            MediaError: another one is at work there.
        """
        if self._folder is None:
            yield
            return
        with folder_lock(make_directory(self._folder)):
            yield

    def size(self, name: str) -> int | None:
        """A file's size in bytes; None where there is none.

        Raises:
            MediaError: what has its name in a local folder is no file, or the place does not
                answer.
        """
        with told("file", self.name_of(name)):
            if self._folder is not None:
                if not is_there(self._folder / name):
                    return None
                with open_regular(self._folder / name, MAX_DOWNLOAD_BYTES) as file:
                    return os.fstat(file.fileno()).st_size
            try:
                self._fs.invalidate_cache()
                return int(self._fs.info(f"{self._root}/{name}")["size"])
            except (FileNotFoundError, NotADirectoryError):
                return None

    def check_results(self, files: Iterable[str], folders: Iterable[str]) -> None:
        """Find out before the work whether a local folder's results can be written.

        Args:
            files: names of results; files that are there may be replaced.
            folders: names of folders that results go to.

        Raises:
            MediaError: a pipe, a device, a link that leads nowhere or the like has such a name.
        """
        if self._folder is None:
            return
        for name in files:
            self.size(name)
        for name in folders:
            path = self._folder / name
            if is_there(path) and not is_dir(path):
                raise MediaError(f"'{path}'", "a folder, or nothing", "remove it")

    def names(self) -> set[str]:
        """Names of the files and folders right in this one; none where it does not exist."""
        with told("folder", self.url):
            try:
                if self._folder is not None:
                    return set(os.listdir(self._folder))
                self._fs.invalidate_cache()
                found = self._fs.ls(self._root, detail=False)
                return {name.rstrip("/").rpartition("/")[2] for name in found}
            except FileNotFoundError:
                return set()

    def read(self, name: str) -> bytes:
        """A file's content.

        Raises:
            MediaError: it can't be read, is no plain file, or too large to tell of a chunk.
        """
        with told("file", self.name_of(name)):
            if self._folder is not None:
                return read_regular(self._folder / name, MAX_READ_BYTES)
            path = f"{self._root}/{name}"
            self._check_size(path, MAX_READ_BYTES)
            content: bytes = self._fs.cat_file(path)
            return content

    def _check_size(self, path: str, most: int) -> None:
        """Refuse what says to be too large; not every server tells sizes."""
        try:
            size = self._fs.info(path).get("size")
        except (OSError, ValueError):  # fetching it will tell
            return
        if isinstance(size, int) and size > most:
            raise OSError(errno.EFBIG, f"{size} bytes, more than {most}")

    def write(self, name: str, content: bytes) -> None:
        """Write a file whole or not at all.

        Raises:
            MediaError: it can't be written.
        """
        with told("output", self.name_of(name)):
            if self._folder is not None:
                with self.written(name) as path:
                    path.write_bytes(content)
            else:
                self._fs.pipe_file(f"{self._root}/{name}", content)

    @contextmanager
    def written(self, name: str) -> Iterator[Path]:
        """Yield a local path; what was written there is the file once this ends well.

        Raises:
            MediaError: it can't be written.
        """
        if self._folder is not None:
            path = self._folder / name
            make_directory(path.parent)
            with atomic_path(path, "output") as temporary:
                yield temporary
            return
        with tempfile.TemporaryDirectory(prefix="vssn-") as folder:
            temporary = Path(folder) / Path(name).name
            yield temporary
            with told("output", self.name_of(name)):
                self._fs.put_file(str(temporary), f"{self._root}/{name}")

    @contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yield a local path with a file's content, for reading.

        Raises:
            MediaError: it can't be read.
        """
        if self._folder is not None:
            open_regular(self._folder / name, MAX_DOWNLOAD_BYTES).close()
            yield self._folder / name
            return
        with tempfile.TemporaryDirectory(prefix="vssn-") as folder:
            path = Path(folder) / Path(name).name
            self.download(name, path)
            yield path

    def download(self, name: str, path: Path, most: int | None = None) -> None:
        """Copy a file of at most so many bytes, a source's by default, to a local path.

        Raises:
            MediaError: it can't be read, is too large, or can't be written there.
        """
        most = most or MAX_DOWNLOAD_BYTES
        with told("file", self.name_of(name)):
            if self._folder is not None:
                with (
                    open_regular(self._folder / name, most) as source,
                    path.open("wb") as target,
                ):
                    shutil.copyfileobj(source, target)
                return
            remote = f"{self._root}/{name}" if name else self._root
            self._check_size(remote, most)
            self._fs.get_file(remote, str(path))

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it; nothing where there is none.

        Raises:
            MediaError: that is refused.
        """
        with told("output", self.name_of(name)):
            try:
                if self._folder is None:
                    self._fs.invalidate_cache()
                    self._fs.rm(f"{self._root}/{name}", recursive=True)
                elif (self._folder / name).is_dir():
                    shutil.rmtree(self._folder / name)
                else:
                    (self._folder / name).unlink()
            except FileNotFoundError:
                return


def matches(pattern: str) -> list[str]:
    """The URLs that a pattern such as ``s3://bucket/*.mp4`` stands for, in order.

    Raises:
        MediaError: there is none, or the place does not answer.
    """
    fs, path = _fsspec(pattern)
    with told("pattern", pattern):
        found = sorted(fs.unstrip_protocol(name) for name in fs.glob(path))
    if not found:
        raise MediaError(f"pattern '{shown(pattern)}'", "files that it names", "correct it")
    return found
