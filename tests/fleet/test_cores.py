"""Workers that are held on cores of their own, each a process that says where its threads are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from vssn.fleet import cores

pytestmark = [
    pytest.mark.skipif(
        not hasattr(os, "sched_setaffinity"), reason="this system holds no process on cores"
    ),
    pytest.mark.timeout(60),
]

WORKER = """
import json, os, sys, threading
from vssn.fleet import cores
cores.LOCK = "\\0" + sys.argv[1]
count, node_cpus, cores.PATIENCE_S = map(float, sys.argv[2:])
stop = threading.Event()
threading.Thread(target=stop.wait).start()
kept = cores.Cores(int(count), int(node_cpus))
threading.Thread(target=stop.wait).start()
masks = {frozenset(os.sched_getaffinity(int(task))) for task in os.listdir("/proc/self/task")}
print(json.dumps([sorted(kept.held), [sorted(mask) for mask in masks]]), flush=True)
sys.stdin.read()
stop.set()
"""
Start = Callable[..., tuple[list[int], list[list[int]], "subprocess.Popen[str]"]]


@pytest.fixture
def usable() -> list[int]:
    return sorted(os.sched_getaffinity(0))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a worker of a number of CPUs, of so many on the node."""
    processes: list[subprocess.Popen[str]] = []
    lock = f"vssn-test-{os.getpid()}-{{}}"

    def started(
        cpus: int, node_cpus: int, patience_s: float = 0.0
    ) -> tuple[list[int], list[list[int]], subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, lock, str(cpus), str(node_cpus), str(patience_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        held, masks = json.loads(process.stdout.readline())
        return held, masks, process

    yield started
    for process in processes:
        process.kill()
        process.communicate()


def test_workers_of_one_node_share_no_core_and_hold_all_their_threads(
    start: Start, usable: list[int]
) -> None:
    found = []
    for core in usable[:3]:
        held, masks, _ = start(1, len(usable))
        assert (held, masks) == ([core], [[core]])
        found.append(core)
    assert found == usable[:3]


def test_more_workers_than_cores_move_freely(start: Start, usable: list[int]) -> None:
    assert start(len(usable), len(usable))[0] == usable
    held, masks, _ = start(1, len(usable))
    assert (held, masks) == ([], [usable])


def test_a_killed_worker_leaves_its_cores_to_the_next(start: Start, usable: list[int]) -> None:
    *_, first = start(len(usable), len(usable))
    first.kill()
    held, masks, _ = start(len(usable), len(usable), 5.0)
    assert (held, masks) == (usable, [usable])


@pytest.mark.parametrize("more", [-1, 1])
def test_cores_that_are_not_all_of_rays_are_left_alone(
    start: Start, usable: list[int], more: int
) -> None:
    held, masks, _ = start(1, len(usable) + more)
    assert (held, masks) == ([], [usable])


def test_a_system_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores.Cores(1, 1).held == frozenset()
