"""Latency of live streams: ten minutes of a paced file, and of an RTSP server that is restarted.

    python benchmarks/live.py --clip street_640x360.mp4 --save_dir out

The clip is repeated at 30 frames per second until it lasts long enough. ``file`` plays it at that
rate; ``rtsp`` serves it by GStreamer (see rtsp_server.py), kills the server in the middle and
starts it again; ``threads`` compares splits of the cores in short runs that take turns. Each run is
a process of its own, as users start them. Run nothing else meanwhile. Prints a table, and writes
each run's latency.png and live.json into folders of --save_dir, and the table's figures to
``live_benchmark.json``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from measuring import markdown

from vssn.files import make_directory
from vssn.json_files import write_json

FPS = 30
PORT = 8554
RESTART_S = 3.0  # that the server is away
SYSTEM_PYTHON = "/usr/bin/python3"  # whose gi is the system's
HERE = Path(__file__).parent
# What a run is started with: threads of the segmentation network and of OpenCV in the stream, how
# far the network's thread gives way, and for how many ms a thread may keep Python's lock.
SPLITS = {
    "1 + 1": (1, 1, 5, 0.5),
    "2 + 1": (2, 1, 5, 0.5),
    "2 + 2": (2, 2, 5, 0.5),
    "1 + 2": (1, 2, 5, 0.5),
    "1 + 1, equal priorities": (1, 1, 0, 0.5),
    "1 + 1, Python's lock for 5 ms": (1, 1, 5, 5.0),
}
SPLIT_RUN = """
import functools, sys
threads, stream_threads, niceness, switch_ms = {split}
from vssn import assembly, realtime
from vssn.cli import live
from vssn.cli.main import main
from vssn.streaming.background import SegmentationThread
realtime.STREAM_THREADS = stream_threads
live.SWITCH_S = switch_ms / 1000
assembly.SegmentationThread = functools.partial(SegmentationThread, niceness=niceness)
sys.exit(main({argv!r} + ["--threads", str(threads)]))
"""


def repeated(clip: Path, path: Path, seconds: float) -> Path:
    """The clip's packets again and again at 30 frames per second, without decoding."""
    base = Fraction(1, 90_000)
    with av.open(str(path), "w") as output:
        stream, count = None, 0
        while count < seconds * FPS:
            with av.open(str(clip)) as source:
                video = source.streams.video[0]
                if stream is None:
                    stream = output.add_stream_from_template(video)
                    stream.time_base = base
                packets = [packet for packet in source.demux(video) if packet.pts is not None]
                period = Fraction(1) / video.average_rate / packets[0].time_base
                first = min(packet.pts for packet in packets)
                for packet in packets:
                    for name in ("pts", "dts"):
                        number = round((getattr(packet, name) - first) / period) + count
                        setattr(packet, name, int(Fraction(number, FPS) / base))
                    packet.time_base, packet.stream = base, stream
                    output.mux(packet)
                count += len(packets)
    return path


@contextlib.contextmanager
def served(path: Path) -> Iterator[subprocess.Popen[str]]:
    """The RTSP server, running."""
    process = subprocess.Popen(
        [SYSTEM_PYTHON, str(HERE / "rtsp_server.py"), str(path), str(PORT)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise SystemExit("no RTSP server; see benchmarks/rtsp_server.py for what it needs")
        yield process
    finally:
        process.kill()
        process.wait()


def command(source: str, folder: Path, more: list[str]) -> list[str]:
    return ["live", source, "--report", str(folder), "--quiet", *more]


def started(argv: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "vssn", *argv])


def figures(folder: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((folder / "live.json").read_text())
    return found


def paced(path: Path, folder: Path, more: list[str]) -> dict[str, object]:
    """The file, at its own rate."""
    if started(command(str(path), folder, more)).wait():
        raise SystemExit("the run failed")
    return figures(folder)


def over_rtsp(path: Path, folder: Path, seconds: float, more: list[str]) -> dict[str, object]:
    """The file by RTSP; half-way the server is killed, and started again some seconds later."""
    with served(path):
        run = started(command(f"rtsp://127.0.0.1:{PORT}/street", folder, more))
        time.sleep(seconds / 2)
    time.sleep(RESTART_S)
    with served(path):
        time.sleep(seconds / 2)
        if run.poll() is not None:
            raise SystemExit("the stream ended before its server")
        run.send_signal(signal.SIGINT)
        run.wait()
    return figures(folder)


def split(path: Path, folder: Path, frames: int, name: str, more: list[str]) -> dict[str, object]:
    """A short run with other threads."""
    argv = [*command(str(path), folder, more), "--max_frames", str(frames)]
    code = SPLIT_RUN.format(split=SPLITS[name], argv=argv)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return figures(folder)


def table(rows: dict[str, list[dict[str, object]]]) -> list[str]:
    """A line for each run."""
    columns = ["run", "frames", "dropped", "late", "p50", "p95", "p99", "max", "results' age"]
    cells = [
        [
            name,
            *(str(run[key]) for key in ("frames", "dropped_frames", "late_frames")),
            *(f"{run['latency_ms'][key]:.1f}" for key in ("p50", "p95", "p99", "max")),
            f"{run['key_age_ms']['mean']:.0f}",
        ]
        for name, runs in rows.items()
        for run in runs
    ]
    return markdown(columns, cells)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clip", type=Path, required=True, help="H.264, such as 640x360")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["file", "rtsp"])
    parser.add_argument("--minutes", type=float, default=10.0, help="(default: %(default)g)")
    parser.add_argument("--split_s", type=float, default=30.0, help="of each run of 'threads'")
    parser.add_argument("--rounds", type=int, default=2, help="of 'threads'")
    parser.add_argument("--save_dir", type=Path, default=Path("benchmark-output"))
    parser.add_argument("more", nargs="*", help="flags of vssn live for every run, after --")
    args = parser.parse_args()
    folder = make_directory(args.save_dir)
    rows: dict[str, list[dict[str, object]]] = {}
    clip = repeated(args.clip, folder / "repeated.mp4", 60 * args.minutes)
    try:
        for part in args.parts:
            rows |= PARTS[part](clip, folder, args)
            print("\n".join(table(rows)), flush=True)
    finally:
        clip.unlink()
    write_json(folder / "live_benchmark.json", {"runs": rows}, "benchmark")


def _file(clip: Path, folder: Path, args: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    return {"file": [paced(clip, folder / "file", args.more)]}


def _rtsp(clip: Path, folder: Path, args: argparse.Namespace) -> dict[str, list[dict[str, object]]]:
    return {"RTSP": [over_rtsp(clip, folder / "rtsp", 60 * args.minutes, args.more)]}


def _threads(
    clip: Path, folder: Path, args: argparse.Namespace
) -> dict[str, list[dict[str, object]]]:
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in SPLITS}
    for number in range(args.rounds):
        for name in SPLITS:
            where = folder / f"threads-{number}-{name.replace(' ', '')}"
            rows[name].append(split(clip, where, round(args.split_s * FPS), name, args.more))
    return rows


PARTS = {"file": _file, "rtsp": _rtsp, "threads": _threads}

if __name__ == "__main__":
    main()
