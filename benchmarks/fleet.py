"""How a job on Ray scales, and what handing out its chunks costs.

    python benchmarks/fleet.py scaling --clips CLIPS --workers 1 2
    python benchmarks/fleet.py simulated --chunks 100000 --nodes 2
    python benchmarks/fleet.py engines --chunks 2000

``scaling`` annotates real videos, one thread for each worker, each on a core of its own and not,
and takes the numbers of workers in turn so that a busy moment hits all of them. ``simulated``
hands out chunks without work on a cluster of several nodes on this machine. ``engines`` compares
the actors of ``vssn.fleet`` with Ray Data's streaming execution.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import vssn
from vssn.fleet.chunks import ChunkResult, Input, InputPlan
from vssn.fleet.cluster import connected, import_ray
from vssn.fleet.job import Job
from vssn.fleet.manifest import Manifest
from vssn.fleet.places import Place
from vssn.fleet.pool import RayPool
from vssn.fleet.videos import inputs_of, open_manifest, plan_work

CHUNKS_PER_VIDEO = 100
STORE_BYTES = 150 << 20


@dataclass
class SimulatedWork:
    """Chunks that take a time and do nothing."""

    place: Place
    chunk_work_s: float = 0.0
    job: str = "simulated"
    config: vssn.SegmenterConfig = vssn.SegmenterConfig()  # noqa: RUF009 - it is frozen
    chunk_s: Fraction = Fraction(60)

    def load(self) -> str:
        return "nothing"

    def plan(self, given: Input) -> InputPlan:
        return InputPlan(CHUNKS_PER_VIDEO)

    def chunk(self, given: Input, plan: InputPlan, number: int) -> ChunkResult:
        time.sleep(self.chunk_work_s)
        return ChunkResult(1500, 300, "0" * 64, seconds=self.chunk_work_s)

    def join(self, given: Input, plan: InputPlan) -> dict[str, Any]:
        return {}

    def has_result(self, given: Input, there: set[str]) -> bool:
        return False

    def release(self) -> None:
        pass

    def forget(self, given: Input) -> None:
        pass


def memory_mb() -> float:
    """This process' memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


