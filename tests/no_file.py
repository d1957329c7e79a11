"""What may lie where a file is expected, and is none that can be read."""

from __future__ import annotations

import os
import socket
from pathlib import Path

SPARSE_BYTES = 1 << 40


def put_no_file(path: Path, kind: str) -> None:
    """Put something of a kind at a path where nothing is."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(SPARSE_BYTES)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            here = os.getcwd()
            os.chdir(path.parent)  # a socket's path is short
            try:
                server.bind(path.name)
            finally:
                os.chdir(here)
    else:
        targets = {
            "loop": path.name,
            "dangling": "missing",
            "device": "/dev/zero",
            "null": "/dev/null",
        }
        path.symlink_to(targets[kind])
