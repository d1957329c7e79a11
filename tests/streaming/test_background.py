"""The thread that segments: one frame at a time, errors handed on, and an end."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vssn.streaming.background import SegmentationThread, lower_priority

if TYPE_CHECKING:
    from fake_networks import FakeSegmentation

FRAME = np.full((48, 64, 3), 70, np.uint8)
pytestmark = pytest.mark.timeout(20)


def test_a_result_is_there_once_it_is_done(fake_segmentation: FakeSegmentation) -> None:
    go_on = threading.Event()
    fake_segmentation.before_each = go_on.wait
    thread = SegmentationThread(fake_segmentation)
    thread.start(FRAME)
    assert thread.result() is None
    assert thread.result(0.01) is None
    go_on.set()
    done = thread.result(None)
    assert done is not None
    np.testing.assert_array_equal(done.probabilities, fake_segmentation.probabilities(FRAME))
    assert done.seconds > 0
    thread.close()
    thread.close()
    assert not any(each.name == "segmentation" for each in threading.enumerate())


def test_an_error_is_raised_where_the_result_is_asked_for(
    fake_segmentation: FakeSegmentation,
) -> None:
    def fail() -> None:
        raise RuntimeError("out of memory")

    fake_segmentation.before_each = fail
    thread = SegmentationThread(fake_segmentation)
    thread.start(FRAME)
    with pytest.raises(RuntimeError, match="out of memory"):
        thread.result(None)
    fake_segmentation.before_each = lambda: None
    thread.start(FRAME)
    assert thread.result(None) is not None
    thread.close()


@pytest.mark.skipif(sys.platform != "linux", reason="priorities by thread")
def test_only_the_calling_thread_gives_way() -> None:
    found = []

    def run() -> None:
        lower_priority(3)
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [min(before + 3, 19)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
