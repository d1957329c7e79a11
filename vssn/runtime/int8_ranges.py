"""The ranges of the eight-bit network: of each tensor, measured on training frames.

They are kept beside the weights as a small JSON file, which names the weights by their digest and
holds its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openvino as ov

from vssn.checkpoints.arrays import Weights
from vssn.checkpoints.folded import weights_digest
from vssn.checkpoints.frozen_weights import OtherNetworkError
from vssn.checkpoints.locate import weights_stem
from vssn.checkpoints.segnet_weights import read_any_segnet
from vssn.errors import BadInputError, CheckpointError
from vssn.files import is_there
from vssn.json_files import read_json, write_json
from vssn.openvino_core import openvino_core
from vssn.preprocess import SEGNET_INPUT_HW
from vssn.runtime.openvino_graph import IMAGE_RANGE
from vssn.runtime.openvino_segmentation import build_segmentation_graph, segmentation_image
from vssn.runtime.processor import byte_weight_limit
from vssn.runtime.quantisation import ACTIVATION_LEVELS, Layers, Ranges
from vssn.types import Float32Array, UInt8Array

logger = logging.getLogger(__name__)

BINS = 2048
SAMPLES = 1 << 16  # values per tensor and frame
CANDIDATES = 100
RANGES_SUFFIX = "_int8.json"
MAX_RANGE = 1e6
LEAST_AGREEMENT = 0.98  # of labels on the small grid
EVALUATION_FRAMES = 8
FIXED = {"image": IMAGE_RANGE}  # bytes are exact
OUTPUT = "logits"


@dataclass
class _Histogram:
    """Magnitudes of a tensor's values up to a limit."""

    limit: float
    signed: bool
    counts: Float32Array = field(default_factory=lambda: np.zeros(BINS, np.float32))

    def add(self, values: Float32Array) -> None:
        flat = values.reshape(-1)
        sample = np.abs(flat[:: max(1, flat.size // SAMPLES)])
        self.counts += np.histogram(sample, BINS, (0, self.limit))[0].astype(np.float32)

    def best_range(self) -> tuple[float, float]:
        """The range of least mean squared error, rounding and clipping together."""
        centres = (np.arange(BINS) + 0.5) * self.limit / BINS
        limits = self.limit * np.arange(1, CANDIDATES + 1) / CANDIDATES
        levels = ACTIVATION_LEVELS / 2 - 1 if self.signed else ACTIVATION_LEVELS - 1
        clipped = np.maximum(centres[np.newaxis] - limits[:, np.newaxis], 0) ** 2
        rounding = (limits / levels) ** 2 / 12 * (self.counts.sum() - self.counts[0])
        limit = float(limits[np.argmin(clipped @ self.counts + rounding)])
        # Eight-bit integers reach one step further down than up.
        return (-limit * (levels + 1) / levels if self.signed else 0.0), limit


def _run(
    tensors: Mapping[str, ov.Node], graph: ov.Model, frames_bgr: Sequence[UInt8Array]
) -> Iterator[tuple[str, Float32Array]]:
    """Every tensor's values for every frame, in float32."""
    height, width = graph.input().shape[1], graph.input().shape[2]
    outputs = ov.Model(list(tensors.values()), graph.get_parameters(), "int8_ranges")
    compiled = openvino_core().compile_model(outputs, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    for frame_bgr in frames_bgr:
        request.infer([segmentation_image(frame_bgr, (height, width))])
        for index, name in enumerate(tensors):
            yield name, request.get_output_tensor(index).data


def calibrate(
    weights: Weights,
    frames_bgr: Sequence[UInt8Array],
    input_hw: tuple[int, int] = SEGNET_INPUT_HW,
) -> dict[str, tuple[float, float]]:
    """Find the range of every tensor that a convolution of ResNet50-SegNet reads.

    Args:
        weights: from :func:`vssn.checkpoints.arrays.read_segnet`.
        frames_bgr: (H, W, 3) uint8 BGR training frames; some forty are enough.
        input_hw: the network's input size in px.

    Returns:
        Lowest and highest value by tensor, of least squared error over rounding and clipping.

    Raises:
        BadInputError: there are no frames.
    """
    if not len(frames_bgr):
        raise BadInputError("no frames for the int8 ranges", "at least one", "give training frames")
    layers = Layers()
    graph = build_segmentation_graph(weights, input_hw, layers)
    tensors = {n: x for n, x in layers.tensors.items() if n not in FIXED and n != OUTPUT}
    limits, signed = dict.fromkeys(tensors, 0.0), dict.fromkeys(tensors, False)
    for name, values in _run(tensors, graph, frames_bgr):
        low, high = float(values.min()), float(values.max())
        limits[name] = max(limits[name], -low, high)
        signed[name] = signed[name] or low < 0
    histograms = {n: _Histogram(max(limits[n], 1e-6), signed[n]) for n in tensors}
    for name, values in _run(tensors, graph, frames_bgr):
        histograms[name].add(values)
    return FIXED | {name: histogram.best_range() for name, histogram in histograms.items()}


def _labels(
    weights: Weights, ranges: Ranges, frames_bgr: Sequence[UInt8Array], input_hw: tuple[int, int]
) -> npt.NDArray[np.intp]:
    graph = build_segmentation_graph(weights, input_hw, Layers(ranges, byte_weight_limit()))
    probabilities = {"probabilities": graph.get_results()[0].input_value(0)}
    return np.stack([np.argmax(values, -1) for _, values in _run(probabilities, graph, frames_bgr)])


def keep_sensitive(
    weights: Weights,
    ranges: Ranges,
    frames_bgr: Sequence[UInt8Array],
    input_hw: tuple[int, int] = SEGNET_INPUT_HW,
    least_agreement: float = LEAST_AGREEMENT,
) -> Ranges:
    """Leave the tensors whose rounding changes most labels in floating point, as many as needed.

    Args:
        weights: from :func:`vssn.checkpoints.arrays.read_segnet`.
        ranges: from :func:`calibrate`.
        frames_bgr: (H, W, 3) uint8 BGR frames to compare labels on; a few are enough.
        input_hw: the network's input size in px.
        least_agreement: share of pixels, 0-1, that keep their float32 label.

    Returns:
        The ranges of the tensors that may be quantised.
    """
    exact = _labels(weights, {}, frames_bgr, input_hw)

    def agreement(some: Ranges) -> float:
        return float(np.mean(_labels(weights, some, frames_bgr, input_hw) == exact))

    kept = dict(ranges)
    if agreement(kept) >= least_agreement:
        return kept
    alone = {name: agreement({name: ranges[name]}) for name in ranges}
    for name in sorted(alone, key=alone.__getitem__):
        logger.info("the tensor '%s' stays in floating point", name)
        del kept[name]
        if agreement(kept) >= least_agreement:
            break
    return kept


def calibrate_weights(path: Path, frames_bgr: Sequence[UInt8Array]) -> Path:
    """Measure the ranges of a weight file and write them beside it.

    Args:
        path: a Keras file or a frozen graph of ResNet50-SegNet.
        frames_bgr: (H, W, 3) uint8 BGR training frames; some forty are enough.

    Returns:
        The JSON file.

    Raises:
        CheckpointError: the weights can't be read, or the ranges not written.
        BadInputError: there are no frames.
    """
    try:
        weights, input_hw = read_any_segnet(path)
    except OtherNetworkError as error:
        raise CheckpointError(
            f"graph '{path}' ({error})", "a ResNet50-SegNet", "give its Keras weights"
        ) from error
    ranges = calibrate(weights, frames_bgr, input_hw)
    kept = keep_sensitive(weights, ranges, frames_bgr[:EVALUATION_FRAMES], input_hw)
    return write_ranges(path, kept, weights_digest(weights))


def ranges_path(weights: Path) -> Path:
    """Where the ranges for a weight file are kept: beside it."""
    return weights.with_name(weights_stem(weights) + RANGES_SUFFIX)


@dataclass(frozen=True)
class _RangesFile:
    """The file's fields."""

    weights_sha256: str
    ranges: dict[str, tuple[float, float]]

    def __post_init__(self) -> None:
        for name, (low, high) in self.ranges.items():
            if not -MAX_RANGE <= low < high <= MAX_RANGE:
                raise ValueError(f"the range of '{name}' is {low:g} to {high:g}")


def write_ranges(weights: Path, ranges: Ranges, weights_sha256: str) -> Path:
    """Write the ranges beside the weights they were measured with, atomically.

    Args:
        weights: the .h5, .keras or .pb file.
        ranges: from :func:`calibrate`; a tensor left out stays in floating point.
        weights_sha256: from :func:`vssn.checkpoints.folded.weights_digest`.

    Returns:
        The JSON file, which holds its own checksum.

    Raises:
        CheckpointError: it can't be written.
    """
    rounded = {name: [float(f"{limit:.6g}") for limit in both] for name, both in ranges.items()}
    content = {"weights_sha256": weights_sha256, "ranges": rounded}
    write_json(ranges_path(weights), content, "ranges", CheckpointError, checked=True)
    return ranges_path(weights)


def read_ranges(weights: Path, weights_sha256: str) -> Ranges | None:
    """Read the ranges that belong to a weight file.

    Args:
        weights: the file.
        weights_sha256: from :func:`vssn.checkpoints.folded.weights_digest`.

    Returns:
        They, or None where there are none, or only those of other weights.

    Raises:
        CheckpointError: the file is damaged or was changed.
    """
    path = ranges_path(weights)
    if not is_there(path):
        return None
    remedy = "run vssn calibrate again, or delete the file"
    content = read_json(path, _RangesFile, "ranges", CheckpointError, remedy, checked=True)
    if content.weights_sha256 != weights_sha256:
        logger.warning("'%s' belongs to other weights than '%s'; not used", path, weights)
        return None
    return content.ranges
