"""The processor: its abilities that decide about a precision, and its cores."""

from __future__ import annotations

import os
from pathlib import Path

from vssn.openvino_core import openvino_core

CPU_FLAGS = Path("/proc/cpuinfo")
# With one of these, products of bytes are added up in 32 bits.
BYTE_PRODUCTS = frozenset({"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"})
# With this alone, two products are first added up in 16 bits, where they overflow.
SHORT_BYTE_PRODUCTS = "avx2"
FULL_LIMIT = 127
HALF_LIMIT = 64  # 2 * 255 * 64 still fits into 16 bits


def _flags() -> frozenset[str]:
    try:
        return frozenset(CPU_FLAGS.read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return frozenset()


def multiplies_bytes() -> bool:
    """Whether eight-bit networks are fast here; False where that is unknown."""
    return not _flags().isdisjoint(BYTE_PRODUCTS | {SHORT_BYTE_PRODUCTS})


def byte_weight_limit() -> int:
    """The largest eight-bit weight whose products with bytes are added up without overflow.

    Measured without VNNI, half of the range costs fewer labels than the overflow that it avoids.
    """
    return FULL_LIMIT if not _flags().isdisjoint(BYTE_PRODUCTS) else HALF_LIMIT


def computes_bfloat16() -> bool:
    """Whether the processor computes in bfloat16; emulation is ten times slower."""
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def usable_cores() -> int:
    """How many logical cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # Linux only
    return len(affinity(0)) if affinity else os.cpu_count() or 1
