"""The names that ``import vssn`` offers."""

from vssn.api import (
    annotate_video,
    dataset_frames,
    load_networks,
    load_segmenter,
    segment,
    segment_dataset,
    stream,
)
from vssn.config import SegmenterConfig
from vssn.errors import BadInputError, CheckpointError, MediaError, VssnError
from vssn.evaluation.metrics import ConfusionMatrix
from vssn.labels import CLASS_NAMES, LABELS
from vssn.media.sink import VideoSink
from vssn.media.video import VideoSource
from vssn.realtime import annotate_live, live
from vssn.scene.analysis import SceneAnalyser
from vssn.scene.annotators import Annotator
from vssn.scene.camera import Camera
from vssn.scene.objects import find_objects
from vssn.scene.style import Style
from vssn.streaming.schedule import DynamicSchedule, FixedInterval, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, FrameResult, Propagate, SceneObject, TimedFrame, VideoInfo
from vssn.version import __version__

__all__ = [
    "CLASS_NAMES",
    "LABELS",
    "AdaptiveSegmenter",
    "Annotator",
    "BadInputError",
    "Camera",
    "CheckpointError",
    "ConfusionMatrix",
    "DynamicSchedule",
    "FixedInterval",
    "FramePath",
    "FrameResult",
    "MediaError",
    "Propagate",
    "SceneAnalyser",
    "SceneObject",
    "SegmenterConfig",
    "Style",
    "TargetSchedule",
    "TimedFrame",
    "VideoInfo",
    "VideoSink",
    "VideoSource",
    "VssnError",
    "__version__",
    "annotate_live",
    "annotate_video",
    "dataset_frames",
    "find_objects",
    "live",
    "load_networks",
    "load_segmenter",
    "segment",
    "segment_dataset",
    "stream",
]
