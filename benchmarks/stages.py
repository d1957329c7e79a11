"""Time a segmented and a warped frame: the plain Keras model against each runtime and precision.

All contestants take turns in one run on the same real frames; medians, and the ratio to the plain
Keras float32 step (a ``tf.function`` of the model as it is built) in the same run:

    python benchmarks/stages.py --frames VIDEO_OR_FOLDER
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np

from vssn.cli.demo import demo_clip
from vssn.datatypes import Propagate
from vssn.media.clip import iter_clip
from vssn.preprocess import VSSN_CONVENTIONS
from vssn.runtime.load import Networks, RuntimeOptions, WeightPaths, load_networks
from vssn.runtime.startup import start_tensorflow
from vssn.streaming.expected import NetworkScore
from vssn.streaming.schedule import TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter

BASELINE = "Keras tf.function f32"
CONTESTANTS = {
    "TensorFlow frozen f32": RuntimeOptions("tensorflow", "f32"),
    "OpenVINO f32": RuntimeOptions("openvino", "f32"),
    "OpenVINO bf16": RuntimeOptions("openvino", "bf16"),
    "OpenVINO int8": RuntimeOptions("openvino", "int8"),
}


def plain_keras(paths: WeightPaths) -> Networks:
    """The three networks as any Keras user would run them."""
    start_tensorflow()
    import tensorflow as tf

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
        networks = Networks(
            loader.segmentation(paths.segnet),
            loader.flow(paths.flownets),
            loader.decision(paths.decision),
            BASELINE,
        )
    finally:
        runtime.freeze = frozen
    return networks


def steps(networks: Networks) -> dict[str, Callable[[np.ndarray], float]]:
    """A segmented and a warped step, each returning its seconds in the segmenter."""

    def made(target: float) -> AdaptiveSegmenter:
        schedule = TargetSchedule(NetworkScore(networks.decision), target)
        return AdaptiveSegmenter(
            networks.segmentation, networks.flow, schedule, propagate=Propagate.KEY
        )

    segment = made(100)
    # The lowest target that asks the decision network; it always warps.
    warp = made(1e-9)

    def timed(segmenter: AdaptiveSegmenter, frame: np.ndarray) -> float:
        start = time.perf_counter()
        segmenter.step_scores(frame)
        return time.perf_counter() - start

    return {"segmented": lambda f: timed(segment, f), "warped": lambda f: timed(warp, f)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=Path, help="(default: the demo clip)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, help="JSON of the medians in ms")
    args = parser.parse_args()
    frames = list(islice(iter_clip(args.frames or demo_clip()), args.rounds + 2))
    paths = WeightPaths.locate()
    contestants = {BASELINE: steps(plain_keras(paths))}
    for name, options in CONTESTANTS.items():
        contestants[name] = steps(load_networks(paths, VSSN_CONVENTIONS, options))
    seconds: dict[tuple[str, str], list[float]] = {}
    for frame in frames:
        for name, stages in contestants.items():
            for stage, run in stages.items():
                seconds.setdefault((name, stage), []).append(run(frame))
    # The first two rounds warm up, and hold the warping segmenters' key frames.
    ms = {key: float(np.median(values[2:]) * 1000) for key, values in seconds.items()}
    print(f"| {'runtime':22} | segmented, ms | ratio | warped, ms | ratio |")
    print("| --- | --- | --- | --- | --- |")
    for name in contestants:
        cells = [
            f"{ms[name, stage]:.1f} | {ms[BASELINE, stage] / ms[name, stage]:.1f}"
            for stage in ("segmented", "warped")
        ]
        print(f"| {name:22} | {' | '.join(cells)} |")
    if args.output:
        table = {
            name: {stage: ms[name, stage] for stage in ("segmented", "warped")}
            for name in contestants
        }
        args.output.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
