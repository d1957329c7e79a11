"""Reading foreign weight files in a short-lived child process with limits.

The HDF5 and TensorFlow libraries can crash, loop or fill the memory on damaged or hostile bytes. In
a child process that ends as one line's error. The child hands back names and plain arrays, which
are checked like any other input.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vssn.errors import CheckpointError
from vssn.json_files import loads

Array = npt.NDArray[np.generic]
Name = tuple[str, ...]

DTYPES = frozenset({"<f4", "<f8", "<f2", "<i4", "<i8", "|b1"})
MAX_HEADER_BYTES = 1 << 24
MAX_RESULT_BYTES = 1 << 30
# The package's own __init__ imports what the child does not need.
CHILD = """
import json, sys, types
sys.path[:] = json.loads(sys.argv[1])
package = types.ModuleType("vssn")
package.__path__ = [sys.argv[2]]
sys.modules["vssn"] = package
from vssn.checkpoints.isolated_child import main
main(sys.argv[3], sys.argv[4])
"""


def _command(reader: str, path: Path) -> list[str]:
    folders = [os.path.abspath(each) for each in sys.path]
    package = Path(__file__).resolve().parents[1]
    options = ("-I", "-S", "-c", CHILD, json.dumps(folders), str(package))
    return [sys.executable, *options, reader, str(path.absolute())]


def _environment() -> dict[str, str]:
    # More threads would need more memory, and reading is no work for them.
    single = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return os.environ | single | quiet


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise EOFError
    return data


def _header(stream: IO[bytes]) -> dict[str, list[list[object]]]:
    (size,) = struct.unpack("<Q", _exactly(stream, 8))
    if size > MAX_HEADER_BYTES:
        raise ValueError("too many names")
    header: Any = loads(_exactly(stream, size))
    if not isinstance(header, dict):
        raise ValueError("a header of another form")
    return header


def _arrays(stream: IO[bytes], entries: list[list[object]]) -> list[tuple[Name, Array]]:
    arrays: list[tuple[Name, Array]] = []
    left = MAX_RESULT_BYTES
    for names, dtype, shape in entries:
        if dtype not in DTYPES or not isinstance(shape, list) or not isinstance(names, list):
            raise ValueError("a child's answer of another form")
        size = np.dtype(str(dtype)).itemsize * math.prod(map(int, shape))
        left -= size
        if size < 0 or left < 0:
            raise ValueError("too many values")
        values = np.frombuffer(_exactly(stream, size), str(dtype)).reshape(shape)
        arrays.append((tuple(map(str, names)), values))
    return arrays


def _refuse(path: Path, what: str) -> CheckpointError:
    return CheckpointError(
        f"weights '{path}' ({what})",
        "an undamaged file of this network",
        "copy or download it again",
    )


def read_isolated(reader: str, path: Path) -> list[tuple[Name, Array]]:
    """Read a weight file in a child process.

    Args:
        reader: "hdf5" or "tf1"; see :mod:`vssn.checkpoints.isolated_child`.
        path: the file or, for "tf1", the prefix.

    Returns:
        Names and arrays, read-only, in the file's order.

    Raises:
        CheckpointError: the reader refuses the file, crashes, or exceeds its memory or time.
    """
    try:
        child = subprocess.Popen(
            _command(reader, path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
    except (OSError, ValueError) as error:
        raise _refuse(path, f"its reader can't be started: {error}") from error
    with child:
        assert child.stdout is not None
        try:
            header = _header(child.stdout)
            if refused := header.get("error"):
                raise CheckpointError(*map(str, refused[0]))
            return _arrays(child.stdout, header["arrays"])
        except (EOFError, ValueError, KeyError, TypeError) as error:
            child.kill()
            code = child.wait()
            what = "damaged: reading it took too long" if code in (-14, -24) else None
            raise _refuse(
                path, what or "damaged: its reader failed or ran out of memory"
            ) from error
        finally:
            child.kill()
