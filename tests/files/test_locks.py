"""Two runs at once: the second is told, and neither takes what the other is writing."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from vssn.errors import MediaError
from vssn.files import (
    atomic_path,
    file_lock,
    folder_lock,
    remove_abandoned,
    temporary_folder,
    write_text,
)
from vssn.files.temporary import tidy
from vssn.media.outputs import open_sink
from vssn.media.parts import create_part
from vssn.media.sinks import MaskFolder
from vssn.types import VideoInfo

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks")


def test_runs_that_write_other_files_share_a_folder(tmp_path: Path) -> None:
    with file_lock(tmp_path / "a.mp4"), file_lock(tmp_path / "b.mp4"):
        assert len(list(tmp_path.iterdir())) == 2
        with (
            pytest.raises(MediaError, match=r"a\.mp4' \(another run is writing it\)"),
            file_lock(tmp_path / "a.mp4"),
        ):
            pass
    assert list(tmp_path.iterdir()) == []


def test_names_as_long_as_the_disk_takes_can_be_locked(tmp_path: Path) -> None:
    with file_lock(tmp_path / ("x" * 251 + ".mp4")):
        assert len(list(tmp_path.iterdir())) == 1


def test_a_lock_that_a_killed_run_left_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / ".vssn.lock").touch(0o444)
    with folder_lock(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_no_lock_is_told(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / ".vssn.lock"
    if kind == "link":
        lock.symlink_to(tmp_path / "kept")
    else:
        lock.mkdir()
    with (
        pytest.raises(MediaError, match="a directory that can be written to"),
        folder_lock(tmp_path),
    ):
        pass
    assert not (tmp_path / "kept").exists()


def test_what_another_run_is_writing_stays(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as file, temporary_folder(tmp_path / "b") as folder:
        remove_abandoned(tmp_path)
        assert file.exists()
        assert folder.exists()


KILLED = """
import os, signal, sys
from pathlib import Path
from vssn.files import atomic_path, folder_lock, temporary_folder
out = Path(sys.argv[1])
with folder_lock(out), atomic_path(out / "a.txt") as file, temporary_folder(out / "b") as folder:
    file.write_text("half")
    (folder / "c").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path, repo_root: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    subprocess.run(command, check=False, cwd=repo_root)
    assert len(list(tmp_path.iterdir())) == 3
    tidy.cache_clear()  # another process
    write_text(tmp_path / "other.txt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".vssn.lock", "other.txt"]
    with folder_lock(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_masks_and_images_of_two_runs_do_not_mix(tmp_path: Path) -> None:
    masks = MaskFolder(tmp_path / "masks")
    with pytest.raises(MediaError, match="another run is writing to it"):
        MaskFolder(tmp_path / "masks")
    masks.close()
    MaskFolder(tmp_path / "masks").close()
    info = VideoInfo(16, 16, 25, None)
    one, other = (open_sink(tmp_path / f"{name}%03d.png", info) for name in "ab")
    with pytest.raises(MediaError, match="another run is writing it"):
        open_sink(tmp_path / "a%03d.png", info)
    one.close()
    other.close()
    assert [path.name for path in tmp_path.iterdir()] == ["masks"]


@pytest.mark.parametrize("name", ["v.mp4", "v.avi", "v.gif"])
def test_a_video_that_another_run_is_writing_is_refused(tmp_path: Path, name: str) -> None:
    info = VideoInfo(16, 16, 25, None)
    with open_sink(tmp_path / name, info), open_sink(tmp_path / f"other-{name}", info):
        with pytest.raises(MediaError, match="another run is writing it"):
            open_sink(tmp_path / name, info)
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == []
    open_sink(tmp_path / name, info).close()


def test_containers_of_one_stem_are_written_side_by_side(tmp_path: Path) -> None:
    info = VideoInfo(16, 16, 25, None)
    with open_sink(tmp_path / "v.mp4", info) as first:
        for _ in range(60):
            first.write(np.zeros((16, 16, 3), np.uint8))
        with open_sink(tmp_path / "v.avi", info) as second:
            second.write(np.zeros((16, 16, 3), np.uint8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["v.avi", "v.mp4"]


def test_of_runs_that_begin_at_once_one_goes_on(tmp_path: Path) -> None:
    barrier, made = threading.Barrier(8), []

    def begin() -> None:
        barrier.wait()
        with contextlib.suppress(OSError):
            made.append(create_part(tmp_path / "v.mp4"))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    os.close(made[0][1])


def test_a_folder_that_a_killed_run_left_goes_when_the_next_one_is_made(tmp_path: Path) -> None:
    left = tmp_path / f".a.{'0' * 16}.part.pb"
    left.mkdir()
    (left / "a.pb").write_bytes(b"half")
    with temporary_folder(tmp_path / "a.pb") as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []
