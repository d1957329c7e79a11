"""The few types that everything here speaks; imports NumPy only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

UInt8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class VideoInfo:
    """What is known of a video before it is read.

    Attributes:
        width_px, height_px: frame size.
        fps: frames per second of the source, not rounded.
        total_frames: as its header says, or None where it says nothing.
        pixel_aspect: width through height of a pixel; not 1 in anamorphic videos.
        time_base: the unit of its time stamps in seconds, or None where it has none.
    """

    width_px: int
    height_px: int
    fps: float
    total_frames: int | None
    pixel_aspect: Fraction = Fraction(1)
    time_base: Fraction | None = None


@dataclass(frozen=True)
class TimedFrame:
    """A video's frame with its place in time.

    Attributes:
        index: its number among the frames that were asked for, from 0.
        time: seconds since the video's start, exact.
        frame_bgr: (H, W, 3) uint8 BGR, in memory of its own.
        truth: (H, W) uint8 true labels, 11 void, where the source has any.
        starts_chunk: whether a further chunk of the source begins with it: the segmenter and the
            scene forget what came before, so that it is a key frame.
    """

    index: int
    time: Fraction
    frame_bgr: UInt8Array
    truth: UInt8Array | None = None
    starts_chunk: bool = False

    @property
    def time_s(self) -> float:
        """Seconds since the video's start."""
        return float(self.time)


@dataclass(frozen=True)
class FlowEstimate:
    """Where a frame's pixels were in its reference frame.

    Attributes:
        flow: (h, w, 2) float32, (dx, dy) in cells of this grid, from the current frame back to
            the reference frame.
        scale: (h, w, 11) float32, a factor for each CamVid class' warped probability; None
            where the method has no such factors.
    """

    flow: Float32Array
    scale: Float32Array | None


class FlowMethod(Enum):
    """What finds the flow between two frames."""

    DIS = "dis"
    FLOWNETS = "flownets"


class Propagate(Enum):
    """The reference frame: the one that results are warped from."""

    CHAIN = "chain"  # the frame before, whose result may be a propagated one
    KEY = "key"  # the key frame


@dataclass(frozen=True)
class Propagation:
    """How results get from frame to frame.

    Attributes:
        flow: what finds the motion.
        propagate: the frame that results are warped from.
    """

    flow: FlowMethod
    propagate: Propagate

    @property
    def asks_decision_network(self) -> bool:
        """Whether DVSNet's decision network decides; it was trained for nothing else."""
        return self == DVSNET_PROPAGATION

    @property
    def name(self) -> str:
        """Both in a word, such as ``dis-chain``."""
        return f"{self.flow.value}-{self.propagate.value}"

    def summary(self) -> dict[str, str]:
        """Both by name, for reports."""
        return {"flow": self.flow.value, "propagate": self.propagate.value}


DEFAULT_PROPAGATION = Propagation(FlowMethod.DIS, Propagate.CHAIN)
DVSNET_PROPAGATION = Propagation(FlowMethod.FLOWNETS, Propagate.KEY)


class FramePath(Enum):
    """How a frame's labels came about."""

    SEGMENT = "segment"
    WARP = "warp"


@dataclass(frozen=True)
class LiveFrame:
    """What is known of a frame of a live stream besides.

    Attributes:
        latency_ms: from the frame's arrival to its result leaving.
        corrected: whether a segmentation that was made beside the stream arrived here, so that the
            frame was warped from a newer key frame than the frame before.
        key_age_ms: from the key frame's arrival to this frame's.
        dropped: how many frames were left out between the frame before and this one.
    """

    latency_ms: float
    corrected: bool
    key_age_ms: float
    dropped: int


@dataclass(frozen=True)
class FrameResult:
    """One frame's segmentation.

    Attributes:
        index: its number in the stream, from 0.
        labels: (H, W) uint8 CamVid classes 0-10, at the frame's own size; for data sets with the
            preset ``original``, (208, 304).
        path: segmented, or warped from an earlier frame. Of a frame in regions: segmented where any
            of them was.
        predicted_confidence: 0-100, agreement that the schedule predicted of a warp; None where it
            did not ask. Of a frame in regions: the lowest.
        key_distance: frames since the key frame; 0 for a key frame. Of a frame in regions: the
            largest.
        seconds: time spent per stage, by stage name.
        time_s: seconds since the start of the source; None where no source is read.
        region_paths: each region's path; empty for a frame processed as a whole.
        objects: what :class:`vssn.scene.analysis.SceneAnalyser` found; None before it looked.
        horizon_px: row of the horizon that it measured distances with, or None.
        live: of a live stream only.
    """

    index: int
    labels: UInt8Array
    path: FramePath
    predicted_confidence: float | None
    key_distance: int
    seconds: dict[str, float] = field(default_factory=dict)
    region_paths: tuple[FramePath, ...] = ()
    time_s: float | None = None
    objects: tuple[SceneObject, ...] | None = None
    horizon_px: float | None = None
    live: LiveFrame | None = None

    @property
    def segmentation_steps(self) -> int:
        """How often the frame or a region of it was segmented."""
        return (self.region_paths or (self.path,)).count(FramePath.SEGMENT)

    @property
    def flow_steps(self) -> int:
        """How often the frame or a region of it was warped."""
        return (self.region_paths or (self.path,)).count(FramePath.WARP)

    def to_supervision(self) -> Any:
        """The objects as ``supervision.Detections``; see :mod:`vssn.scene.export`."""
        from vssn.scene.export import to_supervision

        return to_supervision(self)

    def to_coco(self) -> list[dict[str, Any]]:
        """The objects as COCO annotations; see :mod:`vssn.scene.export`."""
        from vssn.scene.export import to_coco

        annotations: list[dict[str, Any]] = to_coco(self)
        return annotations


@dataclass(frozen=True)
class Box:
    """A rectangle in px; ``right`` and ``bottom`` lie just outside of it."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class SceneObject:
    """A region of one class that can be counted, such as a car.

    Attributes:
        label: CamVid class index.
        box: its bounding rectangle.
        pixel_count: its area in px.
        distance_m: metres from the camera along the ground, or None where it is not measured.
        calibrated: whether the distance comes from a camera that the user described.
        track: number of the object over the frames, from 1; None where it is not tracked (yet).
        mask: (box height, box width) bool, which pixels of the box belong to it; None where
            only the box is known.
    """

    label: int
    box: Box
    pixel_count: int
    distance_m: float | None = None
    calibrated: bool = False
    track: int | None = None
    mask: npt.NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
