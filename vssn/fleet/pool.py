"""Workers on a Ray cluster: actors that keep their networks loaded, fed one task at a time.

A worker that is gone is replaced where there is room, its task goes to another. Workers are added
when nodes are.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from vssn.errors import VssnError
from vssn.fleet.chunks import Work
from vssn.fleet.cluster import import_ray
from vssn.fleet.cores import Cores

logger = logging.getLogger(__name__)

LOOK_S = 5.0  # how often new nodes are looked for
RELEASE_S = 10.0
NOBODY_S = 0.2  # between two looks while no worker even loads
PATIENCE_S = 60.0  # after which a pool without workers says that it waits
MAX_FAILED_STARTS = 8  # in a row, of workers that die while they load


@dataclass(frozen=True)
class Task:
    """A call of a method of :class:`vssn.fleet.chunks.Work`.

    Attributes:
        method: its name.
        input: number of the input that it is about.
        row: of the chunk in the manifest; None for an input as a whole.
        arguments: of the call.
    """

    method: str
    input: int
    row: int | None
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes:
        value: what the method gave.
        error: what it raised, in one line, arguments' names still open; None for nothing.
        lost: whether the worker died, or is of no use.
        full: whether that is because a disk is full, the worker's own or that of the results.
        seconds: that the method took.
        node: where.
    """

    value: Any = None
    error: str | None = None
    lost: bool = False
    seconds: float = 0.0
    node: str = ""
    full: bool = False


class Tasks(Protocol):
    """What is to be done; answers may add to it."""

    def __bool__(self) -> bool:
        """Whether there is a task now."""

    def take(self, last: int | None) -> Task:
        """The next one for a worker whose last one was of an input."""


class Runner(Protocol):
    """Runs tasks somewhere and gives their answers in the order in which they end."""

    def answers(self, tasks: Tasks) -> Generator[tuple[Task, Answer], None, None]:
        """Run tasks until there are none."""


def answer(work: Work, method: str, arguments: tuple[Any, ...]) -> Answer:
    """Call a method and tell what became of it; only the end of the process escapes."""
    begun = time.perf_counter()
    node = f"{socket.gethostname()[:16]}:{os.getpid()}"
    try:
        value = getattr(work, method)(*arguments)
    except VssnError as problem:
        text, full = str(problem.args[0]), _is_full(problem)
    except Exception as problem:  # noqa: BLE001 - one chunk's fault is not the job's
        text = " ".join(f"{type(problem).__name__}: {problem}".split())
        full = _is_full(problem)
    else:
        return Answer(value, None, False, time.perf_counter() - begun, node)
    return Answer(None, text, full, time.perf_counter() - begun, node, full)


def _is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


class _Worker:
    """An actor's state: the work with its networks, and the cores that it is held on."""

    def __init__(self, work: Work, cpus: int, pin_cpus: bool) -> None:
        self._work = work
        self._cores = Cores(cpus, _node_cpus()) if pin_cpus else None

    def call(self, method: str, arguments: tuple[Any, ...]) -> Answer:
        return answer(self._work, method, arguments)


def _node_cpus() -> int:
    """How many CPUs Ray has on the node of this worker."""
    ray = import_ray()
    here = ray.get_runtime_context().get_node_id()
    (node,) = (node for node in ray.nodes() if node["NodeID"] == here)
    return int(node["Resources"].get("CPU", 0))


