"""The public calls, each the whole job, and the one loop behind them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from vssn.assembly import Assembly, assemble, locate_weights
from vssn.config import SegmenterConfig, configured
from vssn.data.dataset import DatasetFrame, iter_frames
from vssn.data.lists import default_list, read_list
from vssn.evaluation.dataset_evaluation import DatasetEvaluation
from vssn.evaluation.runs import DatasetRun, VideoRun
from vssn.media.images import read_image_bgr
from vssn.media.pipeline import WriteBehind, read_ahead
from vssn.media.sinks import MaskFolder
from vssn.media.video import VideoSource
from vssn.original.preset import PRESETS, VIDEO_PRESETS, Preset
from vssn.runtime import load
from vssn.scene.annotation import FrameSink, PictureSink, open_annotation
from vssn.scene.camera import Camera
from vssn.scene.style import Style
from vssn.streaming.segmenter import Segmenter
from vssn.types import FrameResult, TimedFrame, UInt8Array

logger = logging.getLogger(__name__)

OnResult = Callable[[FrameResult], None]


def load_segmenter(
    config: SegmenterConfig | None = None,
    *,
    networks: load.Networks | None = None,
    **changes: Any,
) -> Segmenter:
    """Load the networks and make a segmenter of them.

    Args:
        config: what to load; None for the defaults.
        networks: use these, of the same configuration but for the target and the schedule.
        changes: attributes of :class:`vssn.SegmenterConfig` that differ from ``config``.

    Raises:
        BadInputError: there is no such flow, reference frame, split into regions or argument.
        CheckpointError: weights are missing, damaged, or of another network.

    Example:
        >>> segmenter = vssn.load_segmenter(target=80, precision="f32")
    """
    return assemble(configured(config, changes), PRESETS, networks=networks).segmenter


def load_networks(config: SegmenterConfig | None = None, **changes: Any) -> load.Networks:
    """Load the networks alone; see :func:`load_segmenter`."""
    wanted = configured(config, changes)
    preset = PRESETS[wanted.preset]
    return load.load_networks(locate_weights(wanted), preset.conventions, wanted.runtime_options)


def segment(
    image: str | Path | UInt8Array, config: SegmenterConfig | None = None, **changes: Any
) -> FrameResult:
    """Segment one picture.

    Args:
        image: its file, or (H, W, 3) uint8 BGR.
        config: see :func:`load_segmenter`.
        changes: likewise.

    Returns:
        Its labels at (H, W), and how long each stage took.

    Raises:
        MediaError: the file can't be read.
    """
    frame_bgr = image if not isinstance(image, str | Path) else read_image_bgr(Path(image))
    return load_segmenter(config, **changes).step(frame_bgr)


def process(
    frames: Iterable[TimedFrame], segmenter: Segmenter, sinks: Sequence[FrameSink] = ()
) -> Generator[tuple[TimedFrame, FrameResult], None, None]:
    """Segment frames in order: the one loop. Reading runs ahead in a thread of its own.

    Args:
        frames: in order; at each that starts a chunk the segmenter is reset.
        segmenter: segments them.
        sinks: take each frame with its result.

    Yields:
        Each frame and its result, which the sinks have taken.
    """
    with closing(read_ahead(frames)) as ahead:
        for frame in ahead:
            if frame.starts_chunk:
                segmenter.reset()
            stepped = segmenter.step(frame.frame_bgr)
            result = replace(stepped, index=frame.index, time_s=frame.time_s)
            for sink in sinks:
                sink.write(frame, result)
            yield frame, result


def stream(
    source: str | Path | int | VideoSource,
    config: SegmenterConfig | None = None,
    *,
    segmenter: Segmenter | Assembly | None = None,
    **changes: Any,
) -> Generator[tuple[UInt8Array, FrameResult], None, None]:
    """Segment a source frame by frame.

    Args:
        source: see :class:`vssn.VideoSource`; one that is already open stays open.
        config: see :func:`load_segmenter`.
        changes: likewise.
        segmenter: use this one, reset, instead of loading one.

    Yields:
        Each frame, (H, W, 3) uint8 BGR, and its result. Closing the generator closes the source.

    Example:
        >>> for frame_bgr, result in vssn.stream("street.mp4"):
        ...     print(result.time_s, result.path.value, result.labels.shape)
    """
    with ExitStack() as stack:
        opened = open_source(source, stack)
        assembly = _assembly(segmenter, configured(config, changes))
        results = stack.enter_context(closing(process(opened.iter_timed(), assembly.segmenter)))
        for frame, result in results:
            yield frame.frame_bgr, result


def open_source(source: str | Path | int | VideoSource, stack: ExitStack) -> VideoSource:
    """Open a source, closed by ``stack``; one that is open already stays so."""
    if isinstance(source, VideoSource):
        return source
    return stack.enter_context(VideoSource(source))


def annotate_video(
    source: str | Path | int | VideoSource,
    output: str | Path | None = None,
    config: SegmenterConfig | None = None,
    *,
    segmenter: Segmenter | Assembly | None = None,
    style: Style | None = None,
    camera: Camera | None = None,
    records: str | Path | None = None,
    sinks: Sequence[FrameSink] = (),
    pictures: Sequence[PictureSink] = (),
    on_result: OnResult = lambda result: None,
    **changes: Any,
) -> VideoRun:
    """Segment a video and write it annotated. Reading, computing, drawing and encoding overlap.

    Args:
        source: see :class:`vssn.VideoSource`; one that is already open stays open.
        output: what to write, whose name says its kind: a video (.avi, .mp4, .mkv, .webm), an
            animated preview (.gif, .webp), or images (``folder/%06d.png``); None writes none.
        config: see :func:`load_segmenter`.
        changes: likewise.
        segmenter: use this one, reset, instead of loading one.
        style: how the pictures look; None for an overlay with boxes.
        camera: what distances are computed from; None for a guess.
        records: a file for each frame's figures and objects: .jsonl, .csv or .parquet.
        sinks: take each frame with its result, objects included; closed at the end.
        pictures: take each annotated frame too, such as a window; closed at the end.
        on_result: called after each frame.

    Raises:
        BadInputError: see :func:`load_segmenter`, :class:`vssn.VideoSource` and
            :class:`vssn.VideoSink`. What was written by then is kept.

    Example:
        >>> run = vssn.annotate_video("street.mp4", "annotated.mp4", target=80)
        >>> print(run.statistics.fps_end_to_end)
    """
    with ExitStack() as stack:
        opened = open_source(source, stack)
        assembly = _assembly(segmenter, configured(config, changes))
        made = assembly.preset.make_scene(opened.info, style, camera)
        scene, writer = open_annotation(stack, opened, made, output, records, sinks, pictures)
        taking = [stack.enter_context(WriteBehind(scene))] if scene else []
        statistics = assembly.preset.make_statistics()
        results = process(opened.iter_timed(), assembly.segmenter, taking)
        for _, result in stack.enter_context(closing(results)):
            statistics.add(result)
            on_result(result)
    statistics.stop()
    return VideoRun(
        statistics,
        assembly.provenance() if assembly.weights else {},
        writer.path if writer else None,
        writer.frames if writer else 0,
        opened.truncated,
        opened.lost_frames,
        assembly.budget_target,
    )


def _assembly(
    segmenter: Segmenter | Assembly | None,
    config: SegmenterConfig,
    presets: Mapping[str, Preset] = VIDEO_PRESETS,
    first: DatasetFrame | None = None,
) -> Assembly:
    """Of a segmenter that was passed in, reset, or else of the configuration."""
    if segmenter is None:
        return assemble(config, presets, first)
    if isinstance(segmenter, Assembly):
        segmenter.segmenter.reset()
        return segmenter
    segmenter.reset()
    return Assembly(segmenter, presets[config.preset], config, "", None)


def dataset_frames(
    data_dir: str | Path,
    data_list: str | Path | None = None,
    num_steps: int | None = None,
    preset: str = "vssn",
) -> list[DatasetFrame]:
    """The frames of a list file, in the order in which a preset streams them.

    Args:
        data_dir: the folder that the list's paths start from.
        data_list: the list file; None for CamVid's test list.
        num_steps: how many of them; None for all.
        preset: ``vssn``, the first column, or ``original``, the second.

    Raises:
        MediaError: the list or a file that it names is missing.
    """
    path = Path(data_list) if data_list else default_list("test")
    entries = read_list(path)
    if num_steps and num_steps > len(entries):
        logger.warning(
            "note: %d steps wanted, but '%s' ends after %d frames", num_steps, path, len(entries)
        )
    return PRESETS[preset].frames(Path(data_dir), entries[:num_steps])


def segment_dataset(
    frames: Sequence[DatasetFrame],
    masks_dir: str | Path | None = None,
    config: SegmenterConfig | None = None,
    *,
    segmenter: Segmenter | Assembly | None = None,
    chunk_s: float | None = None,
    sinks: Sequence[FrameSink] = (),
    on_result: OnResult = lambda result: None,
    **changes: Any,
) -> DatasetRun:
    """Segment a data set as one stream and evaluate its labelled frames.

    Args:
        frames: see :func:`dataset_frames`.
        masks_dir: where masks go, ``mask<step>.png`` in the palette's colours; None saves none.
        config: see :func:`load_segmenter`.
        changes: likewise.
        segmenter: use this one, reset, instead of loading one.
        chunk_s: begin anew, with a key frame, after so many seconds; a frame counts as one. None
            for one stream.
        sinks: take each frame with its result, and are closed at the end.
        on_result: called after each frame.

    Raises:
        BadInputError: see :func:`load_segmenter`; or a file can't be read or written.

    Example:
        >>> frames = vssn.dataset_frames("CamVid", "val_list.txt")
        >>> print(vssn.segment_dataset(frames, target=80).evaluation.total.mean_iou())
    """
    wanted = configured(config, changes)
    if chunk_s is not None:
        wanted.check_chunked(chunk_s)
    assembly = _assembly(segmenter, wanted, PRESETS, frames[0])
    evaluation = DatasetEvaluation(assembly.preset.make_matrix)
    with ExitStack() as stack:
        taking = [*sinks]
        if masks_dir is not None:
            masks = MaskFolder(Path(masks_dir), assembly.preset.paint)
            taking.append(stack.enter_context(WriteBehind(masks)))
        statistics = assembly.preset.make_statistics()
        results = process(iter_frames(frames, chunk_s), assembly.segmenter, taking)
        for frame, result in stack.enter_context(closing(results)):
            statistics.add(result)
            if frame.truth is not None:
                evaluation.add(result, frame.truth)
            on_result(result)
    statistics.stop()
    provenance = assembly.provenance() if assembly.weights else {}
    return DatasetRun(statistics, evaluation, provenance, assembly.budget_target)
