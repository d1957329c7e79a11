"""The one configuration of a segmenter: which weights, which runtime, when frames are segmented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from vssn.errors import BadInputError, argument
from vssn.media.video import check_chunk_s
from vssn.models.architectures import ENSEMBLE, LIGHT_SEGMENTER, RESNET50_SEGNET
from vssn.networks import Device, Precision, Runtime, RuntimeOptions
from vssn.streaming.blending import check_blend
from vssn.streaming.budget import budget_ms
from vssn.streaming.regions import DEFAULT_OVERLAP_PX, RegionGrid
from vssn.streaming.schedule import Schedule
from vssn.streaming.schedule_names import parse_schedule
from vssn.types import DVSNET_PROPAGATION, FlowMethod, Propagate, Propagation

DEFAULT_SEGMENTER = LIGHT_SEGMENTER.option
# The light network's frame costs some four propagated ones, the others' twelve and more.
DEFAULT_TARGET, LIGHT_TARGET = 96.0, 98.0
PRESET_NAMES = ("vssn", "original")
# Points of the measured front, docs/benchmarks.md: settings by the profile's name.
PROFILES: dict[str, dict[str, Any]] = {
    "accurate": {"segmenter": ENSEMBLE, "target": 100.0, "scales": 2},
    "balanced": {"segmenter": LIGHT_SEGMENTER.option, "target": LIGHT_TARGET},
    "fast": {"segmenter": LIGHT_SEGMENTER.option, "target": DEFAULT_TARGET},
    "original": {
        "segmenter": RESNET50_SEGNET.option,
        "flow": "flownets",
        "propagate": "key",
        "schedule": "decision",
        "target": 80.0,
    },
}

Choice = TypeVar("Choice", FlowMethod, Propagate)


@dataclass(frozen=True)
class SegmenterConfig:
    """Everything that decides how a stream is segmented.

    Attributes:
        target: predicted confidence, 0-100, below which a frame is segmented: near 100 is slow, 50
            fast. 100 segments every frame, 0 only the first. None is 98 with "light", else 96.
        segmenter: the segmentation network: "resnet50_segnet", "light" or "ensemble", the mean of
            ResNet50-SegNet, propagated between its key frames, and the light network on every
            frame; or weights, .h5, .keras or .pb, or their folder. None is
            :data:`DEFAULT_SEGMENTER`, or ResNet50-SegNet with the preset ``original``.
        flownets: FlowNetS' TF1 checkpoint, its prefix or folder.
        decision: the decision network's TF1 checkpoint, likewise. Weights that are None and needed
            are looked for in their default folder.
        flow: what finds the motion: OpenCV's DIS optical flow, or FlowNetS. None is DIS, or
            FlowNetS where weights of it or of the decision network are named.
        propagate: the frame that results are warped from: ``chain``, the one before, or ``key``,
            the key frame. None is ``chain`` with DIS and ``key`` with FlowNetS.
        schedule: what decides: ``confidence`` (None means the same), ``decision``, ``fixed:K`` or
            ``always``, see :func:`vssn.streaming.schedule_names.parse_schedule`; or a schedule, or
            a function that makes one, which regions need.
        fps: keep this pace instead of the target: frames per second, in the segmenter.
        budget_ms: the same, as milliseconds per frame.
        dynamic: lower the target by 1 when a frame or region is segmented and raise it by 0.1 when
            one is warped.
        blend: weight, 0 to below 1, that the propagated result gets in a segmented frame's, in
            proportion to how well both agree: steadier and a little better, for one comparison
            more in each frame that is segmented. 0.5 suits ``target=100``.
        regions: rows x columns, such as ``"2x2"``, that are segmented or warped each on its own.
        overlap: px that a region reaches beyond its part of the frame, a multiple of 8.
        preset: ``original`` repeats the original scripts, faults included.
        scales: 2 shows segmentation networks a frame's four quarters, which overlap, besides the
            whole of it: more accurate, at five times the time of a segmented frame.
        runtime, device, precision, threads, graph_input, graph_output: see
            :class:`vssn.networks.RuntimeOptions`.

    Raises:
        BadInputError: a value is not one of those, or goes with another one not at all.
    """

    target: float | None = None
    segmenter: str | Path | None = None
    flownets: str | Path | None = None
    decision: str | Path | None = None
    flow: Literal["dis", "flownets"] | None = None
    propagate: Literal["chain", "key"] | None = None
    schedule: str | Schedule | Callable[[], Schedule] | None = None
    fps: float | None = None
    budget_ms: float | None = None
    dynamic: bool = False
    blend: float = 0.0
    regions: str | None = None
    overlap: int = DEFAULT_OVERLAP_PX
    preset: str = "vssn"
    scales: int = 1
    runtime: Runtime = "auto"
    device: Device = "auto"
    precision: Precision = "auto"
    threads: int | None = None
    graph_input: str | None = None
    graph_output: str | None = None

    def __post_init__(self) -> None:
        if self.preset not in PRESET_NAMES:
            raise BadInputError(
                argument("preset", self.preset),
                " or ".join(PRESET_NAMES),
                f"pass {argument('preset', PRESET_NAMES[0])}",
            )
        if not 0 <= self.chosen_target <= 100:  # NaN is refused too
            raise BadInputError(
                argument("target", self.chosen_target), "0 to 100", f"pass {argument('target', 80)}"
            )
        check_blend(self.blend)
        changed = {"regions": self.regions, "blend": self.blend, "scales": self.scales}
        for name, given in changed.items():
            if given not in (None, 0, 1) and self.preset == "original":
                raise BadInputError(
                    f"{argument(name, given)} with {argument('preset', self.preset)}",
                    "one of them, as that preset's scripts have no such thing",
                    "leave one out",
                )
        # These refuse what there is not.
        _ = self.grid, self.propagation, self.frame_budget_ms, self.runtime_options
        if isinstance(self.schedule, str):
            parse_schedule(self.schedule)
        self._refuse_unused_weights()

    def _refuse_unused_weights(self) -> None:
        propagation = self.propagation
        uses = {
            "flownets": propagation.flow is FlowMethod.FLOWNETS,
            "decision": propagation.asks_decision_network,
        }
        for name, used in uses.items():
            given = getattr(self, name)
            if given is not None and not used:
                flow = argument("flow", propagation.flow.value)
                reference = argument("propagate", propagation.propagate.value)
                raise BadInputError(
                    f"{argument(name, str(given))} with {flow} and {reference}",
                    "weights that these use",
                    f"leave {argument(name)} out, or {argument('flow')} and "
                    f"{argument('propagate')}",
                )

    def changed(self, changes: dict[str, Any]) -> SegmenterConfig:
        """This configuration with other values.

        Args:
            changes: by name; ``profile`` stands for those of :data:`PROFILES`, which the others
                change in turn.

        Raises:
            BadInputError: there is no such name or value.
        """
        given = dict(changes)
        profile = given.pop("profile", None)
        if profile is not None and profile not in PROFILES:
            raise BadInputError(
                argument("profile", profile),
                " or ".join(PROFILES),
                f"pass {argument('profile', 'balanced')}",
            )
        changes = PROFILES.get(profile, {}) | given
        names = [field.name for field in fields(self)]
        unknown = [name for name in changes if name not in names]
        if unknown:
            raise BadInputError(
                f"argument {unknown[0]!r}",
                f"one of profile, {', '.join(names)}",
                "correct the name",
            )
        return replace(self, **changes)

    def check_chunked(self, chunk_s: float) -> None:
        """Find out whether a stream can be cut into chunks that begin with a key frame each.

        Raises:
            BadInputError: a preset that treats a stream's first frame in its own way, or no time.
        """
        check_chunk_s(chunk_s)
        if self.preset != "vssn":
            raise BadInputError(
                f"{argument('chunk_s', chunk_s)} with {argument('preset', self.preset)}",
                "one stream, as that preset's scripts had",
                "leave one out",
            )

    @property
    def runtime_options(self) -> RuntimeOptions:
        """What runs the networks."""
        return RuntimeOptions(
            self.runtime,
            self.precision,
            self.threads,
            self.graph_input,
            self.graph_output,
            self.device,
            self.scales,
        )

    @property
    def weights(self) -> str | Path:
        """The segmentation network or its weights, with what is None filled in."""
        original = self.preset == "original"
        default = RESNET50_SEGNET.option if original else DEFAULT_SEGMENTER
        return default if self.segmenter is None else self.segmenter

    @property
    def chosen_target(self) -> float:
        """The target, with None filled in."""
        if self.target is not None:
            return self.target
        return LIGHT_TARGET if str(self.weights) == LIGHT_SEGMENTER.option else DEFAULT_TARGET

    @property
    def frame_budget_ms(self) -> float | None:
        """Milliseconds that a frame may take; None where the target decides."""
        given = [
            argument(name, value)
            for name, value in (
                *(("fps", self.fps), ("budget_ms", self.budget_ms), ("schedule", self.schedule)),
                ("dynamic", self.dynamic or None),
            )
            if value is not None
        ]
        if len(given) > 1 and (self.fps, self.budget_ms) != (None, None):
            raise BadInputError(" with ".join(given), "one of them", "leave the others out")
        return self.budget_ms if self.fps is None else budget_ms(self.fps)

    @property
    def grid(self) -> RegionGrid | None:
        """How frames are split; None where they are processed as a whole."""
        return RegionGrid.parse(self.regions, self.overlap) if self.regions else None

    @property
    def propagation(self) -> Propagation:
        """Flow and reference frame, with what is None filled in."""
        original = self.preset == "original"
        named = (self.flownets, self.decision) != (None, None)
        default = FlowMethod.FLOWNETS if named or original else FlowMethod.DIS
        method = default if self.flow is None else _chosen(FlowMethod, "flow", self.flow)
        reference = Propagate.KEY if method is FlowMethod.FLOWNETS else Propagate.CHAIN
        if self.propagate is not None:
            reference = _chosen(Propagate, "propagate", self.propagate)
        chosen = Propagation(method, reference)
        if original and chosen != DVSNET_PROPAGATION:
            flow = argument("flow", method.value)
            raise BadInputError(
                f"{flow} and {argument('propagate', reference.value)} with "
                f"{argument('preset', self.preset)}",
                "flownets and key, as that preset's scripts have nothing else",
                f"leave {argument('flow')} and {argument('propagate')} out",
            )
        return chosen


def configured(config: SegmenterConfig | None, changes: dict[str, Any]) -> SegmenterConfig:
    """A configuration, or the default one, with other values; see `SegmenterConfig.changed`."""
    return (config or SegmenterConfig()).changed(changes)


def _chosen(kind: type[Choice], name: str, given: str) -> Choice:
    try:
        return kind(given)
    except ValueError:
        names = [choice.value for choice in kind]
        raise BadInputError(
            argument(name, given), " or ".join(names), f"pass {argument(name, names[0])}"
        ) from None
