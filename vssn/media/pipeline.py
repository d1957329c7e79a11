"""Reading ahead and writing behind, each in a thread of its own.

Decoding and encoding leave Python's lock, so they run beside the networks. The queues are
bounded: memory does not grow when one side is slower.
"""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable
from typing import Any, Generic, ParamSpec, Protocol, Self, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Given = ParamSpec("Given")

# A source that hangs, such as a camera without signal, must not hang its consumer on closing.
STOP_TIMEOUT_S = 5.0


class Sink(Protocol[Given]):
    """Takes items, each of one or several values, one by one until it is closed."""

    def write(self, *item: Given.args, **named: Given.kwargs) -> None:
        """Take an item."""

    def close(self, complete: bool = True) -> None:
        """Finish; called again, it does nothing.

        Args:
            complete: whether all items were written.
        """


class ClosedOnExit(ABC):
    """A sink for a ``with`` statement: an exception in it says that not all was written."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(complete=kind is None)

    @abstractmethod
    def close(self, complete: bool = True) -> None:
        """See :meth:`Sink.close`."""


class _End:
    """Follows the last item, with what ended them."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Bounded(Generic[Item]):
    """A bounded queue that Ctrl-C can't damage.

    The standard ``Queue`` is written in Python: where the main thread is interrupted between waking
    a waiter and forgetting it, the next item wakes nobody, and both sides wait for ever (one
    interruption in fifty, in a tight loop). ``SimpleQueue`` is safe, but has no bound; a second one
    holds the places that are free.
    """

    def __init__(self, depth: int) -> None:
        self._items: queue.SimpleQueue[Item | _End] = queue.SimpleQueue()
        self._places: queue.SimpleQueue[None] = queue.SimpleQueue()
        for _ in range(max(1, depth)):
            self.add_place()

    def put(self, item: Item) -> None:
        """Wait for a place and add an item."""
        self._places.get()
        self._items.put(item)

    def offer(self, item: Item) -> bool:
        """Add an item if there is a place; says whether there was."""
        try:
            self._places.get_nowait()
        except queue.Empty:
            return False
        self._items.put(item)
        return True

    def end(self, end: _End) -> None:
        """Add what follows the last item; it needs no place."""
        self._items.put(end)

    def get(self, timeout_s: float | None = None) -> Item | _End:
        """Wait for an item and take it; raises ``queue.Empty`` after ``timeout_s``."""
        item = self._items.get(timeout=timeout_s)
        self.add_place()
        return item

    def add_place(self) -> None:
        """Make room for one more, as for a place that an interruption lost."""
        self._places.put(None)


def _fill(iterable: Iterable[Item], items: _Bounded[Item], stop: threading.Event) -> None:
    end = _End()
    try:
        for item in iterable:
            if stop.is_set():
                break
            items.put(item)
    except BaseException as error:  # noqa: BLE001 - it is raised again in the consumer
        end = _End(error)
    items.end(end)


def _stop_reader(thread: threading.Thread, items: _Bounded[Item], stop: threading.Event) -> None:
    stop.set()
    items.add_place()
    # Taking out what is queued frees a reader that waits for room, until its end arrives.
    try:
        while not isinstance(items.get(STOP_TIMEOUT_S), _End):
            pass
    except queue.Empty:
        logger.warning("the source does not answer; leaving it behind")
        return
    thread.join()


def read_ahead(iterable: Iterable[Item], depth: int = 4) -> Generator[Item, None, None]:
    """Iterate in a thread of its own, up to ``depth`` items ahead of the consumer.

    Closing this generator, or an exception in the loop over it, stops the thread and waits for
    the item that it is reading. Close the source after that, or with it.

    Args:
        iterable: read by one thread only, from the first ``next`` on.
        depth: how many items may wait, 1 or more.

    Raises:
        Exception: whatever ``iterable`` raises, after the items before.
    """
    items: _Bounded[Item] = _Bounded(depth)
    stop = threading.Event()
    thread = threading.Thread(
        target=_fill, args=(iterable, items, stop), name="read-ahead", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := items.get(), _End):
            yield item
    except BaseException:
        _stop_reader(thread, items, stop)
        raise
    thread.join()
    if item.error is not None:
        raise item.error


def _write_rest(items: _Bounded[Any], done: threading.Event) -> None:
    if not done.is_set():
        items.end(_End())
        done.wait(STOP_TIMEOUT_S)


class WriteBehind(ClosedOnExit, Generic[Given]):
    """Hands items to a sink in a thread of its own; use it in a ``with`` statement.

    Leaving the statement, by an exception too, writes what is queued and closes the sink. Items
    must not be changed once they are handed over.
    """

    def __init__(self, sink: Sink[Given], depth: int = 4) -> None:
        """Start the thread.

        Args:
            sink: written to by that thread, closed by the caller's.
            depth: how many items may wait, 1 or more; then `write` waits.
        """
        self._sink = sink
        self._items: _Bounded[tuple[tuple[Any, ...], dict[str, Any]]] = _Bounded(depth)
        self._error: BaseException | None = None
        self._failed = False
        # Not the thread's own end: one whose `join` Ctrl-C interrupted counts as ended.
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._drain, name="write-behind", daemon=True)
        self._thread.start()
        # An interrupt may come between any two steps of closing: nothing stays half written.
        self._at_exit = weakref.finalize(self, _write_rest, self._items, self._done)

    def write(self, *item: Given.args, **named: Given.kwargs) -> None:
        """Queue an item.

        Raises:
            Exception: what the sink raised at an earlier item; later ones are not written.
            ValueError: it is closed.
        """
        self._check()
        self._items.put((item, named))

    def offer(self, *item: Given.args, **named: Given.kwargs) -> bool:
        """Queue an item if there is room, without waiting; see `write`.

        Returns:
            Whether there was.
        """
        self._check()
        return self._items.offer((item, named))

    def _check(self) -> None:
        self._raise_error()
        if self._done.is_set():
            raise ValueError("write to a closed WriteBehind")

    def close(self, complete: bool = True) -> None:
        """Write what is queued and close the sink; called again, it does nothing.

        Args:
            complete: whether all items were written; the sink is told.

        Raises:
            Exception: what the sink raised at an item, unless `write` did already, or on closing.
        """
        if not self._done.is_set():
            self._items.end(_End())
            try:
                self._done.wait()
            except BaseException:  # a second Ctrl-C: what is queued is still written
                self._done.wait(STOP_TIMEOUT_S)
                self._sink.close(complete=False)
                raise
            self._thread.join()
        self._at_exit.detach()
        try:
            self._sink.close(complete=complete and not self._failed)
        finally:
            self._raise_error()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _drain(self) -> None:
        try:
            self._write_items()
        finally:
            self._done.set()

    def _write_items(self) -> None:
        while not isinstance(item := self._items.get(), _End):
            # After an error items are only taken out, so that the producer never waits in vain.
            if self._failed:
                continue
            values, named = item
            try:
                self._sink.write(*values, **named)
            except BaseException as error:  # noqa: BLE001 - it is raised again in the producer
                self._error, self._failed = error, True
