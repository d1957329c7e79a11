"""The one assembler: from a configuration to a segmenter with all that belongs to it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vssn.config import SegmenterConfig
from vssn.data.dataset import DatasetFrame
from vssn.errors import BadInputError, argument
from vssn.original.preset import PRESETS, VIDEO_PRESETS, Preset
from vssn.runtime import load
from vssn.runtime.processor import usable_cores
from vssn.streaming.assemble import Plan, build_estimator, build_segmenter
from vssn.streaming.background import SegmentationThread
from vssn.streaming.budget import BudgetSchedule
from vssn.streaming.confidence import ConfidenceEstimator
from vssn.streaming.live import LiveSegmenter
from vssn.streaming.punctuality import DEFAULT_MAX_LATENCY_MS, check_latency_ms
from vssn.streaming.schedule import DynamicSchedule, Schedule
from vssn.streaming.schedule_names import parse_schedule
from vssn.streaming.segmenter import Segmenter

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Assembly:
    """A segmenter with all that belongs to it.

    Attributes:
        segmenter: of the configuration.
        preset: its rules.
        config: the configuration.
        runtime: what runs the networks.
        weights: their files; None for networks that were passed in.
        schedules: one for each region, or one.
    """

    segmenter: Segmenter
    preset: Preset
    config: SegmenterConfig
    runtime: str
    weights: load.WeightPaths | None
    schedules: tuple[Schedule, ...] = ()

    @property
    def budget_target(self) -> float | None:
        """The target, 0-100, that a budget amounted to; None where the target was given."""
        targets = [each.target for each in self.schedules if isinstance(each, BudgetSchedule)]
        return sum(targets) / len(targets) if targets else None

    def provenance(self) -> dict[str, Any]:
        """Preset, flow, reference frame, runtime, and the weights' SHA-256 by path."""
        return _provenance(self.config, self.runtime, self.weights)


@dataclass(frozen=True)
class LiveAssembly:
    """A live stream's segmenter with all that belongs to it; see :class:`Assembly`.

    Attributes:
        background: the thread that segments; closed at the end.
        max_latency_ms: what was allowed.
    """

    segmenter: LiveSegmenter
    background: SegmentationThread
    preset: Preset
    config: SegmenterConfig
    runtime: str
    weights: load.WeightPaths | None
    max_latency_ms: float

    def provenance(self) -> dict[str, Any]:
        """See :meth:`Assembly.provenance`."""
        return _provenance(self.config, self.runtime, self.weights)


def _provenance(
    config: SegmenterConfig, runtime: str, weights: load.WeightPaths | None
) -> dict[str, Any]:
    return {
        "preset": config.preset,
        **config.propagation.summary(),
        "runtime": runtime,
        "weights": weights.sha256() if weights else {},
    }


def assemble(
    config: SegmenterConfig,
    presets: Mapping[str, Preset] = PRESETS,
    first: DatasetFrame | None = None,
    networks: load.Networks | None = None,
) -> Assembly:
    """Load the networks and make the segmenter of a configuration.

    Args:
        config: what to load.
        presets: by name: those for data sets, or for videos.
        first: the first frame of a data set, which some presets treat in their own way.
        networks: use these.

    Raises:
        BadInputError, CheckpointError: see :func:`load_segmenter`.
    """
    preset = presets[config.preset]
    made: list[Schedule] = []

    def make_schedule(estimator: ConfidenceEstimator) -> Schedule:
        made.append(_schedule(config, preset, estimator))
        return made[-1]

    plan = Plan(
        config.propagation,
        make_schedule,
        config.grid,
        preset.rules_for(first) if first else preset.rules,
        config.blend,
    )
    networks, weights = _networks(config, preset, networks)
    segmenter = build_segmenter(networks, plan)
    return Assembly(segmenter, preset, config, networks.runtime, weights, tuple(made))


def _networks(
    config: SegmenterConfig, preset: Preset, networks: load.Networks | None
) -> tuple[load.Networks, load.WeightPaths | None]:
    """Those given, or else those of the configuration, with their files."""
    if networks is not None:
        return networks, None
    weights = locate_weights(config)
    return load.load_networks(weights, preset.conventions, config.runtime_options), weights


def assemble_live(
    config: SegmenterConfig,
    max_latency_ms: float = DEFAULT_MAX_LATENCY_MS,
    networks: load.Networks | None = None,
) -> LiveAssembly:
    """Load the networks and make the segmenter of a live stream.

    Args:
        config: what to load. Without ``threads`` the segmentation network gets all cores but one,
            which the stream keeps.
        max_latency_ms: from a frame's arrival to its result leaving.
        networks: use these.

    Raises:
        BadInputError: a setting that live streams don't have; see :func:`load_segmenter` too.
    """
    check_latency_ms(max_latency_ms)
    for name in ("regions", "fps", "budget_ms", "blend"):
        if getattr(config, name):
            raise BadInputError(
                f"{argument(name, getattr(config, name))} with a live stream",
                "whole frames at the source's pace, unblended",
                f"leave {argument(name)} out",
            )
    if config.scales > 1:
        logger.warning("a live stream is segmented at one scale, or its results would be old")
        config = replace(config, scales=1)
    if config.threads is None:
        config = replace(config, threads=max(usable_cores() - 1, 1))
    preset = VIDEO_PRESETS[config.preset]
    networks, weights = _networks(config, preset, networks)
    schedule = _schedule(config, preset, build_estimator(networks, config.propagation))
    background = SegmentationThread(networks.of_key_frames)
    segmenter = LiveSegmenter(
        background,
        networks.flow,
        schedule,
        max_latency_ms,
        preset.rules,
        config.propagation.propagate,
    )
    return LiveAssembly(
        segmenter, background, preset, config, networks.runtime, weights, max_latency_ms
    )


def locate_weights(config: SegmenterConfig) -> load.WeightPaths:
    """Find the files of the weights that a configuration needs.

    Raises:
        CheckpointError: one is missing.
    """
    return load.WeightPaths.locate(
        config.weights, config.flownets, config.decision, config.propagation
    )


def _schedule(config: SegmenterConfig, preset: Preset, estimator: ConfidenceEstimator) -> Schedule:
    budget = config.frame_budget_ms
    if budget is not None:
        regions = config.grid.rows * config.grid.columns if config.grid else 1
        return BudgetSchedule(estimator, budget / regions)
    if isinstance(config.schedule, str):
        return parse_schedule(config.schedule)(estimator, config.chosen_target)
    if callable(config.schedule):
        return config.schedule()
    if config.schedule is not None:
        return config.schedule
    maker = DynamicSchedule if config.dynamic else preset.schedule
    return maker(estimator, config.chosen_target)
