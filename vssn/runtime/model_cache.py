"""Compiled networks on disk, so that a start takes a fraction of a second."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import openvino as ov

from vssn.errors import MediaError
from vssn.files import atomic_path, make_directory
from vssn.version import __version__

logger = logging.getLogger(__name__)

DIGEST_BYTES = 32
SUFFIX = ".blob"
MAX_ENTRIES = 24  # some six sets of networks
# Whose code decides what a compiled network computes.
SOURCES = (
    "folding",
    "openvino_flow",
    "openvino_frozen",
    "openvino_graph",
    "openvino_segnet",
    "quantisation",
)


def default_cache_dir() -> Path:
    """The user's cache folder for this package: in $XDG_CACHE_HOME or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vssn"


def _sources_digest() -> str:
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class ModelCache:
    """Compiles networks, or finds them compiled.

    Attributes:
        directory: where they are kept; created when needed.
        config: OpenVINO's properties for the CPU.
    """

    directory: Path
    config: Mapping[str, object]

    def load(self, name: str, key: Mapping[str, object], build: Callable[[], ov.Model]) -> object:
        """Load a compiled network, or build, compile and keep it.

        A damaged entry is built anew; where nothing can be written, nothing is kept.

        Args:
            name: of the network, for the file.
            key: what the network depends on besides versions and processor: the weights' hash,
                the precision, ...; JSON values.
            build: makes the graph.

        Returns:
            The ``openvino.CompiledModel``.
        """
        core = ov.Core()
        path = self.directory / f"{name}-{self._digest(core, key)}{SUFFIX}"
        compiled = self._imported(core, path)
        if compiled is None:
            graph = build()  # says what is wrong with the weights before anything else is said
            logger.info("compiling the network '%s' for this processor", name)
            compiled = core.compile_model(graph, "CPU", dict(self.config))
            self._keep(compiled, path)
        return compiled

    def _digest(self, core: ov.Core, key: Mapping[str, object]) -> str:
        everything = {
            **key,
            "config": {name: str(value) for name, value in self.config.items()},
            "versions": [__version__, ov.__version__, _sources_digest()],
            "processor": [
                str(core.get_property("CPU", "FULL_DEVICE_NAME")),
                sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")),
            ],
        }
        text = json.dumps(everything, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_BYTES]

    def _imported(self, core: ov.Core, path: Path) -> ov.CompiledModel | None:
        try:
            data = path.read_bytes()
            os.utime(path)  # the oldest in use go first
        except OSError:
            return None
        if data[:DIGEST_BYTES] != hashlib.sha256(data[DIGEST_BYTES:]).digest():
            logger.warning("'%s' is damaged; the network is compiled again", path)
            return None
        try:
            stream = io.BytesIO(data[DIGEST_BYTES:])
            return core.import_model(stream, "CPU", dict(self.config))
        except RuntimeError as error:
            logger.warning("'%s' can't be used (%s); compiled again", path, str(error)[-200:])
            return None

    def _keep(self, compiled: ov.CompiledModel, path: Path) -> None:
        data = compiled.export_model().getvalue()
        try:
            make_directory(path.parent)
            with atomic_path(path) as temporary:
                temporary.write_bytes(hashlib.sha256(data).digest() + data)
            self._drop_oldest()
        except (MediaError, OSError) as error:
            logger.warning("compiled networks are not kept: %s", error)

    def _drop_oldest(self) -> None:
        entries = sorted(self.directory.glob(f"*{SUFFIX}"), key=lambda entry: entry.stat().st_mtime)
        for entry in entries[:-MAX_ENTRIES]:
            entry.unlink(missing_ok=True)
