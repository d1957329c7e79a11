"""ResNet-50 v1 up to the end of stage 4, the encoder of ResNet50-SegNet.

Source: He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), in the variant of
image-segmentation-keras: the stride sits in the first 1x1 convolution of a stage, convolutions
have biases, the max pool has no padding. The layer names are the checkpoint contract.
"""

from __future__ import annotations

from typing import Any

from keras import layers

from vssn.models.layout import BATCH_NORM_EPSILON, STAGES

Tensor = Any  # a Keras symbolic tensor; Keras itself ships no type for it


def batch_norm(name: str) -> layers.Layer:
    """Batch normalisation as the shipped weights expect it (epsilon 1e-3)."""
    return layers.BatchNormalization(epsilon=BATCH_NORM_EPSILON, name=name)


def _bottleneck(x: Tensor, stage: int, block: str, filters: tuple[int, int, int]) -> Tensor:
    """One residual block; block "a" projects its shortcut and, after stage 2, strides by 2."""
    first = block == "a"
    strides = 2 if first and stage > 2 else 1
    tail = f"{stage}{block}_branch"
    shortcut = x
    if first:
        shortcut = layers.Conv2D(filters[2], 1, strides=strides, name=f"res{tail}1")(x)
        shortcut = batch_norm(f"bn{tail}1")(shortcut)
    x = layers.Conv2D(filters[0], 1, strides=strides, name=f"res{tail}2a")(x)
    x = layers.ReLU(name=f"relu{tail}2a")(batch_norm(f"bn{tail}2a")(x))
    x = layers.Conv2D(filters[1], 3, padding="same", name=f"res{tail}2b")(x)
    x = layers.ReLU(name=f"relu{tail}2b")(batch_norm(f"bn{tail}2b")(x))
    x = layers.Conv2D(filters[2], 1, name=f"res{tail}2c")(x)
    x = layers.Add(name=f"add{stage}{block}")([batch_norm(f"bn{tail}2c")(x), shortcut])
    return layers.ReLU(name=f"relu{stage}{block}")(x)


def resnet50_stage4(image: Tensor) -> Tensor:
    """Connect the encoder to ``image``.

    Args:
        image: (batch, H, W, 3) float, H and W multiples of 32.

    Returns:
        (batch, H/16, W/16, 1024) features of the last block of stage 4.
    """
    x = layers.ZeroPadding2D(3, name="conv1_pad")(image)
    x = layers.Conv2D(64, 7, strides=2, name="conv1")(x)
    x = layers.ReLU(name="conv1_relu")(batch_norm("bn_conv1")(x))
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, filters, blocks in STAGES:
        for block in blocks:
            x = _bottleneck(x, stage, block, filters)
    return x
