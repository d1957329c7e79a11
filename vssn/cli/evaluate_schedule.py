"""``vssn evaluate-schedule``: whether the frames worth segmenting are those that are segmented."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vssn.cli.options import (
    add_blend_argument,
    add_checkpoint_arguments,
    add_output_arguments,
    add_propagation_arguments,
    add_runtime_arguments,
    add_scales_argument,
    segmenter_config,
)
from vssn.cli.printing import check_summary, progress, write_summary
from vssn.cli.values import percent, positive
from vssn.config import DEFAULT_TARGET, LIGHT_TARGET, SegmenterConfig
from vssn.files import check_writable, make_directory

if TYPE_CHECKING:
    from vssn.evaluation.results import DistanceRow, FrameOrderResult, ScheduleEvaluation
    from vssn.evaluation.schedule_sources import SourceResult
    from vssn.runtime.load import Networks
    from vssn.streaming.schedule import Schedule
    from vssn.types import UInt8Array

PICTURE = "scheme.png"
LEGEND = """\
segmented, share  frames that went through the segmentation network
mIoU              mean IoU over all frames
fixed, gain       mIoU of fixed intervals at the same number of segmented frames, and what is
                  gained over it, in points; fixed intervals are means over up to three phases,
                  since one phase's luck is 0.7 points on a hundred frames
agreement         mean measured agreement of warped frames with their segmentation
promised          mean predicted confidence of warped frames
measured          mean measured confidence, on the same scale; below promised, too much is promised
error, rank       of predicted against measured confidence: mean absolute error, rank correlation
oracle, mIoU      segmented, and mIoU, where the measured confidence decides instead"""
SOURCES_LEGEND = """\
truth      labels, or the network's own result on every frame
share      of frames that were segmented
mIoU       over all frames against that truth; target 100 segments every frame, in the first row of
           a source without --blend
