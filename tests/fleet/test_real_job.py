"""A real clip with the shipped networks, in chunks."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from fakes import InThisProcess
from test_job import records

import vssn
from vssn.checkpoints.locate import locate_segnet
from vssn.errors import CheckpointError
from vssn.fleet.job import Job
from vssn.fleet.places import Place
from vssn.fleet.videos import inputs_of, open_manifest, plan_work

pytestmark = [pytest.mark.real, pytest.mark.slow]
SELECTED = {"start": 8.0, "end": 9.2}
CHUNK_S = 0.5


def test_chunks_of_a_real_clip_equal_one_process(tmp_path: Path, shared_data: Path) -> None:
    pytest.importorskip("ray")
    try:
        locate_segnet(None)
    except CheckpointError as error:
        pytest.skip(f"NO SHIPPED WEIGHTS: {error}")
    clip = shared_data / "freeway/freeway_640x360_25fps.mp4"
    config = vssn.SegmenterConfig(target=80, threads=1)
    work = plan_work(Place(tmp_path / "out"), config, CHUNK_S, SELECTED)
    job = Job(open_manifest(work, inputs_of([clip]), False), work.place)
    job.run(InThisProcess(work))
    done = job.result(1.0)
    assert (done.chunks, done.frames, done.failures) == (3, 30, ())
    with vssn.VideoSource(clip, chunk_s=CHUNK_S, **SELECTED) as source:
        run = vssn.annotate_video(
            source, tmp_path / "single.mp4", config, records=tmp_path / "single.parquet"
        )
    assert done.segmented == run.statistics.segmentation_steps < 30
    made = tmp_path / f"out/records/video={clip.stem}/part-0.parquet"
    assert records(made) == records(tmp_path / "single.parquet")
    with vssn.VideoSource(tmp_path / f"out/{clip.stem}.mp4") as joined:
        times = [frame.time for frame in joined.iter_timed()]
    assert times == [Fraction(n, 25) for n in range(30)]
