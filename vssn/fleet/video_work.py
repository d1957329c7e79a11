"""What a worker does with videos: chunks annotated one by one, then joined.

Everything starts anew at a chunk: the segmenter with a key frame, the tracks with object 1, the
estimate of the horizon. So a chunk's result depends on nothing but the chunk.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import cv2

from vssn.api import annotate_video
from vssn.assembly import Assembly, assemble
from vssn.config import SegmenterConfig
from vssn.errors import MediaError
from vssn.files import file_sha256
from vssn.fleet.chunk_video import (
    CHUNK_SUFFIX,
    ChunkPictures,
    ChunkVideo,
    JoinPlan,
    join_chunks,
)
from vssn.fleet.chunks import ChunkFolder, ChunkResult, Input, InputPlan, count_chunks
from vssn.fleet.places import Place, shown
from vssn.fleet.record_files import join_records, records_name
from vssn.fleet.settings import AttachedFiles, CameraOptions, look_with
from vssn.fleet.sources import SourceCache
from vssn.fleet.weights import PackedWeights
from vssn.json_files import loads, parse
from vssn.media.pipeline import WriteBehind
from vssn.media.video import VideoSource, exact_seconds
from vssn.original.preset import VIDEO_PRESETS
from vssn.runtime.load import WeightPaths, load_networks
from vssn.runtime.processor import byte_weight_limit
from vssn.scene.camera import Camera, camera_for
from vssn.scene.style import Style
from vssn.types import FrameResult, VideoInfo

JOINED = "joined.json"
RECORDS_SUFFIX = ".parquet"
MAX_CHUNK_BYTES = 1 << 32
Assemble = Callable[[SegmenterConfig, WeightPaths | None], Assembly]


class LabelHash:
    """SHA-256 of a stream's labels, frame by frame.

    Attributes:
        segmented: how many frames, or regions, were segmented.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.segmented = 0

    def add(self, result: FrameResult) -> None:
        """Take the next frame's labels."""
        self._digest.update(b"%d,%d;" % result.labels.shape)
        self._digest.update(result.labels.tobytes())
        self.segmented += result.segmentation_steps

    def hexdigest(self) -> str:
        """The hash so far."""
        return self._digest.hexdigest()


def assemble_video(config: SegmenterConfig, weights: WeightPaths | None = None) -> Assembly:
    """Make the segmenter, of weights that lie elsewhere than the configuration says."""
    if weights is None:
        return assemble(config, VIDEO_PRESETS)
    conventions = VIDEO_PRESETS[config.preset].conventions
    networks = load_networks(weights, conventions, config.runtime_options)
    return assemble(config, VIDEO_PRESETS, networks=networks)


def start_networks(
    make: Assemble, config: SegmenterConfig, weights: PackedWeights | None
) -> tuple[Assembly, str]:
    """Load the networks in a worker, and name what computes.

    Args:
        make: the assembler.
        config: with as many threads as the worker has CPUs.
        weights: None for those that the configuration names.

    Returns:
        The segmenter with what belongs to it; and the runtime, with whatever else changes results.
    """
    cv2.setNumThreads(config.threads or 1)
    assembly = make(config, weights.unpacked() if weights else None)
    kind = assembly.runtime
    if kind.endswith("int8"):
        kind += f", weights up to {byte_weight_limit()}"
    return assembly, kind


