"""What a run was measured on, for reports."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

from vssn.runtime.processor import usable_cores
from vssn.version import __version__

CPU_INFO = Path("/proc/cpuinfo")
# The libraries that results and times depend on, by the name of their distribution.
LIBRARIES = ("openvino", "tensorflow", "numpy", "opencv-python-headless", "opencv-python", "av")


def describe_machine() -> dict[str, str]:
    """Processor, cores, system, and the versions of Python and of the libraries installed."""
    return {
        "Processor": processor_name(),
        "Cores": core_count(),
        "System": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "Python": platform.python_version(),
        "vssn": __version__,
        **{name: version for name in LIBRARIES if (version := _version(name))},
    }


def processor_name() -> str:
    """The processor's model, as the system calls it."""
    try:
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Hardware") and value.strip():
                return value.strip()
    except OSError:  # no Linux
        pass
    return platform.processor() or platform.machine() or "unknown"


def core_count() -> str:
    """Logical cores, and how many of them this process may use where those are fewer."""
    cores, usable = os.cpu_count() or 1, usable_cores()
    return str(cores) if usable == cores else f"{usable} of {cores}"


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
