"""The segmentation networks that there are, and how to tell one's weights; imports no Keras."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from vssn.models.layout import STAGES, Shape, is_encoder, segnet_batch_norm, segnet_shapes
from vssn.models.light_layout import (
    LITE_STAGES,
    is_light_encoder,
    light_batch_norm,
    light_shapes,
)


@dataclass(frozen=True)
class Architecture:
    """A segmentation network.

    All take (batch, H, W, 3) float32 RGB less :data:`vssn.preprocess.SEGNET_MEANS_RGB`, H and W
    multiples of 32, and give probabilities of 12 classes at half that size.

    Attributes:
        name: its files' stem, and ``model_class`` in their config.
        title: for people.
        option: what a user calls it.
        folder: where its weights are looked for.
        first: its first layer, which no other network has.
        shapes: of its variables, by ``layer/variable``, in order.
        is_encoder: whether a layer, by name, belongs to the encoder.
        batch_norm_of: the name of the batch norm behind a convolution.
        stages: how the names of the layers of each stage of the encoder begin, the stem first.
    """

    name: str
    title: str
    option: str
    folder: str
    first: str
    shapes: Callable[[], dict[str, Shape]]
    is_encoder: Callable[[str], bool]
    batch_norm_of: Callable[[str], str]
    stages: tuple[tuple[str, ...], ...]

    @property
    def config_file(self) -> str:
        """Name of the JSON file with the input size."""
        return f"{self.name}_config.json"


RESNET50_SEGNET = Architecture(
    "resnet50_segnet",
    "ResNet50-SegNet",
    "resnet50_segnet",
    "resnet50_segnet_model",
    "conv1",
    segnet_shapes,
    is_encoder,
    segnet_batch_norm,
    (("conv1", "bn_conv1"), *((f"res{n}", f"bn{n}") for n, _, _ in STAGES)),
)
LIGHT_SEGMENTER = Architecture(
    "light_segmenter",
    "light segmenter",
    "light",
    "light_segmenter_model",
    "stem",
    light_shapes,
    is_light_encoder,
    light_batch_norm,
    (("stem",), *((f"block{n}",) for n in range(1, 1 + len(LITE_STAGES)))),
)
# The first is taken where nothing tells which.
ARCHITECTURES = (RESNET50_SEGNET, LIGHT_SEGMENTER)
ENSEMBLE = "ensemble"  # what a user calls the mean of all of them
SEGMENTER_NAMES = (*(each.option for each in ARCHITECTURES), ENSEMBLE)


# By what a user calls them.
BY_OPTION = {each.option: each for each in ARCHITECTURES}


def architecture_of(layers: Iterable[str]) -> Architecture:
    """The network that layers, or ``layer/variable`` keys, belong to by their names."""
    names = {name.split("/")[0] for name in layers}
    return next((each for each in ARCHITECTURES[1:] if each.first in names), RESNET50_SEGNET)
