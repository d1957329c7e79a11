"""``vssn convert``: Keras weights to a frozen graph or another format, proved equal."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import add_quiet_argument

if TYPE_CHECKING:
    from vssn.types import UInt8Array

# The suffix that tells each format's file; a SavedModel is a folder.
SUFFIXES = {
    "pb": ".pb",
    "saved_model": "_saved_model",
    "tflite": ".tflite",
    "onnx": ".onnx",
    "openvino": ".xml",
}
PROOF_FRAMES = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare input, output and format; without any the original's conversion is done."""
    parser.add_argument(
        "--input",
        metavar="PATH",
        help="Keras weights or their folder (default: resnet50_segnet_model)",
    )
    parser.add_argument(
        "--config", type=Path, help="resnet50_segnet_config.json (default: the one beside --input)"
    )
    parser.add_argument(
        "--output", type=Path, help="file or folder to write (default: beside --input)"
    )
    parser.add_argument(
        "--format", choices=list(SUFFIXES), default="pb", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--frames",
        type=Path,
        metavar="PATH",
        help=f"video or folder of images whose first {PROOF_FRAMES} frames prove that the outputs "
        "agree (default: the demo clip, else a photograph that comes with matplotlib)",
    )
    add_quiet_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Convert and print how far the outputs are apart."""
    from vssn.checkpoints.locate import KERAS_SUFFIXES, locate_segnet, weights_stem
    from vssn.runtime.startup import start_tensorflow

    weights = locate_segnet(args.input, KERAS_SUFFIXES)

    start_tensorflow()
    from vssn.checkpoints.convert import convert

    output = args.output or weights.with_name(weights_stem(weights) + SUFFIXES[args.format])
    report = convert(weights, args.config, output, args.format, _frames(args.frames))
    print(
        f"{report.path}: written; largest difference to the Keras model on {report.frames} frames "
        f"{report.largest_difference:.2g}"
    )
    return 0


def _frames(path: Path | None) -> list[UInt8Array]:
    """Real frames to compare the outputs on."""
    from vssn.data.clips import iter_clip
    from vssn.data.demo import demo_clip
    from vssn.errors import MediaError

    if path is None:
        try:
            path = demo_clip()
        except MediaError:
            return [_photograph()]
    return list(islice(iter_clip(path), PROOF_FRAMES))


def _photograph() -> UInt8Array:
    import matplotlib as mpl

    from vssn.media.images import read_image_bgr

    return read_image_bgr(Path(mpl.get_data_path(), "sample_data", "grace_hopper.jpg"))
