"""Names of files: which are allowed, what they stand for, and their order."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from vssn.errors import MediaError

SPECIAL_FOLDERS = ("/dev/", "/proc/")


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
