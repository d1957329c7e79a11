"""Adaptive semantic segmentation of driving video on an ordinary CPU.

Example:
    >>> import vssn
    >>> segmenter = vssn.load_segmenter(target=80)
    >>> with vssn.VideoSource("street.mp4") as frames_bgr:
    ...     for result in segmenter.stream(frames_bgr):
    ...         print(result.index, result.path.value, result.labels.shape)
"""

from vssn.errors import VssnError
from vssn.media.video import VideoSource
from vssn.networks import RuntimeOptions
from vssn.streaming.assemble import load_segmenter
from vssn.streaming.schedule import FixedInterval, TargetSchedule
from vssn.streaming.segmenter import AdaptiveSegmenter
from vssn.types import FramePath, FrameResult, Propagate, SceneObject, VideoInfo
from vssn.version import __version__

__all__ = [
    "AdaptiveSegmenter",
    "FixedInterval",
    "FramePath",
    "FrameResult",
    "Propagate",
    "RuntimeOptions",
    "SceneObject",
    "TargetSchedule",
    "VideoInfo",
    "VideoSource",
    "VssnError",
    "__version__",
    "load_segmenter",
]
