"""Putting flows of consecutive frames together."""

from __future__ import annotations

from vssn.flow.warp import warp
from vssn.types import FlowEstimate


def compose(later: FlowEstimate, earlier: FlowEstimate) -> FlowEstimate:
    """The flow from a frame back over the one before it to an earlier frame.

    A pixel came from where ``later`` points, and that place from where ``earlier`` points there, in
    between the cells bilinearly. Warping once along the sum blurs less than warping twice.

    Args:
        later: from the current frame back to a middle one, on any grid.
        earlier: from the middle frame back to the earlier one, on the same grid.

    Returns:
        From the current frame back to the earlier one, with the product of their scales, if any.
    """
    flow = later.flow + warp(earlier.flow, later.flow)
    if later.scale is None or earlier.scale is None:
        return FlowEstimate(flow, None)
    return FlowEstimate(flow, later.scale * warp(earlier.scale, later.flow))
