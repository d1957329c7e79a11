"""Time of a frame, segmented and warped, up to its labels at the frame's size.

FlowNetS warps from the key frame, with the decision network's confidence; DIS from the frame
before, with the confidence of the accumulated motion. The baseline of both is FlowNetS in plain
Keras. The decision network is also measured alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from candidates import BASELINE, ONE_THREAD, RUNTIMES, candidates, plain_keras
from measuring import markdown, seconds

from vssn.flow.dis import DISFlow
from vssn.models.layout import FEATURE_SHAPE
from vssn.networks import FlowNetwork
from vssn.runtime.load import Networks, WeightPaths
from vssn.streaming.confidence import MotionConfidence, NetworkConfidence
from vssn.streaming.schedule import DynamicSchedule, Schedule, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import Propagate

STAGES = ("segmented", "FlowNetS", "DIS", "decision")
WARPED_BASELINE = {"DIS": "FlowNetS"}
WARM_UP = 2  # rounds, which hold the warping segmenters' key frames too


def steps(networks: Networks) -> dict[str, Callable[[np.ndarray], float]]:
    """By stage: processes a frame and returns its seconds."""
    by_network = NetworkConfidence(networks.decision)

    def timed(
        schedule: Schedule, flow: FlowNetwork, propagate: Propagate
    ) -> Callable[[np.ndarray], float]:
        segmenter = AdaptiveSegmenter(networks.segmentation, flow, schedule, propagate=propagate)

        return lambda frame: seconds(lambda: segmenter.step(frame))

    feature = np.random.default_rng(0).random(FEATURE_SHAPE, np.float32)
    # Two schedules ask for the confidence and never segment.
    asks_network, asks_motion = (
        DynamicSchedule(estimator, -math.inf) for estimator in (by_network, MotionConfidence())
    )
    return {
        "segmented": timed(TargetSchedule(by_network, 100), networks.flow, Propagate.KEY),
        "FlowNetS": timed(asks_network, networks.flow, Propagate.KEY),
        "DIS": timed(asks_motion, DISFlow(), Propagate.CHAIN),
        "decision": lambda _: seconds(lambda: networks.decision.predicted_confidence(feature)),
    }


def measure(frames: Sequence[np.ndarray]) -> dict[str, dict[str, float]]:
    """Median ms by candidate and stage; all take turns on each frame."""
    paths = WeightPaths.locate()
    every_core = cv2.getNumThreads()
    measured = {BASELINE: steps(plain_keras(paths))}
    measured |= {n: steps(found) for n, found in candidates(paths, RUNTIMES | ONE_THREAD)}
    spent: dict[tuple[str, str], list[float]] = {}
    for frame in frames:
        for name, stages in measured.items():
            # OpenCV has one setting for the whole process.
            cv2.setNumThreads(1 if name in ONE_THREAD else every_core)
            for stage, run in stages.items():
                spent.setdefault((name, stage), []).append(run(frame))
    cv2.setNumThreads(every_core)
    return {
        name: {s: float(np.median(spent[name, s][WARM_UP:]) * 1000) for s in STAGES}
        for name in measured
    }


def table(ms: dict[str, dict[str, float]]) -> list[str]:
    """With the ratio to plain Keras in the same run."""
    columns = ["runtime", *(column for stage in STAGES for column in (f"{stage}, ms", "ratio"))]
    rows = []
    for name, row in ms.items():
        cells = [name]
        for stage in STAGES:
            base = ms[BASELINE][WARPED_BASELINE.get(stage, stage)]
            cells += [f"{row[stage]:.1f}", f"{base / row[stage]:.1f}"]
        rows.append(cells)
    return markdown(columns, rows)