class RayPool:
    """See :class:`Runner`.

    Args:
        ray: the module, connected to a cluster.
        work: sent to every worker once, through the object store.
        threads: CPUs of a worker.
        most: workers at most; None for as many as the cluster has room for.
        pin_cpus: whether each worker is held on cores of its own, see
            :class:`vssn.fleet.cores.Cores`.

    Attributes:
        size: how many workers are loaded.
    """

    def __init__(
        self,
        ray: Any,
        work: Work,
        threads: int = 1,
        most: int | None = None,
        *,
        pin_cpus: bool = True,
    ) -> None:
        self._ray = ray
        self._work = ray.put(work)
        self._threads = threads
        self._most = most
        self._pin_cpus = pin_cpus
        options = {"num_cpus": threads, "max_restarts": 0, "scheduling_strategy": "SPREAD"}
        self._actor = ray.remote(**options)(_Worker)
        self._loading: dict[Any, Any] = {}  # actors by the answer to load() that they owe
        self._busy: dict[Any, tuple[Any, Task]] = {}
        self._idle: list[Any] = []
        self._last: dict[Any, int] = {}  # number of the input that each was at
        self._kind: str | None = None
        self._looked = self._told = 0.0
        self._failed_starts = 0

    @property
    def size(self) -> int:
        """How many workers are loaded."""
        return len(self._busy) + len(self._idle)

    def wait_for(self, count: int) -> None:
        """Start workers and wait until so many are loaded."""
        while self.size < count:
            self._look()
            loading = [*self._loading]
            ready, _ = self._ray.wait(loading, timeout=LOOK_S) if loading else ([], [])
            if not loading:
                time.sleep(NOBODY_S)
            for reference in ready:
                self._loaded(reference)

    def answers(self, tasks: Tasks) -> Generator[tuple[Task, Answer], None, None]:
        """See :class:`Runner`.

        Raises:
            VssnError: the networks can't be loaded, or machines would not compute the same.
        """
        self._told = time.monotonic()
        while tasks or self._busy:
            self._look()
            while tasks and self._idle:
                self._start(self._idle.pop(), tasks)
            waiting = [*self._busy, *(self._loading if tasks else ())]
            ready, _ = self._ray.wait(waiting, timeout=LOOK_S) if waiting else ([], [])
            self._tell_of_waiting(bool(ready), not waiting)
            for reference in ready:
                if reference in self._loading:
                    self._loaded(reference)
                else:
                    yield self._done(reference)

    def _start(self, actor: Any, tasks: Tasks) -> None:
        task = tasks.take(self._last.get(actor))
        self._last[actor] = task.input
        self._busy[actor.call.remote(task.method, task.arguments)] = actor, task

    def _done(self, reference: Any) -> tuple[Task, Answer]:
        actor, task = self._busy.pop(reference)
        try:
            result: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            logger.warning("a worker is gone (%s); its task is done again", type(error).__name__)
            self._kill(actor)
            self._looked = 0.0
            return task, Answer(error="the worker died", lost=True)
        if result.lost:  # a fresh one takes a while to load, in which others get the task
            logger.warning("a disk is full at %s; its task is done again", result.node)
            self._kill(actor)
            self._looked = 0.0
        else:
            self._idle.append(actor)
        return task, result

    def _loaded(self, reference: Any) -> None:
        actor = self._loading.pop(reference)
        try:
            result: Answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            self._failed_starts += 1
            logger.warning("a worker is gone while it loads (%s)", type(error).__name__)
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise VssnError(
                    f"{self._failed_starts} workers died while they loaded the networks: "
                    "expected some GB of free memory for each; start fewer, by more CPUs for each"
                ) from error
            self._kill(actor)
            return
        if result.error is not None:
            raise VssnError(result.error)
        self._failed_starts = 0
        if self._kind is None:
            self._kind = result.value
            logger.info("workers compute with %s", self._kind)
        if self._kind != result.value:
            raise VssnError(
                f"workers of two kinds, '{self._kind}' and '{result.value}' ({result.node}): "
                "expected one, as results would differ; choose precision f32, or equal machines"
            )
        self._idle.append(actor)

    def _look(self) -> None:
        """Start as many workers as the cluster has room for."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        nodes = [node for node in self._ray.nodes() if node["Alive"]]
        room = sum(int(node["Resources"].get("CPU", 0)) // self._threads for node in nodes)
        wanted = room if self._most is None else min(room, self._most)
        for _ in range(wanted - self.size - len(self._loading)):
            actor = self._actor.remote(self._work, self._threads, self._pin_cpus)
            self._loading[actor.call.remote("load", ())] = actor

    def _tell_of_waiting(self, heard: bool, nobody: bool) -> None:
        now = time.monotonic()
        if heard or self._busy:
            self._told = now
        elif now - self._told > PATIENCE_S:
            logger.warning("no worker is ready yet: each needs %d free CPUs", self._threads)
            self._told = now
        if nobody:
            time.sleep(NOBODY_S)

    def _kill(self, actor: Any) -> None:
        self._last.pop(actor, None)
        self._ray.kill(actor)

    def close(self) -> None:
        """End all workers; those that are at nothing let go of what they keep on their nodes."""
        letting = [actor.call.remote("release", ()) for actor in self._idle]
        if letting:
            self._ray.wait(letting, num_returns=len(letting), timeout=RELEASE_S)
        actors = [
            *self._idle,
            *self._loading.values(),
            *(actor for actor, _ in self._busy.values()),
        ]
        for actor in actors:
            self._kill(actor)
        self._idle, self._loading, self._busy = [], {}, {}
