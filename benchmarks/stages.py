"""Time a segmented and a carried frame: the plain Keras model against each runtime and precision.

A frame is carried by FlowNetS from the key frame, with the decision network's score, or by DIS from
the frame before, with the score of the path; the baseline of both is FlowNetS in plain Keras.

All contestants take turns in one run on the same real frames; medians, and the ratio to the plain
Keras float32 step (a ``tf.function`` of the model as it is built) in the same run:

    python benchmarks/stages.py --frames VIDEO_OR_FOLDER
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from vssn.cli.demo import demo_clip
from vssn.datatypes import Propagate
from vssn.errors import BadInputError
from vssn.media.clip import iter_clip
from vssn.preprocess import VSSN_CONVENTIONS
from vssn.runtime.dis import DISFlow
from vssn.runtime.load import Networks, RuntimeOptions, WeightPaths, load_networks
from vssn.runtime.protocols import FlowNetwork
from vssn.runtime.startup import start_tensorflow
from vssn.streaming.expected import NetworkScore, PathScore
from vssn.streaming.schedule import DynamicSchedule, Schedule, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter

BASELINE = "Keras tf.function f32"
STAGES = ("segmented", "FlowNetS", "DIS")
# Either way of carrying is measured against what a plain Keras step by FlowNetS takes.
WARPED_BASELINE = {"DIS": "FlowNetS"}
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
    """A frame segmented, warped by FlowNetS, carried by DIS: each returns its seconds."""
    by_network = NetworkScore(networks.decision)

    def timed(
        schedule: Schedule, flow: FlowNetwork, propagate: Propagate
    ) -> Callable[[np.ndarray], float]:
        segmenter = AdaptiveSegmenter(networks.segmentation, flow, schedule, propagate=propagate)

        def step(frame: np.ndarray) -> float:
            start = time.perf_counter()
            segmenter.step_scores(frame)
            return time.perf_counter() - start

        return step

    # Two of them ask for scores, and never find one too low.
    asks_network, asks_path = (
        DynamicSchedule(score, -math.inf) for score in (by_network, PathScore())
    )
    return {
        "segmented": timed(TargetSchedule(by_network, 100), networks.flow, Propagate.KEY),
        "FlowNetS": timed(asks_network, networks.flow, Propagate.KEY),
        "DIS": timed(asks_path, DISFlow(), Propagate.CHAIN),
    }


def contestants(paths: WeightPaths) -> Iterator[tuple[str, dict[str, Callable]]]:
    """The baseline and whatever this processor can run."""
    yield BASELINE, steps(plain_keras(paths))
    for name, options in CONTESTANTS.items():
        try:
            yield name, steps(load_networks(paths, VSSN_CONVENTIONS, options))
        except BadInputError as error:
            print(f"left out: {name} ({error})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=Path, help="(default: the demo clip)")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, help="JSON of the medians in ms")
    args = parser.parse_args()
    frames = list(islice(iter_clip(args.frames or demo_clip()), args.rounds + 2))
    paths = WeightPaths.locate()
    rivals = dict(contestants(paths))
    seconds: dict[tuple[str, str], list[float]] = {}
    for frame in frames:
        for name, stages in rivals.items():
            for stage, run in stages.items():
                seconds.setdefault((name, stage), []).append(run(frame))
    # The first two rounds warm up, and hold the warping segmenters' key frames.
    ms = {key: float(np.median(values[2:]) * 1000) for key, values in seconds.items()}
    baseline = {stage: ms[BASELINE, WARPED_BASELINE.get(stage, stage)] for stage in STAGES}
    print(f"| {'runtime':22} | {' | '.join(f'{stage}, ms | ratio' for stage in STAGES)} |")
    print("| --- " * (1 + 2 * len(STAGES)) + "|")
    for name in rivals:
        cells = [
            f"{ms[name, stage]:.1f} | {baseline[stage] / ms[name, stage]:.1f}" for stage in STAGES
        ]
        print(f"| {name:22} | {' | '.join(cells)} |")
    if args.output:
        table = {name: {stage: ms[name, stage] for stage in STAGES} for name in rivals}
        args.output.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
