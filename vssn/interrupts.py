"""Moments in which a command that is being ended finishes what it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_held = 0  # by the main thread alone, which signals reach


def may_interrupt() -> bool:
    """Whether a signal may raise KeyboardInterrupt now; else it has to wait."""
    return _held == 0


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let the signals that end a command wait until this is over.

    For what takes a moment, such as giving a file its name and removing what it was made of. Only
    commands wait; in other programs Ctrl-C is theirs.
    """
    global _held
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held += 1
    try:
        yield
    finally:
        _held -= 1
