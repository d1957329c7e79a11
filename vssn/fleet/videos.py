"""Many videos on a Ray cluster: the public call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vssn.config import SegmenterConfig, configured
from vssn.errors import BadInputError, argument
from vssn.fleet.chunks import FOLDER, Input, Work
from vssn.fleet.cluster import connected, import_ray
from vssn.fleet.job import FleetRun, Job, OnChunk
from vssn.fleet.manifest import JOINED, Manifest
from vssn.fleet.manifest_file import NAME as MANIFEST_NAME
from vssn.fleet.manifest_file import resume_manifest
from vssn.fleet.names import result_names
from vssn.fleet.places import FILE_SCHEMES, SCHEME, Place, absolute, is_url, matches
from vssn.fleet.pool import RayPool
from vssn.fleet.record_files import FOLDER as RECORDS
from vssn.fleet.record_files import import_arrow
from vssn.fleet.report import NAME as REPORT_NAME
from vssn.fleet.report import write_report
from vssn.fleet.settings import AttachedFiles, CameraOptions, job_id, portable
from vssn.fleet.video_work import Assemble, VideoWork, assemble_video
from vssn.fleet.weights import pack_weights
from vssn.media.containers import printable_url
from vssn.media.video import CAMERA, exact_seconds
from vssn.scene.camera import camera_for
from vssn.scene.palettes import load_palette
from vssn.scene.style import Style
from vssn.types import VideoInfo

CHUNK_S = 60.0
SELECTIONS = ("start", "end", "stride", "image_fps")
ANY_VIDEO = VideoInfo(1280, 720, 25.0, None)


def annotate_videos(
    sources: Sequence[str | Path],
    save_dir: str | Path,
    config: SegmenterConfig | None = None,
    *,
    address: str | None = None,
    chunk_s: float = CHUNK_S,
    resume: bool = False,
    pin_cpus: bool = True,
    style: Style | None = None,
    camera: CameraOptions = None,
    selected: dict[str, Any] | None = None,
    on_chunk: OnChunk = lambda over, known: None,
    **changes: Any,
) -> FleetRun:
    """Segment videos and write them annotated, chunk by chunk on all machines of a Ray cluster.

    A chunk begins with a key frame, and so do its tracks and its estimate of the horizon: each
    video equals what one process makes of ``VideoSource(source, chunk_s=chunk_s)``.

    Args:
        sources: video files, folders of images, or fsspec URLs (``s3://``, ``gs://``,
            ``https://``), with ``*`` for many of them.
        save_dir: where results go, a folder or its URL: a video of each source's name with .mp4,
            ``records`` (Parquet, partitioned by video), ``manifest.parquet`` and ``report.html``.
        config: see :func:`vssn.load_segmenter`; threads are those of one worker, 1 by default.
        address: of a Ray cluster; None for ``$RAY_ADDRESS``, or else one started on this machine.
        chunk_s: length of a chunk in s.
        resume: go on with an earlier call of the same settings; what is done is left as it is.
        pin_cpus: hold each worker on cores of its own, on nodes where Ray has exactly those that
            may be used.
        style: see :func:`vssn.annotate_video`.
        camera: a camera, or arguments of :func:`vssn.scene.camera.camera_for` by name.
        selected: ``start``, ``end``, ``stride`` and ``image_fps``, see :class:`vssn.VideoSource`.
        on_chunk: called after each chunk with how many are over and how many are known.
        changes: attributes of :class:`vssn.SegmenterConfig` that differ from ``config``.

    Returns:
        The figures, with what failed. A bad source does not keep others from their results.

    Raises:
        BadInputError: Ray is missing or does not answer, or a setting can't be had.
        MediaError: the folder can't be written to, or is of a job with other settings.
    """
    work = plan_work(
        Place(save_dir), configured(config, changes), chunk_s, selected or {},
        style, camera,
    )  # fmt: skip
    inputs = inputs_of(sources)
    with work.place.locked(), connected(address) as ray:
        manifest = open_manifest(work, inputs, resume)
        return run_job(work, manifest, ray, on_chunk, pin_cpus=pin_cpus)


def plan_work(
    place: Place,
    config: SegmenterConfig,
    chunk_s: float,
    selected: dict[str, Any],
    style: Style | None = None,
    camera: CameraOptions = None,
    make: Assemble = assemble_video,
) -> VideoWork:
    """What workers are told, as far as it can be checked checked here.

    Raises:
        BadInputError: see :func:`annotate_videos`.
    """
    import_ray()
    import_arrow()
    for name in set(selected) - set(SELECTIONS):
        raise BadInputError(f"argument {name!r}", f"one of {', '.join(SELECTIONS)}", "correct it")
    load_palette((style or Style()).palette)
    if isinstance(camera, dict):
        camera_for(ANY_VIDEO, **{**camera, "camera": None})
    config = portable(config, chunk_s)
    place.check_writable()
    weights = pack_weights(config)
    named = camera.get("camera") if isinstance(camera, dict) else None
    attached = AttachedFiles({"palette": style.palette if style else None, "camera": named})
    job = job_id(
        *(config, weights),
        chunk_s=chunk_s, selected=selected, style=style, camera=camera, files=attached.digest,
    )  # fmt: skip
    chunk = exact_seconds(chunk_s)
    return VideoWork(place, job, config, weights, chunk, selected, style, camera, attached, make)


def inputs_of(sources: Sequence[str | Path]) -> list[Input]:
    """The sources with their results' names; patterns of URLs become what they stand for.

    Each counts once. Local ones get paths from the root, as workers have other current folders.

    Raises:
        MediaError: a pattern names nothing.
        BadInputError: there is none, or one has no end, or can't be read in parts.
    """
    if not sources:
        raise BadInputError("no source", "videos to annotate", "name some")
    found: list[str] = []
    for source in map(str, sources):
        found += matches(source) if is_url(source) and "*" in source else [source]
    for source in found:
        scheme = SCHEME.match(source)
        endless = scheme is not None and scheme[1].lower() not in FILE_SCHEMES
        if source == "-" or CAMERA.fullmatch(source) or endless:
            raise BadInputError(
                f"'{printable_url(source)}' with {argument('engine', 'ray')}",
                "files, which can be read in parts",
                "leave it out",
            )
    once: dict[str, str] = {}
    for source in found:
        once.setdefault(absolute(source), source)
    return [Input(*each) for each in zip(result_names([*once.values()]), once, strict=True)]


def open_manifest(work: Work, inputs: Sequence[Input], resume: bool) -> Manifest:
    """The manifest, with what earlier runs did if that counts; else what they left is removed.

    Raises:
        MediaError: the manifest is damaged or of other settings, or the place does not answer.
    """
    manifest = Manifest(inputs, work.job, work.chunk_s)
    results = (MANIFEST_NAME, REPORT_NAME, *(given.name for given in inputs))
    work.place.check_results(results, (FOLDER, RECORDS))
    if not resume:
        work.place.remove(FOLDER)
        return manifest
    resume_manifest(manifest, work.place)
    there = work.place.names()
    for number in range(manifest.asked):
        rows = manifest.rows_of(number)
        joined = (manifest.rows["status"][rows.start : rows.stop] == JOINED).all()
        if rows and joined and not work.has_result(manifest.inputs[number], there):
            work.forget(manifest.inputs[number])
            manifest.wait_again(number)
    return manifest


def run_job(
    work: Work, manifest: Manifest, ray: Any, on_chunk: OnChunk, *, pin_cpus: bool = True
) -> FleetRun:
    """Do a job on a cluster and write its report."""
    begun = time.perf_counter()
    job = Job(manifest, work.place, on_chunk)
    pool = RayPool(ray, work, work.config.threads or 1, pin_cpus=pin_cpus)
    try:
        job.run(pool)
    finally:
        pool.close()
    run = job.result(time.perf_counter() - begun)
    write_report(run, manifest, work.place)
    return run