@contextmanager
def simulated_cluster(nodes: int, cpus: int) -> Iterator[Any]:
    """A cluster of several nodes on this machine."""
    import_ray()
    folder = tempfile.mkdtemp(prefix="vssn-", dir="/tmp")
    os.environ["RAY_TMPDIR"] = folder
    here = Path(__file__).resolve().parent
    os.environ["PYTHONPATH"] = os.pathsep.join([str(here.parent), str(here)])
    import ray
    from ray.cluster_utils import Cluster

    node = {"num_cpus": cpus, "object_store_memory": STORE_BYTES}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    for _ in range(nodes - 1):
        cluster.add_node(**node)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield ray
    finally:
        ray.shutdown()
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def simulated(args: argparse.Namespace) -> None:
    """Time and memory of the driver while chunks without work are handed out."""
    from fleet import SimulatedWork as Work  # by its module's name, which workers know

    with tempfile.TemporaryDirectory() as folder, simulated_cluster(args.nodes, args.cpus) as ray:
        work = Work(Place(folder), args.work_s)
        videos = -(-args.chunks // CHUNKS_PER_VIDEO)
        inputs = [Input(f"{n}.mp4", f"{n}.mp4") for n in range(videos)]
        memory: list[float] = []

        def look(over: int, known: int) -> None:
            if over % max(1, args.chunks // 20) == 0:
                memory.append(memory_mb())

        job = Job(Manifest(inputs, work.job, work.chunk_s), work.place, look)
        pool = RayPool(ray, work)
        pool.wait_for(args.nodes * args.cpus)
        begun = time.perf_counter()
        job.run(pool)
        seconds = time.perf_counter() - begun
        pool.close()
    chunks = videos * CHUNKS_PER_VIDEO
    workers = args.nodes * args.cpus
    print(f"{chunks} chunks, {workers} workers on {args.nodes} nodes: {seconds:.1f} s")
    print(f"{1000 * seconds / chunks:.2f} ms of the driver for each chunk")
    print(f"{1000 * (seconds * workers / chunks - args.work_s):.2f} ms of a worker between chunks")
    print("driver's memory in MB, over the run:", " ".join(f"{each:.0f}" for each in memory))


def engines(args: argparse.Namespace) -> None:
    """Actors beside Ray Data, on chunks without work."""
    with connected() as ray:
        workers = int(ray.cluster_resources()["CPU"])
        for _ in range(args.repeats):
            with tempfile.TemporaryDirectory() as folder:
                work = SimulatedWork(Place(folder), args.work_s)
                pool = RayPool(ray, work)
                pool.wait_for(workers)
                videos = -(-args.chunks // CHUNKS_PER_VIDEO)
                inputs = [Input(f"{n}.mp4", f"{n}.mp4") for n in range(videos)]
                job = Job(Manifest(inputs, work.job, work.chunk_s), work.place)
                begun = time.perf_counter()
                job.run(pool)
                actors_s = time.perf_counter() - begun
                pool.close()
            data_s = ray_data_seconds(ray, args.chunks, args.work_s, workers)
            count = videos * CHUNKS_PER_VIDEO
            print(f"actors {1000 * actors_s / count:.2f} ms a chunk, ", end="")
            print(f"Ray Data {1000 * data_s / args.chunks:.2f} ms a chunk", flush=True)


def ray_data_seconds(ray: Any, chunks: int, work_s: float, workers: int) -> float:
    """The same by Ray Data's streaming execution: a pool of actors, one chunk in a batch."""
    import ray.data

    class Chunk:
        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            time.sleep(work_s)
            return batch

    ray.data.DataContext.get_current().enable_progress_bars = False
    begun = time.perf_counter()
    data = ray.data.range(chunks, override_num_blocks=chunks)
    done = data.map_batches(
        Chunk, batch_size=1, compute=ray.data.ActorPoolStrategy(size=workers), num_cpus=0.5
    )
    count = sum(len(batch["id"]) for batch in done.iter_batches(batch_size=1))
    assert count == chunks
    return time.perf_counter() - begun


def scaling(args: argparse.Namespace) -> None:
    """Frames per second of 1, 2, ... workers of one thread each, on cores of their own or not."""
    clips = sorted(str(path) for path in args.clips.glob("*.mp4"))
    with connected() as ray:
        room = int(ray.cluster_resources()["CPU"])
        counts = [count for count in args.workers if count <= room]
        for count in set(args.workers) - set(counts):
            print(f"{count} workers: left out, as there are {room} cores", flush=True)
        ways = [(pinned, count) for count in counts for pinned in (True, False)]
        rates: dict[tuple[bool, int], list[float]] = {way: [] for way in ways}
        for _ in range(args.repeats):
            for pinned, count in ways:
                rate = _rate(ray, clips, count, args.chunk_s, pinned)
                rates[pinned, count].append(rate)
                print(f"{count} workers, {_held(pinned)}: {rate:.2f} frames per second", flush=True)
    for pinned in (True, False):
        one = statistics.median(rates[pinned, counts[0]]) / counts[0]
        for count in counts:
            rate = statistics.median(rates[pinned, count])
            print(f"| {_held(pinned)} | {count} | {rate:.2f} | {rate / one / count:.2f} |")


def _held(pinned: bool) -> str:
    return "pinned" if pinned else "not pinned"


def _rate(ray: Any, clips: list[str], workers: int, chunk_s: float, pinned: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        work = plan_work(Place(folder), vssn.SegmenterConfig(), chunk_s, {})
        job = Job(open_manifest(work, inputs_of(clips), False), work.place)
        pool = RayPool(ray, work, 1, workers, pin_cpus=pinned)
        pool.wait_for(workers)
        begun = time.perf_counter()
        job.run(pool)
        seconds = time.perf_counter() - begun
        pool.close()
    return job.result(seconds).frames / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    scales = commands.add_parser("scaling")
    scales.add_argument("--clips", type=Path, required=True)
    scales.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    scales.add_argument("--chunk_s", type=float, default=60.0)
    scales.set_defaults(run=scaling)
    simulates = commands.add_parser("simulated")
    simulates.add_argument("--nodes", type=int, default=2)
    simulates.add_argument("--cpus", type=int, default=1, help="of each node")
    simulates.set_defaults(run=simulated, chunks=100_000)
    compares = commands.add_parser("engines")
    compares.set_defaults(run=engines, chunks=2000)
    for each in (simulates, compares):
        each.add_argument("--chunks", type=int, default=each.get_default("chunks"))
        each.add_argument("--work_s", type=float, default=0.0, help="that a chunk takes")
    for each in (scales, compares):
        each.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
