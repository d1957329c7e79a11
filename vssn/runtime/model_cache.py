"""Compiled networks on disk, so that a start takes a fraction of a second.

An entry is one line of JSON, which says what it is and its SHA-256, and OpenVINO's blob. Only plain
files of the user's own, in a folder that nobody else can enter, are used.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import openvino as ov

from vssn.errors import BadInputError, VssnError, printable
from vssn.files import open_regular, write_bytes
from vssn.json_files import loads, parse, read_json, write_json
from vssn.openvino_core import openvino_core
from vssn.runtime.device import CPU
from vssn.version import __version__

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

logger = logging.getLogger(__name__)

Facts = TypeVar("Facts", bound="DataclassInstance")

DIGEST_LENGTH = 32
SUFFIX = ".blob"
FACTS_SUFFIX = ".json"
MAX_ENTRIES = 24  # some six sets of networks
MAX_ENTRY_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 16
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# Where the graphs are made; what these modules import decides too what a network computes.
BUILDERS = ("vssn.runtime.openvino_networks",)
IMPORT = re.compile(r"^\s*from (vssn(?:\.\w+)*) import|^\s*import (vssn[\w.]*)", re.MULTILINE)


def default_cache_dir() -> Path | None:
    """The user's cache folder for this package, in $XDG_CACHE_HOME or ~/.cache.

    None where the user has no home folder; nothing is kept then.
    """
    base = os.environ.get("XDG_CACHE_HOME")
    if base and Path(base).is_absolute():
        return Path(base) / "vssn"
    try:
        return Path.home() / ".cache" / "vssn"
    except RuntimeError:
        return None


@cache
def sources_digest() -> str:
    """SHA-256 of every module of this package that the graphs' builders import."""
    root = Path(__file__).resolve().parents[2]
    waiting, texts = list(BUILDERS), dict[str, bytes]()
    while waiting:
        name = waiting.pop()
        place = root / name.replace(".", "/")
        path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if name in texts or not path.is_file():
            continue
        texts[name] = path.read_bytes()
        waiting += [a or b for a, b in IMPORT.findall(texts[name].decode())]
    digest = hashlib.sha256()
    for name in sorted(texts):
        digest.update(name.encode() + b"\0" + texts[name])
    return digest.hexdigest()


@dataclass(frozen=True)
class Header:
    """What an entry says of itself.

    Attributes:
        name: the network's, for the file.
        key: digest of all that it depends on.
        shapes: of inputs and outputs, as text.
        sha256: of the blob.
    """

    name: str
    key: str
    shapes: tuple[str, ...]
    sha256: str


@dataclass(frozen=True)
class _Fact:
    """What an entry of :meth:`ModelCache.recall` holds.

    Attributes:
        of: what it belongs to.
        facts: see there.
    """

    of: str
    facts: dict[str, Any]


def _shapes(compiled: ov.CompiledModel) -> tuple[str, ...]:
    ports = (*compiled.inputs, *compiled.outputs)
    return tuple(f"{port.get_element_type().get_type_name()}{list(port.shape)}" for port in ports)


def _own_folder(path: Path) -> None:
    """Make the folder, for this user alone.

    Raises:
        OSError: it can't be, or it is another user's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.stat(follow_symlinks=False)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != _user(status):
        raise OSError(f"'{path}' is no folder of this user's")
    if stat.S_IMODE(status.st_mode) & 0o077:
        path.chmod(0o700)


def _make_room(path: Path) -> None:
    """Make the folder, and remove what is no file of ours under the entry's name.

    Raises:
        OSError: that isn't possible.
    """
    _own_folder(path.parent)
    if not _is_own_file(path):
        path.unlink(missing_ok=True)


def _user(status: os.stat_result) -> int:
    return os.geteuid() if hasattr(os, "geteuid") else status.st_uid


def _is_own_file(path: Path) -> bool:
    """Whether a file is this user's and nobody else may have put it there or may change it."""
    try:
        folder, status = (each.stat(follow_symlinks=False) for each in (path.parent, path))
    except (OSError, ValueError):
        return False
    return (
        stat.S_ISDIR(folder.st_mode)
        and stat.S_ISREG(status.st_mode)
        and status.st_nlink == 1  # under another name it may change
        and not folder.st_mode & OTHERS_WRITE
        and {folder.st_uid, status.st_uid} == {_user(status)}
    )


