"""ResNet50-SegNet: the network that segments key frames.

Source: image-segmentation-keras, ``model_class`` "resnet50_segnet", encoder level 3.
"""

from __future__ import annotations

import keras
from keras import layers

from vssn.errors import BadInputError
from vssn.labels import NUM_OUTPUTS
from vssn.models.layout import DECODER_FILTERS, SIZE_MULTIPLE
from vssn.models.resnet50 import Tensor, batch_norm, resnet50_stage4
from vssn.preprocess import SEGNET_INPUT_HW


def check_input_hw(input_hw: tuple[int, int]) -> None:
    """Refuse an input size that the decoder can't restore, and propose the nearest one.

    Raises:
        BadInputError: a side is not a positive multiple of 32.
    """
    if all(side > 0 and side % SIZE_MULTIPLE == 0 for side in input_hw):
        return
    near = [max(1, round(side / SIZE_MULTIPLE)) * SIZE_MULTIPLE for side in input_hw]
    raise BadInputError(
        f"input size {input_hw[0]}x{input_hw[1]} (height x width)",
        f"multiples of {SIZE_MULTIPLE}",
        f"use {near[0]}x{near[1]}",
    )


def _decoder(x: Tensor, n_classes: int) -> Tensor:
    """SegNet decoder without activations; (batch, h, w, 1024) -> (batch, 8h, 8w, n_classes)."""
    # The original left these layers unnamed; these are Keras 2's automatic names, so that its
    # ``load_weights(by_name=True)`` finds them too.
    for number, filters in enumerate(DECODER_FILTERS, start=1):
        if number > 1:
            x = layers.UpSampling2D(2, name=f"up_sampling2d_{number - 1}")(x)
        x = layers.ZeroPadding2D(1, name=f"zero_padding2d_{number + 1}")(x)
        x = layers.Conv2D(filters, 3, name=f"conv2d_{number}")(x)
        x = batch_norm(f"batch_normalization_{number}")(x)
    last = len(DECODER_FILTERS) + 1
    return layers.Conv2D(n_classes, 3, padding="same", name=f"conv2d_{last}")(x)


def probabilities_model(image: Tensor, logits: Tensor, name: str) -> keras.Model:
    """The model from ``image`` to the softmax of ``logits``, (batch, h, w, n) to (batch, h * w, n).

    In float32, which keeps the softmax exact when the body runs in bfloat16.
    """
    flat = layers.Reshape((-1, logits.shape[-1]), dtype="float32", name="reshape")(logits)
    probabilities = layers.Softmax(dtype="float32", name="softmax")(flat)
    return keras.Model(image, probabilities, name=name)


def build_segnet(
    input_hw: tuple[int, int] = SEGNET_INPUT_HW, n_classes: int = NUM_OUTPUTS
) -> keras.Model:
    """Build ResNet50-SegNet with random weights.

    Args:
        input_hw: height and width of the input in px, multiples of 32.
        n_classes: output channels; for CamVid 12, the last one being void.

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
    x = _decoder(resnet50_stage4(image), n_classes)
    logits = layers.Activation("linear", dtype="float32", name="logits")(x)
    return probabilities_model(image, logits, "resnet50_segnet")
