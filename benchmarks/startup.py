"""Start-up time: of --help, and of the first frame of a video with a warm cache."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from measuring import markdown, median_seconds

from vssn.media.sink import VideoSink
from vssn.types import VideoInfo

ROUNDS = 5


def _median_seconds(command: Sequence[str]) -> float:
    return median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), ROUNDS)


def measure(frame_bgr: np.ndarray) -> dict[str, float]:
    """Whole runs of the command, in seconds; that of a video of one frame holds all of a start."""
    vssn = [sys.executable, "-m", "vssn.cli.main"]
    height, width = frame_bgr.shape[:2]
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "one.avi")
        sink = VideoSink(clip, VideoInfo(width, height, 25.0, 1))
        sink.write(frame_bgr)
        sink.close()
        video = [*vssn, "video", "--video_file", str(clip), "--save_dir", str(Path(folder, "out"))]
        subprocess.run(video, check=True, capture_output=True)  # fills the cache
        return {"help_s": _median_seconds([*vssn, "--help"]), "video_s": _median_seconds(video)}


def table(seconds: dict[str, float]) -> list[str]:
    rows = [
        ("`vssn --help`", f"{seconds['help_s']:.2f}"),
        ("`vssn video` of one frame, networks compiled before", f"{seconds['video_s']:.2f}"),
    ]
    return markdown(("start", "s"), rows)
