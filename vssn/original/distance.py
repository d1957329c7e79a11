"""The original's distance: a number with the unit of a metre, and no metre in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from vssn.labels import LABELS
from vssn.scene.camera import Camera
from vssn.types import SceneObject

# The size of a pixel of a screen with 96 dots per inch, in metres.
PIXEL_M = 0.0002645833


def original_measure(
    width_px: int,
) -> Callable[[Sequence[SceneObject], Camera], list[SceneObject]]:
    """Make the original's measure: 1 / (px from the frame's top middle x 0.0002645833).

    Its description leaves open which point of an object is meant; here it is the bottom middle of
    its box, where ours is measured too.

    Args:
        width_px: of the frames.

    Returns:
        A function for ``SceneAnalyser(measure=...)``; the camera that it is given is not used.
    """

    def measured(found: SceneObject) -> SceneObject:
        if not LABELS[found.label].measured:
            return found
        middle_px = (found.box.left + found.box.right) / 2
        apart_px = math.hypot(middle_px - width_px / 2, found.box.bottom)
        return replace(found, distance_m=1 / (apart_px * PIXEL_M))

    return lambda objects, camera: [measured(found) for found in objects]


def original_object_text(found: SceneObject) -> str:
    """What the original writes at an object: ``car 6.68 m``, or ``signsymbol``."""
    name = LABELS[found.label].name
    return name if found.distance_m is None else f"{name} {found.distance_m:.2f} m"
