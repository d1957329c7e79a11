"""Settings that every worker can have, and what tells one job's from another's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vssn.config import SegmenterConfig
from vssn.errors import BadInputError, argument
from vssn.files import read_regular, write_bytes
from vssn.fleet.sources import once_per_node
from vssn.fleet.weights import PackedWeights, holds
from vssn.scene.camera import Camera
from vssn.scene.style import Style
from vssn.version import __version__

MAX_FILE_BYTES = 1 << 20
JOB_LETTERS = 16
PLACES = ("segmenter", "flownets", "decision")  # settings that say where weights lie

CameraOptions = Camera | dict[str, Any] | None


def portable(config: SegmenterConfig, chunk_s: float) -> SegmenterConfig:
    """The configuration with the threads of a worker, one unless others are asked for.

    Args:
        config: of the segmenter.
        chunk_s: length of a chunk.

    Raises:
        BadInputError: it would give other results on another machine, or in another chunk.
    """
    ray = argument("engine", "ray")
    for name in ("fps", "budget_ms"):
        value = getattr(config, name)
        if value is not None:
            raise BadInputError(
                f"{argument(name, value)} with {ray}",
                "a target, as results must not depend on a machine's speed",
                f"pass {argument('target', 80)} instead",
            )
    config.check_chunked(chunk_s)
    if config.schedule is not None and not isinstance(config.schedule, str):
        raise BadInputError(
            f"a schedule object with {ray}",
            "a schedule's name, which travels to other machines",
            f"pass {argument('schedule', 'fixed:5')} or the like",
        )
    return replace(config, threads=config.threads or 1)


def job_id(config: SegmenterConfig, weights: PackedWeights | None, **more: Any) -> str:
    """What tells a job's settings from others'; the same on every machine.

    Args:
        config: of the segmenter; where its weights lie doesn't count.
        weights: their contents do.
        more: other settings.
    """
    settings = {name: value for name, value in asdict(config).items() if name not in PLACES}
    digest = weights.digest if weights else ""
    told = {"version": __version__, "config": settings, "weights": digest, **more}
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:JOB_LETTERS]


class AttachedFiles:
    """Small files that settings name, for machines that don't have them.

    Args:
        paths: by the setting's name; others than files are left out.

    Raises:
        BadInputError: one can't be read.
    """

    def __init__(self, paths: dict[str, str | Path | None]) -> None:
        named = {
            name: Path(path)
            for name, path in paths.items()
            if path is not None and Path(path).suffix.lower() == ".json"
        }
        self.contents = {
            name: read_regular(path, MAX_FILE_BYTES, name, BadInputError)
            for name, path in named.items()
        }
        parts = sorted((name, content.hex()) for name, content in self.contents.items())
        self.digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def unpacked(self) -> dict[str, Path]:
        """Their paths on this node, by the setting's name."""
        if not self.contents:
            return {}
        with once_per_node(f"files-{self.digest[:16]}") as folder:
            paths = {name: folder / f"{name}.json" for name in self.contents}
            for name, path in paths.items():
                if not holds(path, self.contents[name]):  # a killed worker may have left a half
                    write_bytes(path, self.contents[name])
        return paths


def look_with(
    style: Style | None, camera: CameraOptions, paths: dict[str, Path]
) -> tuple[Style | None, CameraOptions]:
    """Style and camera with the files of this node."""
    if style and "palette" in paths:
        style = replace(style, palette=paths["palette"])
    if isinstance(camera, dict) and "camera" in paths:
        camera = {**camera, "camera": paths["camera"]}
    return style, camera
