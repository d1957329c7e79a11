"""Weights for machines that don't have them: as bytes there, as files once on each node."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from vssn.assembly import locate_weights
from vssn.checkpoints.locate import MAX_WEIGHTS_BYTES, weights_files, weights_stem
from vssn.config import SegmenterConfig
from vssn.errors import BadInputError, CheckpointError
from vssn.files import flush_to_disk, read_regular
from vssn.fleet.sources import once_per_node
from vssn.runtime.load import WeightPaths

DONE = ".whole"


@dataclass(frozen=True)
class PackedWeights:
    """The files of a configuration's weights.

    Attributes:
        paths: of each network, where the files were read.
        files: name and content of each of a network's files, by the network.
        digest: SHA-256 of all of it.
    """

    paths: dict[str, str]
    files: dict[str, dict[str, bytes]]
    digest: str

    def unpacked(self) -> WeightPaths:
        """Paths that exist on this node.

        Where the same files lie under the same path, as on the machine that packed them or on a
        shared disk, those are used.
        """
        if all(_same(Path(self.paths[name]).parent, files) for name, files in self.files.items()):
            return WeightPaths(**{name: Path(path) for name, path in self.paths.items()})
        with once_per_node(f"weights-{self.digest[:16]}") as folder:
            if not (folder / DONE).exists():
                for name, files in self.files.items():
                    (folder / name).mkdir(exist_ok=True)
                    for file, content in files.items():
                        (folder / name / file).write_bytes(content)
                        flush_to_disk(folder / name / file)
                (folder / DONE).touch()
        return WeightPaths(
            **{name: folder / name / Path(path).name for name, path in self.paths.items()}
        )


def _same(folder: Path, files: dict[str, bytes]) -> bool:
    return all(holds(folder / name, content) for name, content in files.items())


def holds(path: Path, content: bytes) -> bool:
    """Whether there is a file of a content."""
    try:
        return read_regular(path, len(content)) == content
    except BadInputError:
        return False


def pack_weights(config: SegmenterConfig) -> PackedWeights:
    """Read the weights that a configuration needs, with the small files that belong to them.

    Raises:
        CheckpointError: one is missing or can't be read.
    """
    located = locate_weights(config)
    found = {each.name: getattr(located, each.name) for each in fields(located)}
    paths = {name: str(path.absolute()) for name, path in found.items() if path is not None}
    digest = hashlib.sha256()
    files: dict[str, dict[str, bytes]] = {}
    for name, path in paths.items():
        files[name] = {}
        for file in _belonging(Path(path)):
            content = read_regular(file, MAX_WEIGHTS_BYTES, "weights", CheckpointError)
            files[name][file.name] = content
            digest.update(file.name.encode() + hashlib.sha256(content).digest())
    return PackedWeights(paths, files, digest.hexdigest())


def _belonging(path: Path) -> Iterator[Path]:
    """Files of weights, and the ranges, fits and configuration beside them."""
    yield from weights_files(path)
    stem = weights_stem(path).split(".")[0]
    for file in sorted(path.parent.glob("*.json")):
        if file.name.startswith(stem) or file.name.endswith("_config.json"):
            yield file