loss       points of mIoU below that first row
fps        frames per second, decoding included
promised   mean predicted confidence of warped frames
measured   mean measured confidence, on the same scale; below promised, too much is promised
agreement  mean measured agreement of warped frames with their segmentation
flicker     points of agreement between neighbouring frames that no segmentation cures"""
SOURCE_TARGETS = (98.0, 96.0, 90.0, 80.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare data, weights and targets."""
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument(
        "--clips",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="videos or folders of frames, compared as sources; FOLDER is labelled where "
        "FOLDERannot lies beside it, else the network's result on every frame is the truth",
    )
    data.add_argument(
        "--data_dir",
        type=Path,
        help="CamVid in the stills layout, whose split is one video with every frame labelled: "
        "played evenly, with stops, and with cuts, and compared with fixed intervals",
    )
    parser.add_argument("--split", default="val", help="of --data_dir (default: %(default)s)")
    parser.add_argument(
        "--frames",
        type=positive,
        default=250,
        metavar="N",
        help="of --clips, to take of each at most (default: %(default)s)",
    )
    parser.add_argument(
        "--targets",
        type=percent,
        nargs="+",
        metavar="T",
        help=f"targets to try (default: several, among them "
        f"{LIGHT_TARGET:g} with light, else {DEFAULT_TARGET:g})",
    )
    parser.add_argument(
        "--save_dir",
        type=Path,
        metavar="DIR",
        help=f"with --data_dir, draw {PICTURE} there (default: no picture)",
    )
    add_checkpoint_arguments(parser)
    add_propagation_arguments(parser)
    add_blend_argument(parser)
    add_scales_argument(parser)
    add_runtime_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, and draw them."""
    from vssn.api import load_networks
    from vssn.assembly import locate_weights

    check_summary(args.summary)
    if args.save_dir:
        check_writable(args.save_dir)
    config = segmenter_config(args)
    networks = load_networks(config)
    evaluate = _on_sources if args.clips else _on_frame_orders
    figures = evaluate(args, config, networks)
    weights = locate_weights(config).sha256()
    provenance: dict[str, Any] = {"runtime": networks.runtime, "weights": weights}
    provenance |= {**config.propagation.summary(), "default_target": config.chosen_target}
    write_summary(args.summary, _finite({**provenance, **figures}))
    return 0


def _on_sources(
    args: argparse.Namespace, config: SegmenterConfig, networks: Networks
) -> dict[str, Any]:
    from vssn.evaluation.schedule_sources import (
        EVERY_FRAME,
        ClipSource,
        SourceEvaluator,
        by_split,
    )
    from vssn.streaming.assemble import Plan, build_adaptive
    from vssn.streaming.schedule import TargetSchedule
    from vssn.streaming.segmenter import AdaptiveSegmenter

    propagation = config.propagation

    def make(target: float, blend: float) -> AdaptiveSegmenter:
        make_schedule = partial(TargetSchedule, target=target)
        return build_adaptive(networks, Plan(propagation, make_schedule, blend=blend))

    evaluator = SourceEvaluator(
        partial(make, blend=config.blend),
        partial(make, EVERY_FRAME, 0.0),
        networks.flow,
        propagation.propagate,
    )
    targets = set(args.targets or (*SOURCE_TARGETS, config.chosen_target))
    # Every frame by itself is evaluated in any case; blended it is something else.
    targets = targets | {EVERY_FRAME} if config.blend else targets - {EVERY_FRAME}
    ordered = sorted(targets, reverse=True)
    results = []
    for path in progress(args.clips, len(args.clips), args.quiet, "clip"):
        results.append(evaluator.evaluate(ClipSource(path, args.frames), ordered))
    print("\n".join([SOURCES_LEGEND, "", *_sources(results)]))
    splits = by_split(results)
    if splits:
        print("\n".join(["", "## by split", "", *_sources(splits)]))
    return {"sources": _plain(results), "splits": _plain(splits)}


def _plain(results: list[SourceResult]) -> list[dict[str, Any]]:
    """The figures, for JSON."""
    plain = [asdict(result) for result in results]
    for result in plain:
        for point in result["points"]:
            point["counts"] = point["counts"].tolist()
    return plain


def _sources(results: list[SourceResult]) -> list[str]:
    header = ("source", "truth", "frames", "target", "segmented", "share", "mIoU", "loss", "fps")
    rows = []
    for result in results:
        for point in result.points:
            cells = [result.name, "labels" if result.labelled else "own", str(point.frames)]
            share = 100 * point.segmented / point.frames
            cells += [f"{point.target:g}", str(point.segmented), f"{share:.0f} %"]
            cells += [
                _number(point.mean_iou),
                _number(point.loss, ".1f"),
                _number(point.fps, ".1f"),
            ]
            values = (point.promised, point.measured, point.agreement, result.flicker)
            rows.append([*cells, *(_number(value, ".1f") for value in values)])
    return _table((*header, "promised", "measured", "agreement", "flicker"), rows)


def _on_frame_orders(
    args: argparse.Namespace, config: SegmenterConfig, networks: Networks
) -> dict[str, Any]:
    from vssn.errors import BadInputError
    from vssn.evaluation.schedule_evaluation import TARGETS

    if config.blend:
        raise BadInputError(
            f"--blend {config.blend:g} with --data_dir", "--clips", "pass --clips DIR/val"
        )
    frames, labels = _video(args)
    targets = sorted(set(args.targets or (*TARGETS, config.chosen_target)), reverse=True)
    evaluation = _evaluated(frames, labels, networks, config, targets, args.quiet)
    print("\n".join(_lines(evaluation, config.chosen_target)))
    _draw(args.save_dir, evaluation)
    return {"split": args.split, **asdict(evaluation)}


def _video(args: argparse.Namespace) -> tuple[list[UInt8Array], list[UInt8Array]]:
    from vssn.data.stills import list_stills

    loaded = [still.load_bgr() for still in list_stills(args.data_dir, args.split)]
    return [image for image, _ in loaded], [label for _, label in loaded]


def _evaluated(
    frames: list[UInt8Array],
    labels: list[UInt8Array],
    networks: Networks,
    config: SegmenterConfig,
    targets: list[float],
    quiet: bool,
) -> ScheduleEvaluation:
    from vssn.evaluation.schedule_evaluation import count_runs, evaluate_schedule
    from vssn.evaluation.schedule_runs import ScheduleEvaluator
    from vssn.streaming.assemble import build_estimator
    from vssn.streaming.schedule import TargetSchedule

    propagation = config.propagation

    def schedule(target: float) -> Schedule:
        return TargetSchedule(build_estimator(networks, propagation), target)

    with progress((), count_runs(len(targets)), quiet, "run") as bar:
        evaluator = ScheduleEvaluator(frames, labels, networks, propagation.propagate, bar.update)
        return evaluate_schedule(evaluator, len(frames), schedule, targets, config.chosen_target)


def _lines(evaluation: ScheduleEvaluation, target: float) -> list[str]:
    lines = [LEGEND]
    for result in evaluation.frame_orders:
        lines += ["", f"## {result.name}, {result.frames} frames", "", *_adaptive(result)]
        lines += ["", *_fixed(result)]
    lines += ["", f"## even, target {target:g}, by distance from the key frame", ""]
    lines += _distances(evaluation.by_key_distance)
    lines += ["", "## even, pixels with the label of the frame before", ""]
    steady = [
        (name, f"{value:.2f} %") for name, value in evaluation.unchanged_labels_percent.items()
    ]
    return lines + _table(("segmented", "unchanged"), steady)


def _adaptive(result: FrameOrderResult) -> list[str]:
    header = ("target", "segmented", "share", "mIoU", "fixed", "gain", "agreement", "promised")
    rows = []
    for point, oracle in zip(result.adaptive, result.oracle, strict=True):
        share = 100 * point.segmented / result.frames
        gain = 100 * (point.mean_iou - point.fixed_mean_iou)
        cells = [f"{point.setting:g}", f"{point.segmented:g}", f"{share:.0f} %"]
        cells += [_number(point.mean_iou), _number(point.fixed_mean_iou), _number(gain, "+.1f")]
        cells += [_number(point.measured_agreement, ".1f")]
        cells += [_number(point.predicted_confidence, ".1f")]
        cells += [_number(point.measured_confidence, ".1f"), _number(point.confidence_error, ".1f")]
        cells += [_number(point.rank_correlation, ".2f")]
        rows.append([*cells, f"{oracle.segmented:g}", _number(oracle.mean_iou)])
    return _table((*header, "measured", "error", "rank", "oracle", "mIoU"), rows)


def _fixed(result: FrameOrderResult) -> list[str]:
    rows = [
        (f"every {point.setting:g}", f"{point.segmented:.1f}", _number(point.mean_iou))
        for point in result.fixed
    ]
    return _table(("fixed", "segmented", "mIoU"), rows)


def _distances(rows: list[DistanceRow]) -> list[str]:
    from vssn.labels import CLASS_NAMES

    header = ("after", "frames", "mIoU", "worst", *(name[:5] for name in CLASS_NAMES))
    cells = []
    for row in rows:
        ious = (row.mean_iou, row.worst_iou, *row.class_iou)
        cells.append((str(row.key_distance), str(row.frames), *map(_number, ious)))
    return _table(header, cells)


def _number(value: float, how: str = ".3f") -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:{how}}".removeprefix("0" if how == ".3f" else "")


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table whose columns are as wide as their widest cell."""
    cells = [header, *rows]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    padded = [[cell.rjust(width) for cell, width in zip(row, widths, strict=True)] for row in cells]
    return [f"| {' | '.join(row)} |" for row in padded]


def _draw(directory: Path | None, evaluation: ScheduleEvaluation) -> None:
    if directory is None:
        return
    from vssn.evaluation.plots import plot_schedule_evaluation

    path = make_directory(directory) / PICTURE
    plot_schedule_evaluation(evaluation.frame_orders, path)
    print(f"\nPicture: {path}")


def _finite(value: Any) -> Any:
    """JSON has no NaN; see :func:`vssn.data.dataset.finite_or_none`."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
