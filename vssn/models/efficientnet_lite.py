"""EfficientNet-Lite without its classifier, the encoder of the light segmentation network.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks"
(ICML 2019), in TensorFlow's Lite variants: ReLU6, no squeeze-and-excitation, a stem that does not
grow. Convolutions have no biases and TensorFlow's "SAME" padding.
"""

from __future__ import annotations

from keras import layers

from vssn.models.light_layout import (
    LITE_VARIANT,
    SKIP_STAGES,
    STEM_FILTERS,
    LiteBlock,
    lite_blocks,
)
from vssn.models.resnet50 import Tensor, batch_norm


def normalised(x: Tensor, name: str, activated: bool = True) -> Tensor:
    """Batch norm of the convolution ``name``, and ReLU6."""
    x = batch_norm(f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activated else x


def unit(
    x: Tensor, name: str, filters: int, size: int, strides: int = 1, activated: bool = True
) -> Tensor:
    """Convolution without bias, batch norm, and ReLU6 where ``activated``."""
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, name=name)(x)
    return normalised(x, name, activated)


def _block(x: Tensor, block: LiteBlock) -> Tensor:
    y = unit(x, f"{block.name}_expand", block.expanded, 1) if block.expands else x
    name = f"{block.name}_depthwise"
    y = layers.DepthwiseConv2D(
        block.kernel, block.stride, padding="same", use_bias=False, name=name
    )(y)
    y = normalised(y, name)
    y = unit(y, f"{block.name}_project", block.outputs, 1, activated=False)
    return layers.Add(name=f"{block.name}_add")([y, x]) if block.has_shortcut else y


def efficientnet_lite(image: Tensor, variant: int = LITE_VARIANT) -> tuple[Tensor, ...]:
    """Connect the encoder to ``image``.

    Args:
        image: (batch, H, W, 3) float, (RGB - 127) / 128, H and W multiples of 32.
        variant: 0, 1 or 2.

    Returns:
        Features at strides 2, 4, 8, 16 and 32, each (batch, H/stride, W/stride, channels).
    """
    x = unit(image, "stem", STEM_FILTERS, 3, strides=2)
    last = {}
    for block in lite_blocks(variant):
        x = _block(x, block)
        last[block.stage] = x
    return tuple(last[stage] for stage in SKIP_STAGES)
