"""What a live stream's labels are worth, by how long a segmentation takes and what asks for it.

    python benchmarks/live_accuracy.py --data_dir CamVid --save_dir out

The stream runs on a simulated clock, so that times are exact and the machine's load changes
nothing: frames arrive at the video's rate, the flow takes 4 ms, a segmentation as long as the table
says. Every frame of the labelled video counts. Prints a table and writes ``live_accuracy.json``.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
from measuring import markdown

from vssn.api import load_networks
from vssn.config import DEFAULT_SEGMENTER
from vssn.data.stills import list_stills
from vssn.evaluation.cached_networks import CachedFlow, CachedSegmentation
from vssn.evaluation.live_simulation import (
    Clock,
    SimulatedArrivals,
    SimulatedSegmentation,
    TimedFlow,
)
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.files import make_directory
from vssn.json_files import write_json
from vssn.streaming.assemble import build_estimator
from vssn.streaming.live import LiveSegmenter
from vssn.streaming.schedule import FixedInterval, TargetSchedule
from vssn.types import DEFAULT_PROPAGATION

SEGMENT_MS = (0, 20, 50, 100, 150, 250)
TARGETS = (None, 98.0, 95.0, 90.0, 80.0)  # None: whenever the segmenter is free
FLOW_S = 0.004


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", type=Path, required=True, help="CamVid stills")
    parser.add_argument("--split", default="val", help="(default: %(default)s)")
    parser.add_argument("--fps", type=float, default=15.0, help="its rate (default: %(default)s)")
    parser.add_argument("--segmenter", default=DEFAULT_SEGMENTER, help="(default: %(default)s)")
    parser.add_argument("--save_dir", type=Path, default=Path("benchmark-output"))
    args = parser.parse_args()
    stills = list_stills(args.data_dir, args.split)
    frames, truths = zip(*(still.load_bgr() for still in stills), strict=True)
    networks = load_networks(segmenter=args.segmenter)
    segmentation, flow = CachedSegmentation(networks.of_key_frames), CachedFlow(networks.flow)
    rows = []
    for segment_ms, target in product(SEGMENT_MS, TARGETS):
        clock = Clock()
        background = SimulatedSegmentation(segmentation, clock, segment_ms / 1000)
        schedule = FixedInterval(1)
        if target is not None:
            schedule = TargetSchedule(build_estimator(networks, DEFAULT_PROPAGATION), target)
        segmenter = LiveSegmenter(background, TimedFlow(flow, clock, FLOW_S), schedule, clock=clock)
        times = [number / args.fps for number in range(len(frames))]
        confusion, ages = ConfusionMatrix(), []
        for frame, result in segmenter.follow(SimulatedArrivals(frames, times, clock)):
            confusion.add(truths[frame.index], result.labels)
            ages.append(result.key_distance)
        rows.append(
            {
                "segment_ms": segment_ms,
                "target": target,
                "mean_iou": confusion.mean_iou(),
                "segmentations": len(background.started),
                "frames": len(ages),
                "mean_key_distance": float(np.mean(ages)),
            }
        )
        print(rows[-1], flush=True)
    folder = make_directory(args.save_dir)
    write_json(folder / "live_accuracy.json", {"rows": rows}, "benchmark")
    print("\n".join(table(rows)))


def table(rows: list[dict[str, float | None]]) -> list[str]:
    """Mean IoU and segmentations, a row for each time and a column for each target."""
    names = ["whenever free" if target is None else f"target {target:g}" for target in TARGETS]
    cells = []
    for segment_ms in dict.fromkeys(row["segment_ms"] for row in rows):
        of = [row for row in rows if row["segment_ms"] == segment_ms]
        cells.append(
            [f"{segment_ms}", *(f"{row['mean_iou']:.3f} ({row['segmentations']})" for row in of)]
        )
    return markdown(["segmentation ms", *names], cells)


if __name__ == "__main__":
    main()
