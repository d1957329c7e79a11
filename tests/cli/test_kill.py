"""Whenever a run is ended, its results are whole or absent, and the next run finishes.

``make kills`` tries every command at more moments.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from kills.commands import (
    COMMANDS,
    FRAMES,
    HW,
    SIGNALS,
    Command,
    Ended,
    check,
    frames_of,
    kill,
    made,
)

from vssn.errors import MediaError
from vssn.media.sink import VideoSink
from vssn.types import VideoInfo

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows neither forks nor signals")

OFTEN = ("video", "infer", "features", "train-segnet")
SELDOM = sorted(
    name for name in COMMANDS if name not in (*OFTEN, "convert") and not COMMANDS[name].real
)
MOMENTS = 10  # of each command and signal


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("kills") / "given")


@pytest.mark.parametrize("name", OFTEN)
def test_results_are_whole_or_absent(given: Path, tmp_path: Path, name: str) -> None:
    command = COMMANDS[name]
    check(command, kill(partial(command.argv, given), SIGNALS, tmp_path, MOMENTS))


@pytest.mark.parametrize("name", SELDOM)
def test_every_command_withstands_a_kill(given: Path, tmp_path: Path, name: str) -> None:
    command = COMMANDS[name]
    check(command, kill(partial(command.argv, given), [signal.SIGKILL], tmp_path, 3, seed=2))


def test_an_older_video_stays_or_is_replaced_by_a_whole_one(given: Path, tmp_path: Path) -> None:
    def argv(out: Path) -> list[str]:
        with VideoSink(out / "v.mp4", VideoInfo(HW[1], HW[0], 25, None)) as sink:
            for _ in range(3):
                sink.write(np.zeros((*HW, 3), np.uint8))
        return COMMANDS["video"].argv(given, out)

    def looked_at(run: Ended) -> None:
        assert frames_of(run.left / "v.mp4") in ((FRAMES,) if run.status == 0 else (3, FRAMES))
        assert frames_of(run.out / "v.mp4") == FRAMES

    check(Command(COMMANDS["video"].argv, looked_at), kill(argv, SIGNALS[::2], tmp_path, MOMENTS))


def test_what_is_no_video_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"half")
    with pytest.raises(MediaError):
        frames_of(tmp_path / "v.mp4")
