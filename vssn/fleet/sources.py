"""A source that lies elsewhere, copied once to each node that reads it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from vssn.fleet.places import Place, is_url, shown

try:
    import fcntl
except ImportError:  # Windows: each process then keeps a copy of its own
    fcntl = None  # type: ignore[assignment]


LOCK = ".lock"  # held while a copy is made or removed
PARTIAL = ".part"
USERS = ".users"  # held together by all who read it


def node_folder() -> Path:
    """A folder of this user's on this machine, shared by all workers on it."""
    user = os.getuid() if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"vssn-node-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        return Path(tempfile.mkdtemp(prefix="vssn-node-"))
    return folder


class SourceCache:
    """Copies of sources on this node, removed once nobody uses them.

    Workers share a copy: each holds a lock on it while it needs it, which ends with the process
    however that ends; who lets it go last removes it.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = (folder or node_folder()) / "sources"
        self._url = ""
        self._swept = False
        self._held: tuple[int, Path] | None = None

    def fetch(self, source: str) -> str:
        """A local path of a source; the one fetched before is let go.

        Args:
            source: a local path, which is left where it is, or a URL.

        Raises:
            MediaError: it can't be read.
        """
        if not is_url(source):
            return source
        if source == self._url and self._held:
            return str(self._held[1])
        self.release()
        name = PurePosixPath(shown(source)).name or "video"
        digest = hashlib.sha256(source.encode()).hexdigest()[:16]
        copy = self._folder / digest / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        self._sweep()
        with _locked(copy.parent / LOCK):
            if not copy.exists():
                partial = copy.with_name(f".{name}{PARTIAL}")
                try:
                    Place(source).download("", partial)
                    partial.replace(copy)
                finally:
                    partial.unlink(missing_ok=True)
            users = _opened(copy.parent / USERS)
            if fcntl is not None:
                fcntl.flock(users, fcntl.LOCK_SH)
        self._held, self._url = (users, copy), source
        return str(copy)

    def _sweep(self) -> None:
        """Remove what workers that were killed left, unless somebody is at it."""
        if self._swept or fcntl is None:
            return
        self._swept = True
        for folder in self._folder.iterdir():
            with contextlib.suppress(OSError), ExitStack() as stack:
                for name in (LOCK, USERS):
                    held = _opened(folder / name)
                    stack.callback(os.close, held)
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for path in folder.iterdir():
                    if path.name not in (LOCK, USERS):
                        path.unlink()

    def release(self) -> None:
        """Let the copy go; the last user removes it."""
        if self._held is None:
            return
        (users, copy), self._held, self._url = self._held, None, ""
        with _locked(copy.parent / LOCK), contextlib.suppress(OSError):  # somebody else reads it
            if fcntl is not None:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            copy.unlink(missing_ok=True)
        os.close(users)


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock on a file, waiting for it."""
    descriptor = _opened(path)
    try:
        if fcntl is not None:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


@contextmanager
def once_per_node(name: str) -> Iterator[Path]:
    """Yield a folder of this node's under a lock, for what is made once in it.

    Args:
        name: tells what is in it, such as a digest.
    """
    folder = node_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / LOCK):
        yield folder
