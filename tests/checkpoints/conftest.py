"""Networks with made weights, built once: they take seconds each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from made_weights import SEGNET_HW, clear, fill

if TYPE_CHECKING:
    import keras


@pytest.fixture(scope="session")
def segnet() -> keras.Model:
    """ResNet50-SegNet whose weights no test changes."""
    from vssn.models.segnet import build_segnet

    return fill(build_segnet(SEGNET_HW), seed=1)


@pytest.fixture(scope="session")
def _spare_segnet() -> keras.Model:
    from vssn.models.segnet import build_segnet

    return build_segnet(SEGNET_HW)


@pytest.fixture
def empty_segnet(_spare_segnet: keras.Model) -> keras.Model:
    """ResNet50-SegNet to load into; all weights are 0."""
    return clear(_spare_segnet)


@pytest.fixture(scope="session")
def segnet_image() -> np.ndarray:
    """An input of the segmentation network, (1, 64, 96, 3) float32."""
    return np.random.default_rng(2).uniform(-120, 140, (1, *SEGNET_HW, 3)).astype(np.float32)


@pytest.fixture(scope="session")
def segnet_probabilities(segnet: keras.Model, segnet_image: np.ndarray) -> np.ndarray:
    """What ``segnet`` makes of ``segnet_image``."""
    return segnet(segnet_image, training=False).numpy()
