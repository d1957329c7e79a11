"""How signals end a command: as Ctrl-C does, so that what was made is kept."""

from __future__ import annotations

import atexit
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

from vssn.interrupts import may_interrupt

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
RETRY_S = 0.05

_over = False  # the work; only the end of the process is left
_retrying = False  # an interrupt; whoever calls a command may have a timer of his own


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt; where something is being finished or imported, after that.

    Libraries turn an interrupt while they are loaded into other errors, or crash.
    """
    if _over:
        return
    if hasattr(signal, "setitimer") and (not may_interrupt(frame) or _is_importing(frame)):
        _interrupt_soon()
        return
    raise KeyboardInterrupt


def _interrupt_soon() -> None:
    global _retrying
    _retrying = True
    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, RETRY_S)


def _retry_no_more() -> None:
    global _retrying
    if _retrying:
        signal.setitimer(signal.ITIMER_REAL, 0)
    _retrying = False


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """Repeat an interrupt that came where Python can only ignore it, such as in a destructor."""
    shown = sys.unraisablehook

    def again(what: Any) -> None:
        if issubclass(what.exc_type, KeyboardInterrupt) and hasattr(signal, "setitimer"):
            _interrupt_soon()
        else:
            shown(what)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = shown
        atexit.unregister(_ignore_signals)  # what was registered last is the first to be called
        atexit.register(_ignore_signals)
        _retry_no_more()


def _numbers() -> list[signal.Signals]:
    """The signals that end a command; one that is ignored, as ``nohup`` has it, stays so."""
    if threading.current_thread() is not threading.main_thread():
        return []
    numbers = [getattr(signal, name) for name in ENDING if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]


def treat_as_ctrl_c() -> None:
    """Let signals end the command as Ctrl-C does, so that what was made is kept."""
    global _over
    _over = False
    for number in _numbers():
        signal.signal(number, interrupt)


def _ignore_signals() -> None:
    """The work is over; another signal would show where the interpreter is."""
    global _over
    _over = True
    for number in _numbers():
        signal.signal(number, signal.SIG_IGN)
    _retry_no_more()
