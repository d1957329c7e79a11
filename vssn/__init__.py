"""Adaptive semantic segmentation of driving video on an ordinary CPU.

Example:
    >>> import vssn
    >>> run = vssn.annotate_video("street.mp4", "annotated.mp4", target=80)
    >>> print(f"{run.statistics.fps_end_to_end:.1f} frames per second")
    >>> for frame_bgr, result in vssn.stream("street.mp4"):
    ...     road_share = (result.labels == vssn.CLASS_NAMES.index("road")).mean()
    ...     nearest = vssn.find_objects(result.labels)[:1]
    ...     print(result.time_s, result.path.value, f"{road_share:.0%}", nearest)
    >>> result = vssn.segment("street.png")
    >>> print(result.labels.shape)
"""

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
    "annotate_video",
    "dataset_frames",
    "find_objects",
    "load_networks",
    "load_segmenter",
    "segment",
    "segment_dataset",
    "stream",
]
