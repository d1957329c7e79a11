"""Readers with every fault that the harness must see."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from vssn.errors import VssnError


def _raise(path: Path) -> None:
    raise KeyError(path.name)


def _crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _sleep(path: Path) -> None:
    time.sleep(60)


def _fill(path: Path) -> None:
    assert bytearray(4 << 30)


def _paint(path: Path) -> None:
    raise VssnError("two\nlines")


def _read(path: Path) -> None:
    path.read_bytes()


READERS: dict[str, Callable[[], Callable[[Path], None]]] = {
    "traceback": lambda: _raise,
    "crash": lambda: _crash,
    "hang": lambda: _sleep,
    "memory": lambda: _fill,
    "unclear": lambda: _paint,
    "accepted": lambda: _read,
}
