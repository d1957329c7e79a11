"""What is read off the processor's flags, and what follows for weights in eight bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vssn.runtime import processor
from vssn.runtime.folding import ConvWeights
from vssn.runtime.quantisation import Layers


@pytest.mark.parametrize(
    ("flags", "multiplies", "limit"),
    [
        ("fpu sse", False, 64),
        ("fpu sse avx2", True, 64),
        ("fpu avx2 avx_vnni", True, 127),
        ("fp asimd asimddp", True, 127),
    ],
)
def test_flags_tell_how_bytes_are_multiplied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, flags: str, multiplies: bool, limit: int
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {flags}\n")
    monkeypatch.setattr(processor, "CPU_FLAGS", tmp_path / "cpuinfo")
    assert processor.multiplies_bytes() is multiplies
    assert processor.byte_weight_limit() == limit


def test_an_unknown_processor_is_trusted_with_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(processor, "CPU_FLAGS", tmp_path / "missing")
    assert not processor.multiplies_bytes()
    assert processor.byte_weight_limit() == 64


def test_half_the_range_keeps_two_products_within_sixteen_bits() -> None:
    """The largest byte times the largest weight, twice."""
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 8)).astype(np.float32)
    layers = Layers({"x": (0.0, 1.0)}, processor.HALF_LIMIT)
    x = layers.named("x", _parameter())
    weights = layers.convolution(x, "x", ConvWeights(kernel, np.zeros(8, np.float32)))
    constants = [
        node.get_data()
        for node in _ancestors(weights)
        if node.get_type_name() == "Constant" and node.get_element_type().get_type_name() == "i8"
    ]
    (steps,) = constants
    assert np.abs(steps.astype(int)).max() == 64
    assert 2 * 255 * int(np.abs(steps.astype(int)).max()) < 2**15


def _parameter() -> object:
    import openvino.opset13 as ops

    return ops.parameter([1, 4, 8, 8], np.float32).output(0)


def _ancestors(node: object) -> list[object]:
    found, waiting = [], [node]
    while waiting:
        node = waiting.pop()
        found.append(node)
        waiting += [value.get_node() for value in node.input_values()]
    return found
