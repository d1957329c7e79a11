"""A large data set on a Ray cluster: the public call."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from vssn.config import SegmenterConfig, configured
from vssn.data.lists import ListEntry, default_list, read_list
from vssn.errors import MediaError
from vssn.fleet.chunks import Input
from vssn.fleet.cluster import connected, import_ray
from vssn.fleet.dataset_work import EVALUATION, Counts, DatasetWork, evaluation_of
from vssn.fleet.job import FleetRun, OnChunk
from vssn.fleet.places import Place, absolute, is_url
from vssn.fleet.record_files import import_arrow
from vssn.fleet.settings import job_id, portable
from vssn.fleet.videos import CHUNK_S, open_manifest, run_job
from vssn.fleet.weights import pack_weights
from vssn.json_files import loads, parse
from vssn.media.video import exact_seconds


def segment_dataset(
    data_dir: str | Path,
    save_dir: str | Path,
    data_list: str | Path | None = None,
    config: SegmenterConfig | None = None,
    *,
    num_steps: int | None = None,
    address: str | None = None,
    chunk_s: float = CHUNK_S,
    resume: bool = False,
    pin_cpus: bool = True,
    on_chunk: OnChunk = lambda over, known: None,
    **changes: Any,
) -> FleetRun:
    """Segment a data set, chunk by chunk on all machines of a Ray cluster, and evaluate it.

    The result equals that of ``vssn.segment_dataset(frames, masks_dir, chunk_s=chunk_s)``.

    Args:
        data_dir: the folder that the list's paths start from, or its fsspec URL.
        save_dir: where masks, ``evaluation.json``, ``manifest.parquet`` and ``report.html`` go; a
            folder or its URL.
        data_list: the list file or its URL; None for CamVid's test list.
        config: see :func:`vssn.load_segmenter`; threads are those of one worker, 1 by default.
        num_steps: how many frames of the list; None for all.
        address: see :func:`vssn.fleet.annotate_videos`.
        chunk_s: length of a chunk; a frame counts as a second.
        resume: go on with an earlier call of the same settings; what is done is left as it is.
        pin_cpus: see :func:`vssn.fleet.annotate_videos`.
        on_chunk: called after each chunk with how many are over and how many are known.
        changes: attributes of :class:`vssn.SegmenterConfig` that differ from ``config``.

    Returns:
        The figures, with what failed and the evaluation of the labelled frames.

    Raises:
        BadInputError: see :func:`vssn.fleet.annotate_videos`; or the list can't be read.
    """
    import_ray()
    import_arrow()
    wanted = portable(configured(config, changes), chunk_s)
    place = Place(save_dir)
    place.check_writable()
    source = str(data_list or default_list("test"))
    entries = read_entries(source)[:num_steps]
    weights = pack_weights(wanted)
    data_dir = absolute(str(data_dir))
    listed = [(entry.frame, entry.label) for entry in entries]
    job = job_id(wanted, weights, chunk_s=chunk_s, entries=listed, data_dir=data_dir)
    work = DatasetWork(place, job, wanted, weights, exact_seconds(chunk_s), data_dir, entries)
    with place.locked(), connected(address) as ray:
        manifest = open_manifest(work, [Input(EVALUATION, absolute(source))], resume)
        run = run_job(work, manifest, ray, on_chunk, pin_cpus=pin_cpus)
    return with_evaluation(run, place)


def read_entries(source: str) -> list[ListEntry]:
    """The entries of a list file, or of one behind a URL.

    Raises:
        MediaError: it can't be read, or is no list.
    """
    if not is_url(source):
        return read_list(Path(source))
    with tempfile.TemporaryDirectory(prefix="vssn-") as folder:
        path = Path(folder) / "list.txt"
        Place(source).download("", path)
        return read_list(path)


def with_evaluation(run: FleetRun, place: Place) -> FleetRun:
    """The figures of a data set that is done, with its evaluation."""
    if not run.joined:
        return run
    try:
        counts = parse(Counts, loads(place.read(EVALUATION)))
        return replace(run, evaluation=evaluation_of([counts]))
    except ValueError as error:
        raise MediaError(
            f"evaluation '{place.name_of(EVALUATION)}' ({error})",
            "what was written there",
            "remove it, and run again with --resume",
        ) from error