@dataclass(frozen=True)
class ModelCache:
    """Compiles networks, or finds them compiled.

    Attributes:
        directory: where they are kept, created when needed; None to keep nothing.
        config: OpenVINO's properties for the device.
        device: what the networks run on, by OpenVINO's name.
    """

    directory: Path | None
    config: Mapping[str, object]
    device: str = CPU

    def load(self, name: str, key: Mapping[str, object], build: Callable[[], ov.Model]) -> object:
        """Load a compiled network, or build, compile and keep it.

        An entry that is damaged or another network's is built anew; where nothing can be written,
        nothing is kept.

        Args:
            name: of the network, for the file.
            key: what the network depends on besides versions and processor: the weights' hash,
                the precision, ...; JSON values.
            build: makes the graph.

        Returns:
            The ``openvino.CompiledModel``.
        """
        core = openvino_core()
        digest = self._digest(core, {**key, "name": name})
        path = (
            self.directory / f"{name}-{digest[:DIGEST_LENGTH]}{SUFFIX}" if self.directory else None
        )
        compiled = self._imported(core, path, name, digest) if path else None
        if compiled is None:
            graph = build()  # says what is wrong with the weights before anything else is said
            logger.info("compiling the network '%s' for this processor", name)
            compiled = core.compile_model(graph, self.device, dict(self.config))
            if path:
                self._keep(compiled, path, name, digest)
        return compiled

    def _digest(self, core: ov.Core, key: Mapping[str, object]) -> str:
        everything = {
            **key,
            "config": {name: str(value) for name, value in self.config.items()},
            "versions": [__version__, ov.__version__, sources_digest()],
            "processor": [
                str(core.get_property(self.device, "FULL_DEVICE_NAME")),
                sorted(core.get_property(self.device, "OPTIMIZATION_CAPABILITIES")),
            ],
        }
        return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()

    def _imported(
        self, core: ov.Core, path: Path, name: str, digest: str
    ) -> ov.CompiledModel | None:
        if not _is_own_file(path):
            return None
        try:
            with open_regular(path, MAX_ENTRY_BYTES) as file:
                line, data = file.readline(MAX_HEADER_BYTES), file.read(MAX_ENTRY_BYTES)
            os.utime(path)  # the oldest in use go first
            header: Header = parse(Header, loads(line))
            if (header.name, header.key) != (name, digest):
                raise ValueError("it is another network's")
            if header.sha256 != hashlib.sha256(data).hexdigest():
                raise ValueError("it is damaged")
            compiled = core.import_model(io.BytesIO(data), self.device, dict(self.config))
            if _shapes(compiled) != header.shapes:
                raise ValueError("it has other inputs or outputs")
        except (VssnError, OSError, ValueError, RuntimeError) as error:
            reason = printable(str(error)[-200:])
            logger.warning("'%s' can't be used (%s); the network is compiled again", path, reason)
            return None
        return compiled

    def _keep(self, compiled: ov.CompiledModel, path: Path, name: str, digest: str) -> None:
        data = compiled.export_model().getvalue()
        header = Header(name, digest, _shapes(compiled), hashlib.sha256(data).hexdigest())
        try:
            _make_room(path)
            write_bytes(path, json.dumps(asdict(header)).encode() + b"\n" + data)
            self._drop_oldest(SUFFIX)
        except (VssnError, OSError) as error:
            logger.warning("compiled networks are not kept: %s", printable(str(error)))

    def recall(self, name: str, kind: type[Facts], compute: Callable[[], Facts]) -> Facts:
        """Short facts that were computed once, such as a weight file's digest.

        An entry that is damaged, or no such facts, is computed and written anew.

        Args:
            name: what they belong to, in hexadecimal.
            kind: a dataclass, which holds them.
            compute: makes them.
        """
        if self.directory is None:
            return compute()
        path = (
            self.directory / f"facts-{name[:DIGEST_LENGTH]}-{sources_digest()[:16]}{FACTS_SUFFIX}"
        )
        if _is_own_file(path):
            with contextlib.suppress(BadInputError):
                kept = read_json(path, _Fact, checked=True)
                if kept.of == name:
                    with contextlib.suppress(ValueError):
                        known: Facts = parse(kind, kept.facts)
                        return known
        facts = compute()
        with contextlib.suppress(VssnError, OSError):
            _make_room(path)
            write_json(path, {"of": name, "facts": asdict(facts)}, checked=True)
            self._drop_oldest(FACTS_SUFFIX)
        return facts

    def _drop_oldest(self, suffix: str) -> None:
        assert self.directory is not None
        entries = [entry for entry in self.directory.glob(f"*{suffix}") if _is_own_file(entry)]
        entries.sort(key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-MAX_ENTRIES]:
            entry.unlink(missing_ok=True)
