"""What a report page says of a run in words and tables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from vssn.config import SegmenterConfig
from vssn.evaluation.dataset_evaluation import DatasetEvaluation, finite_or_none
from vssn.evaluation.machine import describe_machine
from vssn.evaluation.runs import DatasetRun, VideoRun
from vssn.evaluation.statistics import RunStatistics
from vssn.labels import CLASS_NAMES
from vssn.version import __version__

# Control characters, those that turn the direction of text, and halves of surrogate pairs, which a
# file's name may hold.
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)

Row = tuple[str, str]


def shown(content: Any) -> Any:
    r"""Content for JSON, whose unshowable characters become escapes such as ``\x1b``."""
    if isinstance(content, str):
        return _UNSHOWABLE.sub(lambda found: repr(found[0])[1:-1], content)
    if isinstance(content, Mapping):
        return {shown(key): shown(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [shown(value) for value in content]
    return content


def describe_run(run: VideoRun | DatasetRun, config: SegmenterConfig) -> dict[str, Any]:
    """The page's words and tables, by name; for JSON.

    Args:
        run: of a video or of a data set.
        config: what it was made with.
    """
    provenance = {name: str(value) for name, value in run.provenance.items() if name != "weights"}
    now = datetime.now(UTC)
    return {
        "subtitle": _subtitle(run.statistics, provenance),
        "footer": f"Written by vssn {__version__} on {now:%Y-%m-%d} at {now:%H:%M} UTC.",
        "notes": _notes(run) if isinstance(run, VideoRun) else [],
        "tiles": _tiles(run),
        "classes": CLASS_NAMES,
        "byFrame": isinstance(run, DatasetRun),
        "target": config.chosen_target,
        "evaluation": _evaluation(run.evaluation) if isinstance(run, DatasetRun) else None,
        "settings": _settings(config, provenance),
        "machine": list(describe_machine().items()),
        "weights": list(run.provenance.get("weights", {}).items()),
    }


def _subtitle(statistics: RunStatistics, provenance: dict[str, str]) -> str:
    frames = f"{statistics.frames} frame{'' if statistics.frames == 1 else 's'}"
    used = [
        provenance.get("runtime", ""),
        f"flow {provenance['flow']}" if "flow" in provenance else "",
    ]
    return " · ".join([frames, *filter(None, used)])


def _notes(run: VideoRun) -> list[str]:
    """What a reader of the figures must know."""
    notes = []
    if run.truncated:
        notes.append("The source ended before its end: it is cut off or damaged.")
    if run.lost_frames:
        notes.append(f"{run.lost_frames} frames of the source could not be decoded.")
    if run.output is not None and run.output.suffix.lower() == ".avi":
        notes.append(
            f"Browsers don't play .avi, so the video is not shown here: {run.output.name}. "
            "Write .mp4 to see it."
        )
    return notes


def _tiles(run: VideoRun | DatasetRun) -> list[tuple[str, str, str]]:
    """Name, figure and detail of what matters most."""
    statistics = run.statistics
    latency = statistics.latency_ms()
    steps = statistics.segmentation_steps + statistics.flow_steps
    share = 100 * statistics.segmentation_steps / steps if steps else 0.0
    parts = "frames" if steps == statistics.frames else "regions"
    tiles = [
        ("Segmented", f"{share:.0f} %", f"{statistics.segmentation_steps} of {steps} {parts}"),
        ("Speed, end to end", f"{statistics.fps_end_to_end:.1f} fps", "reading and writing too"),
        ("Speed, segmenter", f"{statistics.fps_model:.1f} fps", "networks and warping alone"),
        ("Frame time, median", f"{latency['p50']:.0f} ms", f"95 % within {latency['p95']:.0f} ms"),
        ("Frame time, longest", f"{latency['max']:.0f} ms", f"99 % within {latency['p99']:.0f} ms"),
    ]
    if isinstance(run, DatasetRun) and run.evaluation.by_key_distance:
        total = run.evaluation.total
        weighted = f"frequency-weighted {total.frequency_weighted_iou():.3f}"
        tiles.insert(0, ("Mean IoU", f"{total.mean_iou():.3f}", weighted))
    return tiles


def _evaluation(evaluation: DatasetEvaluation) -> dict[str, Any] | None:
    """IoU and confusion; None where no labelled frame was reached."""
    total, distances = evaluation.total, sorted(evaluation.by_key_distance.items())
    if not distances:
        return None
    rows = total.counts.sum(1)
    return {
        "summary": f"Mean IoU {total.mean_iou():.4f}, frequency-weighted IoU "
        f"{total.frequency_weighted_iou():.4f}, over {rows.sum():,} labelled pixels.",
        "classIou": [finite_or_none(value) for value in total.class_iou().tolist()],
        "byKeyDistance": [
            (str(distance), finite_or_none(matrix.mean_iou())) for distance, matrix in distances
        ],
        "confusion": [
            [finite_or_none(value) for value in row]
            for row in np.round(total.percent_of_truth(), 3).tolist()
        ],
        "shares": np.round(100 * rows / max(rows.sum(), 1), 2).tolist(),
    }


def _settings(config: SegmenterConfig, provenance: dict[str, str]) -> list[Row]:
    """Each setting of the configuration; what the run made of the open ones comes behind."""
    rows = []
    for setting in fields(config):
        value = getattr(config, setting.name)
        text = "default" if value is None else str(value)
        used = provenance.get(setting.name)
        rows.append((setting.name, f"{text}: {used}" if used and used != text else text))
    return rows
