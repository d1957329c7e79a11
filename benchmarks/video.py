"""The video script from end to end, against the time that its networks take."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from measuring import markdown

from vssn.api import annotate_video
from vssn.data.demo import demo_clip

TARGETS = (50.0, 80.0)
ROUNDS = 2


def _run(target: float, output: Path | None) -> dict[str, float]:
    """Seconds per frame: from end to end, and in the segmenter."""
    run = annotate_video(demo_clip(), output, segmenter="resnet50_segnet", target=target)
    figures = run.statistics.summary()
    return {
        "end_to_end": 1 / figures["fps_end_to_end"],
        "networks": 1 / figures["fps_model"],
        "segmented": figures["segmentation_steps"],
        "frames": figures["frames"],
    }


def measure() -> list[dict[str, float]]:
    """With and without output, in turns, at each target; medians over the rounds, in ms."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for target in TARGETS:
            runs = [
                (_run(target, Path(folder, "out.avi")), _run(target, None)) for _ in range(ROUNDS)
            ]
            row = {"target": target, **{k: runs[0][0][k] for k in ("segmented", "frames")}}
            for index, name in enumerate(("written", "not_written")):
                for key in ("end_to_end", "networks"):
                    seconds = float(np.median([pair[index][key] for pair in runs]))
                    row[f"{name}_{key}_ms"] = seconds * 1000
            rows.append(row)
    return rows


def table(rows: list[dict[str, float]]) -> list[str]:
    columns = ["target", "segmented", "networks, ms"]
    columns += ["no output, ms", "ratio", "with output, ms", "ratio"]
    lines = []
    for row in rows:
        cells = [f"{row['target']:g}", f"{row['segmented']:.0f} of {row['frames']:.0f}"]
        cells.append(f"{row['written_networks_ms']:.1f}")
        for name in ("not_written", "written"):
            total = row[f"{name}_end_to_end_ms"]
            cells += [f"{total:.1f}", f"{total / row[f'{name}_networks_ms']:.2f}"]
        lines.append(cells)
    return markdown(columns, lines)
