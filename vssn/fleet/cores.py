"""Cores of a node for each worker on it, so that what Ray counts as a CPU is one.

A network's threads can be counted, but beside them a worker decodes, draws and encodes, and other
libraries start threads of their own. Held on its cores, a worker takes no more than it was given.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

TASKS = Path("/proc/self/task")  # a folder for each of this process' threads
LOCK = "\0vssn-core-{}"  # an abstract socket's name, gone with the process however that ends
PATIENCE_S = 2.0  # that a worker which was killed may still hold its cores
LOOK_S = 0.1


class Cores:
    """Cores that this process alone holds among the workers of this node, until it ends.

    Args:
        count: how many.
        node_cpus: of Ray's on this node. Cores are chosen only where that is how many this process
            may use: of fewer, others have the rest, and nothing tells which; more are meant to be
            shared.

    Attributes:
        held: their numbers; empty where none were chosen, or too few are free.
    """

    def __init__(self, count: int, node_cpus: int) -> None:
        self.held: frozenset[int] = frozenset()
        self._locks: list[socket.socket] = []
        usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
        if len(usable) != node_cpus or count > node_cpus:
            return
        until = time.monotonic() + PATIENCE_S
        while not self._take(count, sorted(usable)) and time.monotonic() < until:
            time.sleep(LOOK_S)
        if self.held:
            keep_on(self.held)

    def _take(self, count: int, usable: list[int]) -> bool:
        """Lock the first cores that are free; none where these are too few."""
        found: dict[int, socket.socket] = {}
        for core in usable:
            lock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                lock.bind(LOCK.format(core))
            except OSError:  # another worker's
                lock.close()
                continue
            found[core] = lock
            if len(found) == count:
                self.held, self._locks = frozenset(found), [*found.values()]
                return True
        for lock in found.values():
            lock.close()
        return False


def keep_on(cores: frozenset[int]) -> None:
    """Keep all threads of this process on cores; those that they start later stay there too."""
    os.sched_setaffinity(0, cores)
    for _ in range(2):  # once more for what a thread started before its own turn
        for thread in TASKS.iterdir() if TASKS.is_dir() else ():
            with contextlib.suppress(ProcessLookupError):  # it has ended
                os.sched_setaffinity(int(thread.name), cores)
