"""``vssn infer``: segment a data set adaptively, save masks, score the labelled frames."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.cli.options import (
    add_network_arguments,
    add_output_arguments,
    check_summary,
    directory_or_none,
    positive,
    progress,
    runtime_options,
    segmenter_plan,
    write_summary,
)
from vssn.files import check_writable

if TYPE_CHECKING:
    from vssn.data.dataset import DatasetFrame
    from vssn.evaluation.dataset_evaluation import DatasetEvaluation
    from vssn.evaluation.report import Report
    from vssn.evaluation.statistics import RunStatistics
    from vssn.original.preset import Preset
    from vssn.streaming.segmenter import Segmenter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the original's flags and ours."""
    parser.add_argument(
        "--num_steps",
        type=positive,
        metavar="N",
        help="frames to process (default: the whole list)",
    )
    parser.add_argument(
        "--data_dir", type=Path, default=Path("camvid_30_fps_test_only"), help="the data set"
    )
    parser.add_argument(
        "--data_list",
        type=Path,
        help="list file, a line 'frame labelled label' per frame "
        "(default: list/test_file_list.txt); see vssn make-lists",
    )
    parser.add_argument(
        "--save_dir",
        type=directory_or_none,
        default=Path("inference-output"),
        metavar="DIR|none",
        help="where masks go; none saves nothing (default: %(default)s)",
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write pictures here: confusion matrix, IoU of each class, the worst frames; and "
        "report.json",
    )
    add_network_arguments(parser)
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Check everything that can be checked, then stream."""
    from vssn.original.preset import PRESETS
    from vssn.runtime.load import WeightPaths, load_networks

    check_summary(args.summary)
    if args.save_dir:
        check_writable(args.save_dir)
    preset = PRESETS[args.preset]
    plan = segmenter_plan(args, preset)
    frames = _frames(args, preset)
    report = _report(args, frames)
    plan = replace(plan, rules=preset.rules_for(frames[0]))
    weights = WeightPaths.locate(
        args.segnet_chkpt, args.dvs_flownet_chkpt, args.decision_chkpt, plan.propagation
    )
    networks = load_networks(weights, preset.conventions, runtime_options(args))
    statistics, probabilities = _stream(frames, plan.build(networks), preset, args, report)
    print("\n".join(statistics.lines() + probabilities.lines()))
    provenance = {"preset": args.preset, "runtime": networks.runtime, "weights": weights.sha256()}
    provenance |= plan.propagation.summary()
    write_summary(args.summary, {**statistics.summary(), **provenance, **probabilities.summary()})
    if report is not None:
        report.write(probabilities)
        print("\n".join(report.lines()))
    return 0


def _report(args: argparse.Namespace, frames: list[DatasetFrame]) -> Report | None:
    """What --report asked for; drawing is imported for it alone."""
    if args.report is None:
        return None
    from vssn.evaluation.report import Report

    return Report(args.report, frames)


def _frames(args: argparse.Namespace, preset: Preset) -> list[DatasetFrame]:
    """The list's frames, cut to --num_steps."""
    from vssn.data.lists import default_list, read_list

    path = args.data_list or default_list("test")
    entries = read_list(path)
    if args.num_steps and args.num_steps > len(entries):
        print(f"note: --num_steps {args.num_steps}, but '{path}' ends after {len(entries)} frames")
    return preset.frames(args.data_dir, entries[: args.num_steps])


def _stream(
    frames: list[DatasetFrame],
    segmenter: Segmenter,
    preset: Preset,
    args: argparse.Namespace,
    report: Report | None,
) -> tuple[RunStatistics, DatasetEvaluation]:
    """Read ahead, segment, score, and write behind."""
    from vssn.data.dataset import iter_frames
    from vssn.evaluation.dataset_evaluation import DatasetEvaluation
    from vssn.media.pipeline import WriteBehind, read_ahead
    from vssn.media.sinks import MaskFolder

    probabilities = DatasetEvaluation(preset.make_matrix)
    with ExitStack() as stack:
        masks = None
        if args.save_dir:
            masks = stack.enter_context(WriteBehind(MaskFolder(args.save_dir, preset.paint)))
        statistics = preset.make_statistics()
        for image, truth in progress(read_ahead(iter_frames(frames)), len(frames), args.quiet):
            result = segmenter.step(image)
            statistics.add(result)
            if truth is not None:
                probabilities.add(result, truth)
            if report is not None:
                report.add(result.index, image, truth, result.labels)
            if masks is not None:
                masks.write(result.labels)
    statistics.stop()
    return statistics, probabilities