@dataclass
class VideoWork(ChunkFolder):
    """See :class:`vssn.fleet.chunks.Work`.

    Attributes:
        place: where results go.
        job: tells apart what other settings made; the folder of the chunks has this name.
        config: of the segmenter.
        weights: its files.
        chunk_s: length of a chunk.
        selected: what :class:`VideoSource` is asked for besides chunks: start, end, stride,
            image_fps.
        style: of the pictures.
        camera: arguments of :func:`vssn.scene.camera.camera_for`, or a camera.
        attached: files that style and camera name.
        make: the assembler.
    """

    place: Place
    job: str
    config: SegmenterConfig
    weights: PackedWeights | None
    chunk_s: Fraction
    selected: dict[str, Any] = field(default_factory=dict)
    style: Style | None = None
    camera: CameraOptions = None
    attached: AttachedFiles | None = None
    make: Assemble = assemble_video

    suffixes: ClassVar[Collection[str]] = (CHUNK_SUFFIX, RECORDS_SUFFIX)

    def check_more(self, more: dict[str, Any]) -> None:
        """See :meth:`ChunkFolder.check_more`."""
        parse(ChunkPictures, more)

    def load(self) -> str:
        """Load the networks."""
        self._cache = SourceCache()
        if self.attached:
            paths = self.attached.unpacked()
            self.style, self.camera = look_with(self.style, self.camera, paths)
        self._assembly, kind = start_networks(self.make, self.config, self.weights)
        return kind

    def release(self) -> None:
        """Let go of what is kept on this node."""
        self._cache.release()

    def _open(self, given: Input, **selected: Any) -> VideoSource:
        """Open an input, or a chunk of it, under the input's own name."""
        local = self._cache.fetch(given.source)
        try:
            source = VideoSource(local, **{**self.selected, "chunk_s": self.chunk_s, **selected})
        except MediaError as error:
            if local == given.source:
                raise
            what = error.given.replace(local, shown(given.source))
            raise MediaError(what, error.expected, error.remedy) from error
        source.name = shown(given.source)
        return source

    def _camera(self, info: VideoInfo) -> Camera | None:
        return camera_for(info, **self.camera) if isinstance(self.camera, dict) else self.camera

    def plan(self, given: Input) -> InputPlan:
        """Open a video and find out how long it is."""
        with self._open(given) as source:
            self._camera(source.info)
            end = self.selected.get("end")
            length = source.duration
            if end is not None:
                end = exact_seconds(end)
                length = end if length is None else min(length, end)
            if length is not None:
                length = max(Fraction(0), length - source.origin)
            return InputPlan(count_chunks(length, self.chunk_s), source.origin, end)

    def chunk(self, given: Input, plan: InputPlan, number: int) -> ChunkResult:
        """Annotate a chunk; its files are there before the one that says so."""
        base = self._base(given, number)
        if done := self._done_before(base):
            return done
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="vssn-") as folder:
            written = Path(folder) / f"chunk{CHUNK_SUFFIX}", Path(folder) / f"chunk{RECORDS_SUFFIX}"
            result = self._annotated(given, plan, number, *written)
            files = {}
            for path in written:
                if path.exists():
                    content = path.read_bytes()
                    files[f"{number:06d}{path.suffix}"] = hashlib.sha256(content).hexdigest()
                    self.place.write(f"{base}{path.suffix}", content)
        result = replace(result, files=files, seconds=time.perf_counter() - begun)
        self.place.write(f"{base}.json", result.to_json())
        return result

    def _annotated(
        self, given: Input, plan: InputPlan, number: int, video: Path, records: Path
    ) -> ChunkResult:
        start, end = plan.span(number, self.chunk_s)
        labels = LabelHash()
        with ExitStack() as stack:
            source = stack.enter_context(self._open(given, start=start, end=end))
            source.may_be_empty = number > 0  # of a video that is shorter than it says
            suffix, threads = Path(given.name).suffix, self.config.threads or 1
            pictures = ChunkVideo(video, suffix, source.info, threads)
            run = annotate_video(
                source,
                segmenter=self._assembly,
                style=self.style,
                camera=self._camera(source.info),
                records=records,
                pictures=[stack.enter_context(WriteBehind(pictures))],
                on_result=labels.add,
            )
            info, sound = pictures.info, source.sound is not None
        more = ChunkPictures(pictures.first, info, sound, end is None).to_json()
        frames, lost = run.statistics.frames, run.lost_frames
        return ChunkResult(
            frames, labels.segmented, labels.hexdigest(), run.truncated, lost, more=more
        )

    def join(self, given: Input, plan: InputPlan) -> dict[str, Any]:
        """Join a video's chunks and their records, then remove them."""
        folder = self._folder(given)
        if self.place.size(f"{folder}/{JOINED}") is not None:
            return self._joined_before(f"{folder}/{JOINED}")
        results = list(self._results(given, plan))
        with tempfile.TemporaryDirectory(prefix="vssn-") as temporary:
            chunks = self._fetched(folder, results, Path(temporary))
            frames = self._joined_video(given, plan, results, chunks)
            join_records(
                [path.with_suffix(RECORDS_SUFFIX) for path in chunks],
                self.place,
                records_name(given.stem),
                [result.frames for result in results],
            )
        joined = {"frames": frames}
        self.place.write(f"{folder}/{JOINED}", json.dumps(joined).encode())
        for result in results:
            for name in result.files:
                self.place.remove(f"{folder}/{name}")
        return joined

    def _joined_before(self, name: str) -> dict[str, Any]:
        try:
            return dict(parse(dict[str, int], loads(self.place.read(name))))
        except ValueError as error:
            raise MediaError(
                f"'{self.place.name_of(name)}' ({error})", "what was written there", "remove it"
            ) from error

    def _fetched(self, folder: str, results: list[ChunkResult], target: Path) -> list[Path]:
        """Copy the chunks' files here and compare their hashes."""
        for result in results:
            for name, expected in result.files.items():
                self.place.download(f"{folder}/{name}", target / name, MAX_CHUNK_BYTES)
                if file_sha256(target / name, MAX_CHUNK_BYTES, "chunk") != expected:
                    self.place.remove(f"{folder}/{name.partition('.')[0]}.json")  # is done again
                    raise MediaError(
                        f"chunk '{self.place.name_of(folder)}/{name}', whose content changed",
                        "what was written",
                        "run again with --resume",
                    )
        return [target / f"{number:06d}{CHUNK_SUFFIX}" for number in range(len(results))]

    def _joined_video(
        self, given: Input, plan: InputPlan, results: list[ChunkResult], chunks: list[Path]
    ) -> int:
        pictures: list[ChunkPictures] = [parse(ChunkPictures, result.more) for result in results]
        shown_chunks, infos = [], []
        for path, each in zip(chunks, pictures, strict=True):
            if each.first is not None and each.info is not None:
                shown_chunks.append((path, each.first))
                infos.append(each.info)
        if not shown_chunks:
            return 0
        sound = Path(self._cache.fetch(given.source)) if pictures[0].sound else None
        suffix = Path(given.name).suffix
        name = Path(shown(given.source)).name
        how = JoinPlan(suffix, infos[0], plan.origin, sound, plan.end is None, name)
        with self.place.written(given.name) as target:
            return join_chunks(shown_chunks, target, how)
