"""The one entrance to OpenVINO that a process has."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

# Importing OpenVINO otherwise starts its telemetry: a process, an identifier in the home folder and
# a connection. Without the package it uses its own stand-in, which does nothing.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    import openvino


@cache
def openvino_core() -> openvino.Core:
    """OpenVINO's core, which reads and compiles networks; always the same one.

    OpenVINO's CPU plugin gives the thread that makes a core a stack for signals, and frees the
    stack with the core. Where two cores end in the order in which they were made, the thread is
    left with a freed stack, and the next Ctrl-C is a segmentation fault. So there is one core, and
    it never ends.
    """
    import openvino

    return openvino.Core()
