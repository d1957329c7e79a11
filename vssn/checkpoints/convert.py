"""From Keras weights to other formats, with a proof that the outputs agree."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from vssn.checkpoints.exporters import EXPORTERS, SAVED_MODEL_FILE, Exporter, Function
from vssn.checkpoints.freeze import frozen_graph_def
from vssn.checkpoints.segnet_weights import load_segnet
from vssn.errors import BadInputError, CheckpointError
from vssn.files import (
    file_lock,
    is_dir,
    is_file,
    make_directory,
    temporary_files_beside,
    temporary_folder,
    writing,
)
from vssn.preprocess import segnet_input
from vssn.types import UInt8Array

TOLERANCE = 1e-4


@dataclass(frozen=True)
class ConversionReport:
    """What was written, and how far it is from the Keras model.

    Attributes:
        path: the file or, for a SavedModel, the folder.
        frames: number of frames compared.
        largest_difference: of any class' probability at any position.
    """

    path: Path
    frames: int
    largest_difference: float


def convert(
    model_weights: Path,
    config: Path | None,
    output: Path,
    fmt: str,
    frames_bgr: Iterable[UInt8Array],
) -> ConversionReport:
    """Convert ResNet50-SegNet; the output takes its name only after it proved to agree.

    Args:
        model_weights: see :func:`vssn.checkpoints.hdf5.read_layer_weights`.
        config: ``resnet50_segnet_config.json``; None for the one beside the weights, or else an
            input of 416x608.
        output: file to write; for "saved_model" a folder, for "openvino" the .xml beside which
            the .bin goes.
        fmt: "pb", "saved_model", "tflite", "onnx" or "openvino".
        frames_bgr: (H, W, 3) uint8 BGR frames of any size to compare the outputs on.

    Raises:
        BadInputError: another format, no frames, or an output that isn't ours to replace.
        CheckpointError: weights or config are wrong, a package is missing, or the written file
            differs by more than 1e-4 (then nothing is left).
    """
    exporter = _checked_exporter(fmt, output)
    frames = list(frames_bgr)
    if not frames:
        raise BadInputError("no frames", "at least one to compare the outputs on", "give some")
    model = load_segnet(model_weights, config)
    make_directory(output.parent)
    with (
        file_lock(output),
        writing(output, "output", CheckpointError),
        temporary_folder(output) as folder,
        temporary_files_beside(output),  # TensorFlow's own code writes some
    ):
        temporary = folder / output.name
        exporter.write(frozen_graph_def(model), temporary)
        report = _compare(model, exporter.load(temporary), frames, output)
        _move_all(folder, output)
    return report


def _checked_exporter(fmt: str, output: Path) -> Exporter:
    """Whatever can be refused before the work starts."""
    exporter = EXPORTERS.get(fmt)
    if exporter is None:
        raise BadInputError(f"format '{fmt}'", f"one of {', '.join(EXPORTERS)}", "choose one")
    for package in exporter.packages:
        if importlib.util.find_spec(package) is None:
            raise CheckpointError(
                f"format '{fmt}'", f"the package '{package}'", f"pip install '{exporter.install}'"
            )
    if output.suffix != exporter.suffix:
        expected = f"a name that ends in '{exporter.suffix}'" if exporter.suffix else "a folder"
        raise BadInputError(f"output '{output}' for format '{fmt}'", expected, "rename it")
    ours = is_file(output / SAVED_MODEL_FILE)
    strange = is_dir(output) and any(output.iterdir()) and not ours
    if strange or (is_dir(output) and exporter.suffix):
        raise BadInputError(
            f"output '{output}', a folder of other files", "a new name", "choose another one"
        )
    return exporter


def _compare(
    model: keras.Model, run: Function, frames_bgr: Iterable[UInt8Array], output: Path
) -> ConversionReport:
    differences = []
    for frame_bgr in frames_bgr:
        image = segnet_input(frame_bgr, model.input_shape[1:3])
        expected = model(image, training=False).numpy()
        differences.append(float(np.abs(np.reshape(run(image), expected.shape) - expected).max()))
    # Not "largest > TOLERANCE": that would let NaN pass.
    if not all(difference <= TOLERANCE for difference in differences):
        raise CheckpointError(
            f"output '{output}' (differs by {max(differences):.2g} from the Keras model)",
            f"at most {TOLERANCE:g}",
            "report this, with the versions of the packages; nothing was written",
        )
    return ConversionReport(output, len(differences), max(differences))


def _move_all(folder: Path, output: Path) -> None:
    """Move what was written into place, the output itself last: it is there when all of it is."""
    companions = [path for path in folder.iterdir() if path.name != output.name]
    with temporary_folder(output) as old:
        # Nothing can replace a folder in one step, nor a file together with its companions.
        if is_dir(output) or (companions and is_file(output)):
            os.replace(output, old / output.name)
        try:
            for written in (*companions, folder / output.name):
                os.replace(written, output.parent / written.name)
        except BaseException:
            if not output.exists() and (old / output.name).exists():
                os.replace(old / output.name, output)
            raise
