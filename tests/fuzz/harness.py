"""Makes cases, has them read in a child process, and counts the kinds of ends."""

from __future__ import annotations

import json
import os
import queue
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.mutate import make_case

TESTS = Path(__file__).resolve().parents[1]
GOOD = ("accepted", "refused")
KINDS = (*GOOD, "unclear", "traceback", "crash", "hang", "memory")
WALL_SECONDS = 100.0  # a busy machine is no fault of the reader
START_SECONDS = 240.0
JSON = ("config", "int8", "schedule", "camera", "palette", "rules")
# How often each is tried: TensorFlow's start takes seconds, a small file milliseconds.
SHARES = {
    **dict.fromkeys(("image", "label", "list", "features", "video", "graph"), 10.0),
    **dict.fromkeys((*JSON, "state", "cache"), 5.0),
    **dict.fromkeys(("frames", "pipe", "url"), 3.0),
    "hdf5": 2.0,
    "tf1": 0.2,
}


@dataclass(frozen=True)
class Case:
    """What was read, what was wrong with it, and how that ended."""

    reader: str
    path: Path
    damage: str
    kind: str
    text: str


class Child:
    """A process that reads, started anew after a crash or a hang."""

    def __init__(self, table: str = "fuzz.readers", wall_seconds: float = WALL_SECONDS) -> None:
        self._table, self._wall_seconds = table, wall_seconds
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def _start(self) -> subprocess.Popen[str]:
        paths = [str(TESTS), str(TESTS.parent), os.environ.get("PYTHONPATH", "")]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        process = subprocess.Popen(
            [sys.executable, "-m", "fuzz.child", self._table],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | quiet | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._lines = queue.Queue()
        threading.Thread(target=_forward, args=(process, self._lines), daemon=True).start()
        return process

    def run(self, reader: str, path: Path) -> tuple[str, str]:
        """How reading ended, and the error's text."""
        if self._process is None or self._process.poll() is not None:
            self._process = self._start()
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([reader, str(path)]) + "\n")
            self._process.stdin.flush()
            ready = self._lines.get(timeout=START_SECONDS)
            answer = self._lines.get(timeout=self._wall_seconds) if ready else ""
        except queue.Empty:
            self.close()
            return "hang", f"{self._wall_seconds:g} s"
        if not answer:
            return "crash", f"exit code {self._process.wait()}"
        kind, text = json.loads(answer)
        return kind, text

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None


def _forward(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.put(line)
    lines.put("")  # it has ended


def make_corpus(folder: Path) -> dict[str, list[Path]]:
    """Make the valid files; return the seeds' folders by reader."""
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    command = [sys.executable, "-m", "fuzz.corpus", str(folder)]
    subprocess.run(command, check=True, env=env, stderr=subprocess.DEVNULL)
    return {each.name: sorted(each.iterdir()) for each in sorted(folder.iterdir())}


@dataclass
class Fuzz:
    """A run over many cases.

    Attributes:
        seeds: folders of valid files by reader.
        folder: where cases are made; bad ones stay there.
        counts: how often a reader came to a kind of end.
        bad: cases of every kind but accepted and refused.
    """

    seeds: dict[str, list[Path]]
    folder: Path
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    bad: list[Case] = field(default_factory=list)

    def run(self, readers: Iterator[str], seed: int, until: float) -> None:
        """Try ``readers`` in turn, until they or the time are over.

        Args:
            readers: names.
            seed: cases of one seed are always the same.
            until: of time.monotonic().
        """
        child = Child()
        try:
            for number, reader in enumerate(readers):
                if time.monotonic() >= until:
                    return
                self._run_case(child, reader, number, random.Random(f"{seed} {number} {reader}"))
        finally:
            child.close()

    def _run_case(self, child: Child, reader: str, number: int, rng: random.Random) -> None:
        folder = self.folder / f"{number:06}-{reader}"
        path, damage = make_case(rng.choice(self.seeds[reader]), folder, rng)
        kind, text = child.run(reader, path)
        self.counts[reader, kind] += 1
        if kind not in GOOD:
            self.bad.append(Case(reader, path, damage, kind, text))
            return
        for made in self.folder.glob(f"{number:06}-*"):
            shutil.rmtree(made)

    def table(self) -> str:
        """Kinds of ends by reader."""
        head = f"{'':10}" + "".join(f"{kind:>11}" for kind in KINDS)
        names = sorted({reader for reader, _ in self.counts})
        rows = [
            f"{name:10}" + "".join(f"{self.counts[name, kind]:11}" for kind in KINDS)
            for name in names
        ]
        sums = [sum(self.counts[name, kind] for name in names) for kind in KINDS]
        return "\n".join([head, *rows, f"{'all':10}" + "".join(f"{each:11}" for each in sums)])


def sample(size: int) -> list[str]:
    """Readers by their shares, each at least twice."""
    total = sum(SHARES.values())
    return [
        name for name, share in SHARES.items() for _ in range(max(2, round(size * share / total)))
    ]


def endless(rng: random.Random) -> Iterator[str]:
    """Readers by their shares."""
    while True:
        yield from rng.choices(list(SHARES), list(SHARES.values()), k=100)
