"""The light segmentation network: EfficientNet-Lite with a U-Net decoder.

Sources: Ronneberger et al., "U-Net" (MICCAI 2015) for the skip connections; Zhao et al., "Pyramid
Scene Parsing Network" (CVPR 2017) for the pooled context; Shi et al., "Real-Time Single Image and
Video Super-Resolution" (CVPR 2016) for the head, which predicts 2x2 pixels a cell of stride 4.
"""

from __future__ import annotations

import keras
from keras import layers

from vssn.labels import NUM_OUTPUTS
from vssn.models.efficientnet_lite import efficientnet_lite, unit
from vssn.models.light_layout import (
    CONTEXT_FILTERS,
    DECODER_FILTERS,
    EDGE_FILTERS,
    LITE_MEAN,
    LITE_SCALE,
    LITE_VARIANT,
    PIXELS_PER_CELL,
    POOLED_FILTERS,
)
from vssn.models.resnet50 import Tensor
from vssn.models.segnet import check_input_hw, probabilities_model
from vssn.preprocess import SEGNET_INPUT_HW, SEGNET_MEANS_RGB


def _context(x: Tensor) -> Tensor:
    """(batch, h, w, channels) to (batch, h, w, CONTEXT_FILTERS), informed by the surroundings."""
    wide = layers.AveragePooling2D(5, 1, padding="same", name="context_pool")(x)
    whole = layers.GlobalAveragePooling2D(keepdims=True, name="context_mean")(x)
    whole = unit(whole, "context_whole", POOLED_FILTERS, 1)
    whole = layers.UpSampling2D(tuple(x.shape[1:3]), name="context_spread")(whole)
    branches = [
        unit(x, "context_local", CONTEXT_FILTERS, 1),
        unit(wide, "context_wide", POOLED_FILTERS, 1),
        whole,
    ]
    x = layers.Concatenate(name="context_branches")(branches)
    return unit(x, "context", CONTEXT_FILTERS, 3)


def _logits(x: Tensor) -> Tensor:
    """Depth to space: (batch, h, w, 4c) to (batch, 2h, 2w, c) float32, row by row."""
    _, height, width, channels = x.shape
    classes = channels // PIXELS_PER_CELL
    x = layers.Reshape((height, width, 2, 2, classes), dtype="float32", name="logits_split")(x)
    x = layers.Permute((1, 3, 2, 4, 5), dtype="float32", name="logits_order")(x)
    return layers.Reshape((2 * height, 2 * width, classes), dtype="float32", name="logits")(x)


def build_light(
    input_hw: tuple[int, int] = SEGNET_INPUT_HW,
    n_classes: int = NUM_OUTPUTS,
    variant: int = LITE_VARIANT,
) -> keras.Model:
    """Build the light segmentation network with random weights.

    Args:
        input_hw: height and width of the input in px, multiples of 32.
        n_classes: output channels; for CamVid 12, the last one being void.
        variant: of EfficientNet-Lite: 0, 1 or 2.

    Returns:
        Model from (batch, H, W, 3) float32 RGB, mean-subtracted (see
        :func:`vssn.preprocess.segnet_input`), to softmax probabilities
        (batch, H/2 * W/2, n_classes) float32. The layer "logits" gives
        (batch, H/2, W/2, n_classes) before the softmax.

    Raises:
        BadInputError: a side is not a multiple of 32.
    """
    check_input_hw(input_hw)
    image = keras.Input((*input_hw, 3), name="input_1")
    # The input of every segmentation network is RGB less ImageNet's means.
    offset = ((SEGNET_MEANS_RGB - LITE_MEAN) / LITE_SCALE).tolist()
    scaled = layers.Rescaling(1 / LITE_SCALE, offset, name="scaled")(image)
    half, quarter, eighth, sixteenth, deepest = efficientnet_lite(scaled, variant)
    fine = layers.Concatenate(name="fine")(
        [quarter, unit(half, "edges", EDGE_FILTERS, 3, strides=2)]
    )
    x = _context(deepest)
    for number, skip in enumerate((sixteenth, eighth, fine), start=1):
        x = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{number}")(x)
        x = layers.Concatenate(name=f"skip{number}")([x, skip])
        x = unit(x, f"decoder{number}", DECODER_FILTERS[number - 1], 3)
    x = layers.Conv2D(PIXELS_PER_CELL * n_classes, 3, padding="same", name="head")(x)
    return probabilities_model(image, _logits(x), "light_segmenter")
