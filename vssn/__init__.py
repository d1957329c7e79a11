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

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from vssn.version import __version__ as __version__

if TYPE_CHECKING:
    from vssn.public import *  # noqa: F403


def __getattr__(name: str) -> Any:
    """Import what is asked for: a command is interrupted in one line before anything is loaded."""
    if name == "__all__" or not name.startswith("__"):
        public = import_module("vssn.public")
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
        if name in globals():  # a module that was loaded on the way
            return globals()[name]
    raise AttributeError(f"module 'vssn' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("vssn.public").__all__})
