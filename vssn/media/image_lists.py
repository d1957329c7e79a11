"""Which images a folder, a glob or a list file names."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from vssn.errors import MediaError
from vssn.files import in_natural_order, read_regular
from vssn.media.images import IMAGE_SUFFIXES, is_still

MAX_LIST_BYTES = 64 << 20


def named_images(path: Path) -> list[Path] | None:
    """The image itself, or those that a directory, glob or list file names; None for others."""
    if os.path.isdir(path):
        return _natural(_only_images(path.iterdir()), f"directory '{path}'")
    if glob.has_magic(str(path)) and not os.path.exists(path):
        matches = [Path(p) for p in glob.glob(str(path))]
        return _natural(_only_images(matches), f"pattern '{path}'")
    if path.suffix.lower() == ".txt" and os.path.isfile(path):
        return _listed(path)
    return [path] if is_still(path) else None


def _only_images(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES]


def _listed(path: Path) -> list[Path]:
    """The paths in a list file, one a line, relative to its folder."""
    text = read_regular(path, MAX_LIST_BYTES, "list").decode("utf-8-sig", "surrogateescape")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if not line.isprintable() or Path(line).suffix.lower() not in IMAGE_SUFFIXES:
            raise MediaError(
                f"list '{path}'", "the path of an image in each line", "correct its lines"
            )
    if not lines:
        raise MediaError(f"list '{path}', which is empty", "paths of images", "add some")
    return [path.parent / line for line in lines]


def _natural(paths: list[Path], what: str) -> list[Path]:
    shown = in_natural_order(paths)
    if not shown:
        raise MediaError(
            what, "images in it (PNG, JPEG, BMP, TIFF, WebP, PPM)", "pass videos one by one"
        )
    return shown
