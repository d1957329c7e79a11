"""A chunk's pictures as encoded packets, and a video joined of its chunks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from vssn.errors import MediaError
from vssn.media.containers import opened
from vssn.media.encoding import FORMATS, make_encoder
from vssn.media.parts import COMMENT
from vssn.media.remux import Finishing, Part, part_packets, remux
from vssn.media.sound import Sound
from vssn.media.timeline import OutputTimes
from vssn.types import UInt8Array, VideoInfo

CHUNK_SUFFIX = ".mp4"  # exact times for every codec that is written


@dataclass(frozen=True)
class ChunkPictures:
    """What joining needs of a chunk: the fields of :attr:`ChunkResult.more`.

    Attributes:
        first: time of the first frame in the source, in s; None without frames.
        info: of the pictures; None without frames.
        sound: whether the source has any.
        whole: whether the chunk goes to the source's end.
    """

    first: Fraction | None
    info: VideoInfo | None
    sound: bool
    whole: bool

    def to_json(self) -> dict[str, Any]:
        """For a JSON file; fractions are text."""
        told: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        return told


class ChunkVideo:
    """Writes annotated frames as an output of a kind would hold them, without sound.

    Times count from the chunk's first frame, whose own time is kept beside the file.

    Args:
        path: of the file.
        suffix: of the video that the chunk will be part of.
        info: of the source; pictures may be wider.
        threads: that encode; the same for all chunks, so that any worker makes the same of one.

    Attributes:
        first: time of the first frame in the source, in s; None before it.
        info: of the pictures; None before the first.
    """

    def __init__(self, path: Path, suffix: str, info: VideoInfo, threads: int) -> None:
        self._path = path
        self._format = FORMATS[suffix]
        self._source = info
        self._threads = threads
        self.info: VideoInfo | None = None
        self.first: Fraction | None = None

    def write(self, frame_bgr: UInt8Array, time_s: Fraction) -> None:
        """Encode an (H, W, 3) uint8 BGR frame of time ``time_s`` in the source."""
        if self.first is None:
            self._open(frame_bgr, time_s)
        stamp = self._times.next_stamp(time_s)
        self._container.mux(self._encoder.encode(frame_bgr, stamp))
        self._times.add(stamp)

    def _open(self, frame_bgr: UInt8Array, time_s: Fraction) -> None:
        height, width = frame_bgr.shape[:2]
        self.first = time_s
        self.info = replace(self._source, width_px=width, height_px=height)
        self._times = OutputTimes(self.info, None)
        self._container = av.open(f"file:{self._path.absolute()}", "w", format="mp4")
        self._encoder = make_encoder(
            self._container, self.info, self._times.unit, self._format, self._threads
        )

    def close(self, complete: bool = True) -> None:
        """Write what is held back; called again, or without frames, it does nothing."""
        if self.first is not None and self._container is not None:
            self._container.mux(self._encoder.flush())
            self._container.close()
            self._container = None  # type: ignore[assignment]


@dataclass(frozen=True)
class JoinPlan:
    """How chunks become a video.

    Attributes:
        suffix: of the video.
        info: of its pictures.
        origin: the source's time that becomes 0, in s.
        source: the local file whose sound is added; None for a silent video.
        whole: whether the pictures go to the source's end.
        name: of the source, for the metadata.
    """

    suffix: str
    info: VideoInfo
    origin: Fraction
    source: Path | None
    whole: bool
    name: str


def join_chunks(chunks: Sequence[tuple[Path, Fraction]], target: Path, plan: JoinPlan) -> int:
    """Put the pictures of chunks behind each other, with the source's sound.

    Args:
        chunks: the file of each, see :class:`ChunkVideo`, and its first frame's time.
        target: the video, which is written over.
        plan: how.

    Returns:
        How many frames it holds.

    Raises:
        MediaError: a chunk can't be read, was encoded otherwise, or the video can't be written.
    """
    _check_alike([path for path, _ in chunks])
    parts = [Part(path, first - plan.origin) for path, first in chunks]
    times = OutputTimes(plan.info, plan.origin)
    for part in parts:
        for packet in part_packets(part):
            stamp = packet.pts if packet.pts is not None else packet.dts
            times.add(round((stamp or 0) * packet.time_base / times.unit))
    end = None if plan.whole else plan.origin + times.length
    sound = Sound(plan.source, plan.origin, end) if plan.source else None
    output = FORMATS[plan.suffix]
    grid = times.grid if output.container == "avi" else None
    count = remux(parts, target, Finishing(output, grid, sound, COMMENT + plan.name))
    if count != times.frames:
        raise MediaError(
            f"'{target}' with {count} frames", f"{times.frames} frames", "check the disk"
        )
    return count


def _check_alike(paths: Sequence[Path]) -> None:
    """A decoder is set up once for the whole video."""
    kinds = set()
    for path in paths:
        with opened(path) as container:
            context = container.streams.video[0].codec_context
            kinds.add((context.name, context.width, context.height, context.extradata))
    if len(kinds) > 1:
        raise MediaError(
            f"chunks that were encoded in {len(kinds)} ways",
            "the same encoder on every machine",
            "install one version of PyAV everywhere and begin anew",
        )
