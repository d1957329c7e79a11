"""The decision network: from FlowNetS' deepest feature to the predicted confidence.

Source: Xu et al., "Dynamic Video Segmentation Network" (CVPR 2018); layer names follow the TF1
variables ``decision/<layer>/...``.
"""

from __future__ import annotations

import keras
from keras import layers

from vssn.models.layout import DECISION_FILTERS, DENSE_UNITS, FEATURE_SHAPE, LEAK

DROPOUT = 0.5


def build_decision(feature_shape: tuple[int, int, int] = FEATURE_SHAPE) -> keras.Model:
    """Build the decision network with random weights.

    Args:
        feature_shape: (h, w, channels) of the flow network's ``feature``.

    Returns:
        Model from (batch, *feature_shape) float32 to the predicted confidence (batch, 1) float32,
        0-100: the agreement of the warped result with a segmentation of the frame.
        Dropout of 0.5 follows the first three dense layers in training.
    """
    feature = keras.Input(feature_shape, name="feature")
    x = layers.Conv2D(DECISION_FILTERS, 3, padding="same", name="Conv")(feature)
    x = layers.LeakyReLU(negative_slope=LEAK, name="Conv_leaky")(x)
    x = layers.Flatten(name="flatten")(x)
    for index, units in enumerate(DENSE_UNITS):
        name = "fully_connected" if index == 0 else f"fully_connected_{index}"
        x = layers.Dense(units, name=name)(x)
        x = layers.LeakyReLU(negative_slope=LEAK, name=f"{name}_leaky")(x)
        if index < len(DENSE_UNITS) - 1:
            x = layers.Dropout(DROPOUT, name=f"{name}_dropout")(x)
    return keras.Model(feature, x, name="decision")
