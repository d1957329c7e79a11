"""Which device is taken, given stand-ins for what a runtime finds."""

from __future__ import annotations

import pytest

from vssn.errors import BadInputError
from vssn.runtime.device import choose_device
from vssn.runtime.openvino_networks import OpenVINOLoader, choose_precision


@pytest.mark.parametrize(
    ("wanted", "available", "expected"),
    [
        ("auto", ["CPU"], "CPU"),
        ("auto", ["CPU", "GPU"], "GPU"),
        ("auto", ["CPU", "GPU.0", "GPU.1"], "GPU.0"),
        ("auto", ["CPU", "NPU"], "CPU"),
        ("auto", ["GPU:0"], "GPU:0"),  # TensorFlow's name
        ("auto", [], "CPU"),
        ("cpu", ["CPU", "GPU"], "CPU"),
        ("gpu", ["CPU", "GPU"], "GPU"),
    ],
)
def test_a_gpu_is_taken_where_there_is_one(
    wanted: str, available: list[str], expected: str
) -> None:
    assert choose_device(wanted, available) == expected


def test_a_gpu_that_is_not_there_is_refused_in_one_line() -> None:
    with pytest.raises(BadInputError) as refused:
        choose_device("gpu", ["CPU", "NPU"])
    assert "device='gpu'" in str(refused.value)
    assert "CPU, NPU" in str(refused.value)


def test_the_runtime_says_which_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    class StandIn:
        available_devices = ("CPU", "GPU")

        def get_property(self, device: str, name: str) -> list[str]:
            assert (device, name) == ("GPU", "OPTIMIZATION_CAPABILITIES")
            return ["FP32", "FP16", "INT8"]

    monkeypatch.setattr("vssn.runtime.openvino_networks.openvino_core", StandIn)
    assert OpenVINOLoader().name.endswith("on GPU")
    assert choose_precision("auto", ["FP32", "FP16", "INT8"], has_ranges=False) == "bf16"
