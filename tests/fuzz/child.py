"""The process in which readers run: ``python -m fuzz.child``.

It reads a case a line in JSON and answers with a line: what kind of end the reader came to.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import IO, Any

from vssn.errors import VssnError

MEMORY_BYTES = 2 << 30
SECONDS = 10.0  # of the processor
MAX_LINE = 4000


def _status_kib(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def _limit() -> None:
    """Allow so much more memory than what the libraries take; a leak beyond is a MemoryError."""
    limit = (_status_kib("VmSize") << 10) + MEMORY_BYTES + (1 << 29)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of the case


def _unlimit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def refusal_kind(error: VssnError) -> str:
    """Whether an error is one line that a terminal can show."""
    text = str(error)
    return "refused" if text.isprintable() and 0 < len(text) < MAX_LINE else "unclear"


def _end(read: Any, path: Path) -> tuple[str, str]:
    try:
        read(path)
    except VssnError as error:
        return refusal_kind(error), str(error)
    except MemoryError:
        return "memory", traceback.format_exc(limit=-4)
    except BaseException:  # noqa: BLE001 - this is what is looked for
        return "traceback", traceback.format_exc(limit=-4)
    return "accepted", ""


def run_case(read: Any, path: Path) -> tuple[str, str]:
    """The kind of end and its text."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.process_time()
    _limit()
    try:
        kind, text = _end(read, path)
    finally:
        _unlimit()
    seconds = time.process_time() - start
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(_status_kib("VmHWM"), children if children > before else 0) << 10
    if seconds > SECONDS:
        return "hang", f"{seconds:.0f} s of the processor; {text}"
    if peak > MEMORY_BYTES:
        return "memory", f"{peak >> 20} MiB; {text}"
    return kind, text


def serve(table: str, cases: IO[str], answers: IO[str]) -> None:
    """Run cases until there are no more; ``table`` names the readers' module."""
    readers: dict[str, Any] = {}
    for line in cases:
        reader, path = json.loads(line)
        if reader not in readers:
            readers[reader] = importlib.import_module(table).READERS[reader]()
        print("ready", file=answers, flush=True)
        print(json.dumps(run_case(readers[reader], Path(path))), file=answers, flush=True)


def main() -> None:
    """Keep standard output for the answers: libraries write there too."""
    answers, cases = os.fdopen(os.dup(1), "w"), os.fdopen(os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)  # a reader of the standard input has that to itself
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(sys.argv[1], cases, answers)


if __name__ == "__main__":
    main()
