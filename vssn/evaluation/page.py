"""The report of a run as one HTML page that needs nothing else: ``report.html``.

The page draws its plots itself, from figures inside it. Its content security policy allows only
what is in the page, and a video or pictures beside it where they are too large for that.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vssn.config import SegmenterConfig
from vssn.errors import MediaError
from vssn.evaluation.page_content import describe_run, shown
from vssn.evaluation.page_template import render
from vssn.evaluation.runs import DatasetRun, VideoRun
from vssn.evaluation.timeline import Timeline
from vssn.files import check_writable, make_directory, reason, write_text
from vssn.scene.camera import Camera
from vssn.scene.distance import measure
from vssn.scene.objects import find_objects
from vssn.types import FrameResult, SceneObject, TimedFrame

PAGE_NAME = "report.html"
# As text in the page this is a third more; browsers still open such a page at once.
EMBEDDED_BYTES = 64 * 2**20
# What browsers play or show.
VIDEO_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".webp": "image/webp",
}


@dataclass(frozen=True)
class Picture:
    """A PNG that the page shows or links.

    Attributes:
        caption: what it shows.
        path: its file, in the page's directory.
        embedded: whether it is part of the page.
    """

    caption: str
    path: Path
    embedded: bool = True


def _nearest(result: FrameResult) -> SceneObject | None:
    """The nearest object; of a frame without a scene, such as a data set's, by a guessed camera."""
    objects: Sequence[SceneObject] | None = result.objects
    if objects is None:
        height_px, width_px = result.labels.shape
        objects = measure(find_objects(result.labels), Camera.default(width_px, height_px))
    distances = {
        index: found.distance_m
        for index, found in enumerate(objects)
        if found.distance_m is not None
    }
    return objects[min(distances, key=distances.__getitem__)] if distances else None


class ReportPage:
    """Collects what the page of a run shows, and writes it. Memory does not grow with the run.

    Example:
        >>> page = ReportPage(Path("report"), config, title="street.mp4")
        >>> run = vssn.annotate_video("street.mp4", "annotated.mp4", config, sinks=[page])
        >>> page.save(run)
    """

    def __init__(
        self,
        directory: Path,
        config: SegmenterConfig | None = None,
        *,
        title: str = "",
        embedded_bytes: int = EMBEDDED_BYTES,
    ) -> None:
        """Find out before the run what would keep its page from being written.

        Args:
            directory: where ``report.html`` will go; nothing is made yet.
            config: what the run is made with; None for the defaults.
            title: the page's, such as the source's name.
            embedded_bytes: files larger than that are linked.

        Raises:
            MediaError: the directory can't be made or written to.
        """
        check_writable(directory)
        self._directory = directory
        self._config = config or SegmenterConfig()
        self._title = title
        self._embedded_bytes = embedded_bytes
        self._timeline = Timeline()

    def write(self, frame: TimedFrame, result: FrameResult) -> None:
        """Take a frame with its result."""
        self._timeline.add(frame.time_s, result, _nearest(result))

    def close(self, complete: bool = True) -> None:
        """Nothing is open."""

    def save(self, run: VideoRun | DatasetRun, pictures: Sequence[Picture] = ()) -> Path:
        """Write the page, atomically.

        Args:
            run: that this took the frames of. Its video is part of the page if it is .mp4, .webm,
                .gif or .webp and not too large.
            pictures: to show below the plots.

        Returns:
            The page's path.

        Raises:
            MediaError: it can't be written, or the video or a picture not be read.
        """
        path = make_directory(self._directory) / PAGE_NAME
        try:
            text = self._render(run, pictures)
        except OSError as error:
            raise MediaError(
                f"'{error.filename}' for report '{path}' ({reason(error)})",
                "a file that can be read",
                "make the report again",
            ) from error
        write_text(path, text, "report")
        return path

    def _render(self, run: VideoRun | DatasetRun, pictures: Sequence[Picture]) -> str:
        content = {
            "title": self._title or "Report",
            **describe_run(run, self._config),
            "timeline": self._timeline.columns(),
            "framesPerSpan": self._timeline.frames_per_span,
            "calibrated": self._timeline.calibrated,
            "stageMs": self._timeline.stage_ms(),
            "pictures": [self._picture(picture) for picture in pictures],
        }
        output = run.output if isinstance(run, VideoRun) and run.written_frames else None
        kind = VIDEO_TYPES.get(output.suffix.lower()) if output else None
        video, embedded = None, b""
        if output is not None and kind is not None:
            small = output.stat().st_size <= self._embedded_bytes
            embedded = output.read_bytes() if small else b""
            # Where it has no address, the page holds it.
            video = {"type": kind, "source": "" if small else self._link(output)}
        described: dict[str, Any] = shown(content)
        return render({**described, "video": video}, embedded)

    def _link(self, path: Path) -> str:
        """An address of a file, relative to the page where there is such a way."""
        try:
            return quote(Path(os.path.relpath(path, self._directory)).as_posix())
        except ValueError:  # another drive
            return path.absolute().as_uri()

    def _picture(self, picture: Picture) -> dict[str, Any]:
        embedded = picture.embedded and picture.path.stat().st_size <= self._embedded_bytes
        source = self._link(picture.path)
        if embedded:
            encoded = base64.b64encode(picture.path.read_bytes()).decode()
            source = f"data:image/png;base64,{encoded}"
        return {"caption": picture.caption, "source": source, "embedded": embedded}
