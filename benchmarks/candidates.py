"""The candidates: the plain Keras model, and each runtime and precision that runs here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vssn.errors import BadInputError
from vssn.networks import RuntimeOptions
from vssn.preprocess import VSSN_CONVENTIONS
from vssn.runtime.load import Networks, WeightPaths, load_networks
from vssn.runtime.startup import start_tensorflow

BASELINE = "Keras `tf.function` f32"
RUNTIMES = {
    "TensorFlow frozen f32": RuntimeOptions("tensorflow", "f32"),
    "OpenVINO f32": RuntimeOptions("openvino", "f32"),
    "OpenVINO bf16": RuntimeOptions("openvino", "bf16"),
    "OpenVINO int8": RuntimeOptions("openvino", "int8"),
}
ONE_THREAD = {"OpenVINO int8, 1 thread": RuntimeOptions("openvino", "int8", threads=1)}


def plain_keras(paths: WeightPaths) -> Networks:
    """The networks as any Keras user would run them: a ``tf.function`` of the model as built."""
    start_tensorflow()
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # one lambda for three models looks like retracing to it
    from vssn.runtime import tensorflow as runtime

    def call(model: object) -> Callable[..., list[object]]:
        step = tf.function(lambda *x: model(x[0] if len(x) == 1 else list(x), training=False))

        def run(*inputs: object) -> list[object]:
            outputs = step(*inputs)
            return list(outputs) if isinstance(outputs, list | tuple) else [outputs]

        return run

    frozen, runtime.freeze = runtime.freeze, call
    try:
        loader = runtime.TensorFlowLoader()
        return Networks(
            loader.segmentation(paths.segnet),
            loader.flow(paths.flownets),
            loader.decision(paths.decision),
            BASELINE,
        )
    finally:
        runtime.freeze = frozen


def candidates(
    paths: WeightPaths, runtimes: dict[str, RuntimeOptions]
) -> Iterator[tuple[str, Networks]]:
    """The runtimes' networks, except those that this processor can't run."""
    for name, options in runtimes.items():
        try:
            yield name, load_networks(paths, VSSN_CONVENTIONS, options)
        except BadInputError as error:
            print(f"left out: {name} ({error})")
