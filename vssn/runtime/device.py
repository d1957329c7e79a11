"""What the networks run on: the processor, or a graphics processor where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from vssn.errors import BadInputError, argument
from vssn.networks import Device

CPU = "CPU"
GPU = "GPU"


def choose_device(wanted: Device, available: Sequence[str]) -> str:
    """Choose among what a runtime finds.

    Args:
        wanted: "auto" takes a GPU where there is one.
        available: the devices' names, such as "CPU", "GPU" or "GPU.0".

    Returns:
        One of ``available``, or "CPU".

    Raises:
        BadInputError: a GPU is wanted and there is none.
    """
    gpus = [name for name in available if name.split(".")[0].split(":")[0] == GPU]
    if wanted == "gpu" and not gpus:
        found = ", ".join(available) or "none"
        raise BadInputError(
            f"{argument('device', wanted)} where the runtime finds {found}",
            "a GPU with its driver",
            f"pass {argument('device', 'cpu')}, or install the driver",
        )
    return gpus[0] if gpus and wanted != "cpu" else CPU
