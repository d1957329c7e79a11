"""Moments in which a command that is being ended finishes what it does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

_held = 0  # by the main thread alone, which signals reach
_called_natively: set[CodeType] = set()


def called_natively(function: Function) -> Function:
    """Mark a function that a library calls which can't pass an interrupt on."""
    _called_natively.add(function.__code__)
    return function


def may_interrupt(frame: FrameType | None = None) -> bool:
    """Whether a signal may raise KeyboardInterrupt now; else it has to wait.

    Args:
        frame: what the signal found running.
    """
    while frame is not None:
        if frame.f_code in _called_natively:
            return False
        frame = frame.f_back
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
