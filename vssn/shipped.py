"""Finding the folders that the project ships: weights and lists."""

from __future__ import annotations

from os.path import exists  # unlike pathlib's, false for names that can't exist
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def find_shipped(name: str) -> Path:
    """Find a file or folder that the project ships, such as ``resnet50_segnet_model``.

    The current directory comes first, then the checkout that the package lies in, then the copy
    inside an installed package.

    Args:
        name: a path relative to the top of a checkout.

    Returns:
        The first that exists; where none does, the one in the current directory.
    """
    places = (Path(name), PACKAGE.parent / name, PACKAGE / "_shipped" / name)
    return next((place for place in places if exists(place)), places[0])
