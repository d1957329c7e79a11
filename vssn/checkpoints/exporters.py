"""Writing ResNet50-SegNet in other formats, and running what was written.

Every format is made from the same plain graph, see :mod:`vssn.checkpoints.freeze`. Its input is
called ``input_1``. Packages that not everybody needs are imported inside functions.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from vssn.checkpoints.frozen import INPUT_NAME, OUTPUT_NAME, read_frozen_graph, write_graph_def
from vssn.openvino_core import openvino_core
from vssn.types import Float32Array

OUTPUT_KEY = "probabilities"
SAVED_MODEL_FILE = "saved_model.pb"
Function = Callable[[Float32Array], Float32Array]


@dataclass(frozen=True)
class Exporter:
    """One format.

    Attributes:
        write: writes a ``GraphDef`` to a path that doesn't exist.
        load: reads it again, as a function from (1, H, W, 3) to the probabilities, float32.
        suffix: of the output's name.
        packages: what must be installed, as import names.
        install: the argument of ``pip install`` that does so.
    """

    write: Callable[[Any, Path], None]
    load: Callable[[Path], Function]
    suffix: str
    packages: tuple[str, ...] = ()
    install: str = ""


def _function(graph_def: Any) -> Any:
    def import_graph() -> None:
        tf.graph_util.import_graph_def(graph_def, name="")

    wrapped = tf.compat.v1.wrap_function(import_graph, [])
    return wrapped.prune(f"{INPUT_NAME}:0", f"{OUTPUT_NAME}:0")


def _write_pb(graph_def: Any, path: Path) -> None:
    write_graph_def(path, graph_def)


def _load_pb(path: Path) -> Function:
    graph = read_frozen_graph(path)
    return lambda image: graph.run(image)[0]


def _module(graph_def: Any) -> tuple[tf.Module, Any]:
    """A TensorFlow module that holds the graph, and its function with a named output."""
    module = tf.Module()
    module.graph = _function(graph_def)
    specification = module.graph.inputs[0]
    spec = tf.TensorSpec(specification.shape, specification.dtype, name=INPUT_NAME)
    call = tf.function(lambda image: {OUTPUT_KEY: module.graph(image)}, autograph=False)
    return module, call.get_concrete_function(spec)


def _write_saved_model(graph_def: Any, path: Path) -> None:
    module, function = _module(graph_def)
    tf.saved_model.save(module, str(path), signatures=function)


def _load_saved_model(path: Path) -> Function:
    model = tf.saved_model.load(str(path))
    function = model.signatures["serving_default"]

    def run(image: Float32Array, _model: Any = model) -> Float32Array:  # which must stay alive
        probabilities: Float32Array = function(**{INPUT_NAME: tf.constant(image)})[
            OUTPUT_KEY
        ].numpy()
        return probabilities

    return run


def _write_tflite(graph_def: Any, path: Path) -> None:
    module, function = _module(graph_def)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    path.write_bytes(converter.convert())


def _interpreter(path: Path) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter  # where tf.lite is going to
    except ImportError:
        Interpreter = tf.lite.Interpreter  # noqa: N806
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Interpreter(model_path=str(path))


def _load_tflite(path: Path) -> Function:
    interpreter = _interpreter(path)
    interpreter.allocate_tensors()
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(image: Float32Array) -> Float32Array:
        interpreter.set_tensor(source["index"], image)
        interpreter.invoke()
        probabilities: Float32Array = interpreter.get_tensor(target["index"])
        return probabilities

    return run


def _write_onnx(graph_def: Any, path: Path) -> None:
    import tf2onnx

    tf2onnx.convert.from_graph_def(
        graph_def,
        input_names=[f"{INPUT_NAME}:0"],
        output_names=[f"{OUTPUT_NAME}:0"],
        output_path=str(path),
    )


def _load_onnx(path: Path) -> Function:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: session.run(None, {name: image})[0]


def _write_openvino(graph_def: Any, path: Path) -> None:
    import openvino

    temporary = path.with_suffix(".pb")
    temporary.write_bytes(graph_def.SerializeToString(deterministic=True))
    try:
        model = openvino_core().read_model(temporary)
        openvino.save_model(model, path, compress_to_fp16=False)
    finally:
        temporary.unlink()


def _load_openvino(path: Path) -> Function:
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino_core().compile_model(path, "CPU", options)
    return lambda image: model(image)[0]


EXPORTERS = {
    "pb": Exporter(_write_pb, _load_pb, ".pb"),
    "saved_model": Exporter(_write_saved_model, _load_saved_model, ""),
    "tflite": Exporter(_write_tflite, _load_tflite, ".tflite"),
    "onnx": Exporter(
        _write_onnx, _load_onnx, ".onnx", ("tf2onnx", "onnx", "onnxruntime"), "vssn[onnx]"
    ),
    "openvino": Exporter(_write_openvino, _load_openvino, ".xml", ("openvino",), "openvino"),
}
