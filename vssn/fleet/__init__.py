"""Many videos, or a large data set, on a Ray cluster.

Example:
    >>> from vssn import fleet
    >>> run = fleet.annotate_videos(["drive-1.mp4", "drive-2.mp4"], "annotated", target=80)
    >>> print(run.place, run.frames, [failure.error for failure in run.failures])
"""

from vssn.fleet.datasets import segment_dataset
from vssn.fleet.job import Failure, FleetRun
from vssn.fleet.videos import annotate_videos

__all__ = ["Failure", "FleetRun", "annotate_videos", "segment_dataset"]
