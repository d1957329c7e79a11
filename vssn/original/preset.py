"""Presets: ours, and the one that brings the original's results back.

The original is wrong in several ways, and old results came about with them. What is open in its
description was settled so:

- Its segmentation input is resized with OpenCV, half-pixel centres and all; TensorFlow 1's resizing
  is that of the flow input (nearest) and of class probabilities (bilinear).
- Labels are picked at 208x304, and metrics are computed there, with the true label images resized
  by OpenCV's nearest. Masks are painted there, and enlarged as pictures to 480x360.
- The stream's first frame, as a key, is shown to the flow network in another colour order than all
  later ones: in data sets RGB before BGR, and as the first column's first image; in videos BGR
  before RGB.
- The first frame is no segmentation step, and the decision network is asked at any target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vssn.data.dataset import DatasetFrame, dataset_frames
from vssn.data.lists import ListEntry
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.evaluation.statistics import RunStatistics
from vssn.labels import colour_mask_bgr
from vssn.media.images import read_image_bgr
from vssn.original.distance import original_measure, original_object_text
from vssn.original.frames import second_column_frames
from vssn.original.masks import original_mask_bgr
from vssn.original.metrics import OriginalConfusionMatrix, OriginalStatistics
from vssn.original.preprocess import original_flow_input_bgr, original_flow_input_rgb
from vssn.original.warp import (
    labels_at_probability_size,
    labels_enlarged,
    warp_probabilities_coarse,
)
from vssn.preprocess import VSSN_CONVENTIONS, Conventions, segnet_input
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import Annotator
from vssn.scene.camera import Camera
from vssn.scene.style import Style
from vssn.streaming.agreement import pixel_agreement
from vssn.streaming.confidence import ConfidenceEstimator
from vssn.streaming.rules import VSSN_RULES, StreamRules
from vssn.streaming.schedule import DynamicSchedule, Schedule, TargetSchedule
from vssn.training.features import current_of, key_of
from vssn.types import UInt8Array, VideoInfo

if TYPE_CHECKING:
    from vssn.training.features import FramePair


@dataclass(frozen=True)
class Preset:
    """Every rule that a preset decides.

    Attributes:
        conventions: what the networks are shown, and which channel of ``scale`` is whose.
        rules: warping, labels, agreement, the first key frame.
        schedule: makes the schedule of what predicts the confidence and a target.
        frames: a list's stream of frames.
        make_matrix: makes a confusion matrix.
        make_statistics: makes the counts of steps and times.
        paint: makes a mask's picture.
        warped: of a pair for the decision network's training, the frame whose result is warped.
    """

    conventions: Conventions = VSSN_CONVENTIONS
    rules: StreamRules = VSSN_RULES
    schedule: Callable[[ConfidenceEstimator, float], Schedule] = TargetSchedule
    frames: Callable[[Path, Sequence[ListEntry]], list[DatasetFrame]] = dataset_frames
    make_matrix: Callable[[], ConfusionMatrix] = ConfusionMatrix
    make_statistics: Callable[[], RunStatistics] = RunStatistics
    paint: Callable[[UInt8Array], UInt8Array] = colour_mask_bgr
    warped: Callable[[FramePair], Path] = key_of

    def make_scene(
        self, info: VideoInfo, style: Style | None, camera: Camera | None
    ) -> tuple[SceneAnalyser, Annotator]:
        """What finds a video's objects, and what draws its frames."""
        analyser = SceneAnalyser(info, camera)
        return analyser, Annotator(info, style, analyser=analyser)

    def rules_for(self, first: DatasetFrame) -> StreamRules:
        """The rules for a data set that begins with this frame.

        Raises:
            MediaError: the image to be shown as the first key can't be read.
        """
        if first.shown_as_key is None:
            return self.rules
        shown = self.rules.first_key(read_image_bgr(first.shown_as_key))
        return replace(self.rules, first_key=lambda frame: shown)


class OriginalPreset(Preset):
    """The original's rules; its scenes have its own distances, and objects without identity."""

    def make_scene(
        self, info: VideoInfo, style: Style | None, camera: Camera | None
    ) -> tuple[SceneAnalyser, Annotator]:
        """See the base class."""
        measure = original_measure(info.width_px)
        analyser = SceneAnalyser(info, camera, split=False, track=False, measure=measure)
        return analyser, Annotator(info, style, analyser=analyser, text=original_object_text)


def _other_colour_order(image: UInt8Array) -> UInt8Array:
    return image[..., ::-1]


# By index, as they come: sky is multiplied by road's channel, and so on.
ORIGINAL_SCALE_CHANNELS = (0, 1, 2, 4, 5, 6, 8, 10, 11, 13, 18)

_VSSN = Preset()
_ORIGINAL = OriginalPreset(
    Conventions(segnet_input, original_flow_input_bgr, ORIGINAL_SCALE_CHANNELS),
    StreamRules(
        warp_probabilities_coarse, labels_at_probability_size, _other_colour_order, pixel_agreement
    ),
    partial(DynamicSchedule, fall=0.0, rise=0.0),
    second_column_frames,
    OriginalConfusionMatrix,
    OriginalStatistics,
    original_mask_bgr,
    current_of,
)
_ORIGINAL_VIDEO = replace(
    _ORIGINAL,
    conventions=replace(_ORIGINAL.conventions, flow_input=original_flow_input_rgb),
    rules=replace(_ORIGINAL.rules, labels=labels_enlarged),
)

# By the name that users give; for data sets, and for videos.
PRESETS = {"vssn": _VSSN, "original": _ORIGINAL}
VIDEO_PRESETS = {"vssn": _VSSN, "original": _ORIGINAL_VIDEO}
