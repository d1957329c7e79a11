"""The machine is told as far as the system tells it."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from vssn.evaluation import machine


def test_what_results_depend_on_is_told() -> None:
    described = machine.describe_machine()
    assert described["Python"] == platform.python_version()
    assert {"Processor", "Cores", "System", "vssn", "numpy", "openvino"} <= set(described)
    assert all(described.values())


def test_the_processor_is_named_without_proc_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")
    assert machine.processor_name()
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: A Quick One\n")
    assert machine.processor_name() == "A Quick One"
