"""The one assembler: from a configuration to a segmenter with all that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vssn.config import SegmenterConfig
from vssn.data.dataset import DatasetFrame
from vssn.original.preset import PRESETS, Preset
from vssn.runtime import load
from vssn.streaming.assemble import Plan, build_segmenter
from vssn.streaming.budget import BudgetSchedule
from vssn.streaming.confidence import ConfidenceEstimator
from vssn.streaming.schedule import DynamicSchedule, Schedule
from vssn.streaming.schedule_names import parse_schedule
from vssn.streaming.segmenter import Segmenter


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
        return {
            "preset": self.config.preset,
            **self.config.propagation.summary(),
            "runtime": self.runtime,
            "weights": self.weights.sha256() if self.weights else {},
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
    )
    weights = None
    if networks is None:
        weights = locate_weights(config)
        networks = load.load_networks(weights, preset.conventions, config.runtime_options)
    segmenter = build_segmenter(networks, plan)
    return Assembly(segmenter, preset, config, networks.runtime, weights, tuple(made))


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
        return parse_schedule(config.schedule)(estimator, config.target)
    if callable(config.schedule):
        return config.schedule()
    if config.schedule is not None:
        return config.schedule
    maker = DynamicSchedule if config.dynamic else preset.schedule
    return maker(estimator, config.target)
