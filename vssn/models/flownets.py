"""Thin FlowNetS with DVSNet's extra ``scale`` output.

Sources: Dosovitskiy et al., "FlowNet" (ICCV 2015); Xu et al., "Dynamic Video Segmentation
Network" (CVPR 2018). Layer names follow the TF1 variables ``FlowNets/<layer>/...``.
"""

from __future__ import annotations

import keras
from keras import layers

from vssn.models.layout import ENCODER, FLOW_UNIT, LEAK, REFINEMENT, SCALE_CLASSES
from vssn.models.resnet50 import Tensor
from vssn.preprocess import FLOW_INPUT_HW


def _conv(x: Tensor, name: str, filters: int, kernel: int, stride: int = 1) -> Tensor:
    x = layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    x = layers.Conv2D(filters, kernel, strides=stride, name=name)(x)
    return layers.LeakyReLU(negative_slope=LEAK, name=f"{name}_leaky")(x)


def _predict(x: Tensor, name: str, filters: int) -> Tensor:
    return layers.Conv2D(filters, 3, padding="same", name=name)(x)


def _upsample_to(x: Tensor, skip: Tensor, name: str, filters: int) -> Tensor:
    """4x4/2 deconvolution without bias, cropped at the start to the size of ``skip``."""
    x = layers.Conv2DTranspose(filters, 4, strides=2, use_bias=False, name=name)(x)
    height, width = skip.shape[1], skip.shape[2]
    return x[:, 1 : 1 + height, 1 : 1 + width, :]


def _encoder(pair: Tensor) -> dict[str, Tensor]:
    features = {}
    x = pair
    for name, filters, kernel, stride in ENCODER:
        x = features[name] = _conv(x, name, filters, kernel, stride)
    return features


def _refinement(features: dict[str, Tensor]) -> Tensor:
    """Coarse-to-fine refinement; returns the level-2 features that flow and scale read."""
    x = features["conv6_1"]
    flow = _predict(x, "predict_flow6", 2)
    for level, skip_name, filters in REFINEMENT:
        skip = features[skip_name]
        up = _upsample_to(x, skip, f"deconv{level}", filters)
        up = layers.LeakyReLU(negative_slope=LEAK, name=f"deconv{level}_leaky")(up)
        flow_up = _upsample_to(flow, skip, f"upsample_flow{level + 1}to{level}", 2)
        x = layers.Concatenate(name=f"concat{level}")([skip, up, flow_up])
        if level > 2:
            flow = _predict(x, f"predict_flow{level}", 2)
    return x


def build_flownets(input_hw: tuple[int, int] = FLOW_INPUT_HW) -> keras.Model:
    """Build thin FlowNetS with random weights.

    Args:
        input_hw: height and width of both frames in px; any size of 64 px or more.

    Returns:
        Model from ``concat(current, key)``, (batch, H, W, 6) float32 RGB in [0, 1], to a dict
        of float32 arrays, with h, w = ceil(H/4), ceil(W/4):
        ``flow`` (batch, h, w, 2), (dx, dy) in cells of that grid, from the current frame back
        to the key frame; ``scale`` (batch, h, w, 19), a factor per Cityscapes class;
        ``feature`` (batch, ceil(H/64), ceil(W/64), 384), the decision network's input.
    """
    pair = keras.Input((*input_hw, 6), name="current_and_key")
    features = _encoder(pair)
    x = _refinement(features)
    flow2 = _predict(x, "predict_flow2", 2)
    flow = layers.Rescaling(FLOW_UNIT, dtype="float32", name="flow")(flow2)
    scale = layers.Conv2D(
        SCALE_CLASSES,
        3,
        padding="same",
        kernel_initializer="zeros",  # an untrained scale is one
        bias_initializer="ones",
        name="predict_scale",
    )(x)
    scale = layers.Activation("linear", dtype="float32", name="scale")(scale)
    feature = layers.Activation("linear", dtype="float32", name="feature")(features["conv6_1"])
    return keras.Model(pair, {"flow": flow, "scale": scale, "feature": feature}, name="FlowNets")


def refinement_features(model: keras.Model) -> list[Tensor]:
    """The encoder's outputs that the refinement reads, fine to coarse, ``feature`` last.

    Args:
        model: from :func:`build_flownets`.
    """
    names = [skip for _, skip, _ in reversed(REFINEMENT)] + ["conv6_1"]
    return [model.get_layer(f"{name}_leaky").output for name in names]
