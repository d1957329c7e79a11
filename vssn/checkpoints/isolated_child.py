"""What runs in the child process of :mod:`vssn.checkpoints.isolated`."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vssn.errors import BadInputError

# For the file alone; the largest networks take less than one. A busy machine may be slow.
CPU_SECONDS = 20
WALL_SECONDS = 120
MEMORY_BYTES = {"hdf5": 1 << 30, "tf1": 6 << 30}  # of addresses; TensorFlow maps 3 GiB of its own
START_SECONDS = 240


def _limit(name: str, limit: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # Windows; a lower limit holds
        import resource

        resource.setrlimit(getattr(resource, name), (limit, limit))


def _end_after(seconds: int) -> None:
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process inside libraries too
        signal.alarm(seconds)


def _libraries_are_loaded() -> None:
    """From here on it is the file that takes time or writes something."""
    _end_after(WALL_SECONDS)
    _limit("RLIMIT_CPU", int(time.process_time()) + CPU_SECONDS)
    _limit("RLIMIT_FSIZE", 0)


def _hdf5(path: Path) -> Iterator[tuple[tuple[str, ...], npt.NDArray[np.generic]]]:
    from vssn.checkpoints.hdf5 import parse_layer_weights

    _libraries_are_loaded()
    for layer in parse_layer_weights(path):
        for name, values in layer.variables.items():
            yield (layer.name, name), values


def _tf1(path: Path) -> Iterator[tuple[tuple[str, ...], npt.NDArray[np.generic]]]:
    import tensorflow  # noqa: F401  # whose start is not the file's fault

    from vssn.checkpoints.bundle import parse_bundle

    _libraries_are_loaded()
    for name, values in parse_bundle(path).items():
        yield (name,), values


def main(reader: str, path: str) -> None:
    """Read ``path`` and write names and arrays to standard output.

    First the header's size in 8 bytes, then the header in JSON, then the arrays' bytes.
    """
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # libraries print there
    _limit("RLIMIT_AS", MEMORY_BYTES[reader])
    _limit("RLIMIT_CORE", 0)
    _end_after(START_SECONDS)
    arrays: list[tuple[tuple[str, ...], npt.NDArray[np.generic]]] = []
    header: dict[str, object]
    try:
        arrays = list({"hdf5": _hdf5, "tf1": _tf1}[reader](Path(path)))
        entries = [
            (name, values.dtype.newbyteorder("<").str, values.shape) for name, values in arrays
        ]
        header = {"arrays": entries}
    except BadInputError as error:
        arrays, header = [], {"error": [[error.given, error.expected, error.remedy]]}
    text = json.dumps(header).encode()
    out.write(struct.pack("<Q", len(text)) + text)
    for _, values in arrays:
        out.write(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    out.flush()
