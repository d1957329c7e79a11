"""Freezing ResNet50-SegNet: a plain graph of constants, its batch norms folded.

The graph is written down operation by operation, as Keras 2 froze it: what TensorFlow 2 makes of
a Keras 3 model is three times as many operations, some of which TensorFlow 1 doesn't have.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from vssn.checkpoints.folded import convolutions, fold
from vssn.checkpoints.frozen import INPUT_NAME, OUTPUT_NAME, write_graph_def
from vssn.checkpoints.segnet_weights import model_weights
from vssn.types import Float32Array


def folded_weights(model: keras.Model) -> dict[str, tuple[Float32Array, Float32Array]]:
    """Kernel and bias of each convolution, with the batch norm behind it folded in.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`, in any precision.

    Returns:
        Float32 arrays by the convolution's layer name, computed in float64.
    """
    weights = model_weights(model)
    return {name: fold(weights, name) for name in convolutions(weights)}


def _convolve(layer: keras.layers.Conv2D, x: Any, kernel: Float32Array, bias: Float32Array) -> Any:
    with tf.name_scope(layer.name):
        x = tf.nn.conv2d(
            x, tf.constant(kernel, name="kernel"), layer.strides, layer.padding.upper()
        )
        return tf.nn.bias_add(x, tf.constant(bias, name="bias"), name="BiasAdd")


def _softmax(x: Any) -> Any:
    """Keras 2's softmax, a real division, since the original's scripts look for its name."""
    scope, name = OUTPUT_NAME.split("/")
    with tf.name_scope(scope):
        exponents = tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))
        return tf.divide(exponents, tf.reduce_sum(exponents, axis=-1, keepdims=True), name=name)


def _operation(layer: keras.layers.Layer, inputs: list[Any]) -> Any:
    """The layer's operation, without those that have weights."""
    x, name = inputs[0], layer.name
    match layer:
        case keras.layers.ZeroPadding2D():
            return tf.pad(x, [[0, 0], *layer.padding, [0, 0]], name=name)
        case keras.layers.MaxPooling2D():
            return tf.nn.max_pool2d(
                x, layer.pool_size, layer.strides, layer.padding.upper(), name=name
            )
        case keras.layers.UpSampling2D():
            size = [side * factor for side, factor in zip(x.shape[1:3], layer.size, strict=True)]
            return tf.raw_ops.ResizeNearestNeighbor(images=x, size=size, name=name)
        case keras.layers.ReLU():
            return tf.nn.relu(x, name=name)
        case keras.layers.Add():
            return tf.raw_ops.Add(x=x, y=inputs[1], name=name)
        case keras.layers.Reshape():
            return tf.reshape(x, (-1, *layer.output.shape[1:]), name=name)
        case keras.layers.Softmax():
            return _softmax(x)
        case keras.layers.BatchNormalization() | keras.layers.Activation():
            return x  # folded, or linear
    raise ValueError(f"layer '{name}' is no part of ResNet50-SegNet")


def _connect(model: keras.Model, weights: dict[str, tuple[Float32Array, Float32Array]]) -> None:
    """Write the model's operations into the current graph."""
    shape = (None, *model.input_shape[1:])
    tensors = {
        id(model.input): tf.raw_ops.Placeholder(dtype=tf.float32, shape=shape, name=INPUT_NAME)
    }
    for layer in model.layers[1:]:  # behind the input layer
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        inputs = [tensors[id(each)] for each in given]
        tensors[id(layer.output)] = (
            _convolve(layer, inputs[0], *weights[layer.name])
            if layer.name in weights
            else _operation(layer, inputs)
        )


def frozen_graph_def(model: keras.Model) -> Any:
    """``model`` in float32 for inference, as a ``GraphDef`` of constants.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`.

    Returns:
        The graph; its input is ``input_1:0``, (batch, H, W, 3) float32 RGB mean-subtracted, its
        output ``activation_49/truediv:0``, (batch, H/2 * W/2, 12) probabilities.
    """
    weights = folded_weights(model)  # in front of the graph, inside which variables have no value
    graph = tf.Graph()
    with graph.as_default():
        _connect(model, weights)
    graph_def = graph.as_graph_def()
    for node in graph_def.node:
        # TensorFlow 1.14 doesn't know this attribute on every operation, and refuses it.
        if "explicit_paddings" in node.attr and not node.attr["explicit_paddings"].list.i:
            del node.attr["explicit_paddings"]
    return graph_def


def write_frozen_graph(model: keras.Model, path: Path) -> None:
    """Freeze ``model`` and write it, atomically and with a checksum beside it.

    Args:
        model: from :func:`vssn.models.segnet.build_segnet`.
        path: the .pb file; see :func:`frozen_graph_def`.

    Raises:
        CheckpointError: the file can't be written.
    """
    write_graph_def(path, frozen_graph_def(model))
