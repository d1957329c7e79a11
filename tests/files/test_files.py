"""Files take their final name when they are complete, or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vssn.errors import BadInputError, CheckpointError, MediaError, argument
from vssn.files import (
    atomic_path,
    check_writable,
    child_path,
    folder_lock,
    is_dir,
    is_file,
    make_directory,
    read_regular,
    remove_abandoned,
    temporary_name,
    write_text,
)

AS_ROOT = os.geteuid() == 0
LONG_NAME = "x" * 300


def test_a_file_appears_under_its_name_on_success_only(tmp_path: Path) -> None:
    final = tmp_path / "a.png"
    with atomic_path(final) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        assert not final.exists()
    assert final.read_text() == "new"
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("error", [TypeError, KeyboardInterrupt])
def test_what_was_there_stays_when_writing_fails(
    tmp_path: Path, error: type[BaseException]
) -> None:
    final = tmp_path / "a.png"
    final.write_text("old")

    def write_half() -> None:
        with atomic_path(final) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()
    assert final.read_text() == "old"
    assert list(tmp_path.iterdir()) == [final]


def test_directories_are_made_with_their_parents(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert make_directory(path) == path
    assert make_directory(path) == path
    assert list(path.iterdir()) == []


def test_a_directory_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(MediaError, match="directory that can be written to") as caught:
            make_directory(path)
        assert "\n" not in str(caught.value)


def test_an_error_stays_in_one_line_whatever_it_quotes() -> None:
    assert str(BadInputError("file 'a\nb'", "c\n", "d")) == "file 'a b': expected c ; d"


def test_what_a_terminal_would_obey_is_shown_escaped() -> None:
    text = str(BadInputError("file '\x1b[2J\udcff\u202e'", "c", "d"))
    assert text == r"file '\x1b[2J\udcff\u202e': expected c; d"


def test_only_plain_files_of_a_limited_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"abc")
    assert read_regular(tmp_path / "plain", 3) == b"abc"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "giant").open("wb") as file:
        file.truncate(1 << 40)
    for name, why in (
        ("plain", "3 bytes, more than 2"),
        ("pipe", "a pipe, not a file"),
        (".", "a folder, not a file"),
        ("loop", "symbolic links"),
        ("giant", "1099511627776 bytes"),
        ("missing", "No such file"),
        ("a\0b", "null"),
        (LONG_NAME, "name too long"),
    ):
        with pytest.raises(CheckpointError, match=why):
            read_regular(tmp_path / name, 2, "config", CheckpointError)
    with pytest.raises(MediaError, match="a device, not a file"):
        read_regular(Path(os.devnull), 10)


def test_names_that_can_not_exist_are_neither_file_nor_folder(tmp_path: Path) -> None:
    for name in (LONG_NAME, "a\0b"):
        assert not is_file(tmp_path / name)
        assert not is_dir(tmp_path / name)
        with pytest.raises(MediaError):
            make_directory(tmp_path / name)
        with pytest.raises(MediaError):
            check_writable(tmp_path / name)


def _write_to(path: Path) -> None:
    write_text(path, "x", "figures", CheckpointError)


@pytest.mark.parametrize("name", ["missing/a", LONG_NAME, "a\0b", "folder"])
def test_what_the_system_refuses_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(CheckpointError, match=r"^figures '.*' \(.+\): expected a place"):
        _write_to(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line() -> None:
    with pytest.raises(CheckpointError, match="No space left"):
        _write_to(Path("/dev/full"))


@pytest.mark.skipif(AS_ROOT, reason="root may write anywhere; the next test drops its rights")
def test_no_permission_is_one_line(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CheckpointError, match="Permission denied"):
        _write_to(tmp_path / "a")


@pytest.mark.skipif(not AS_ROOT, reason="only root can drop its rights")
def test_no_permission_is_one_line_for_an_unprivileged_user(tmp_path: Path) -> None:
    code = f"""
import os, sys
from pathlib import Path
from vssn.errors import VssnError
from vssn.files import is_file, read_regular, write_text
os.setgid(65534); os.setuid(65534)
path = Path({str(tmp_path / "closed" / "a")!r})
assert not is_file(path)
for use in (lambda: read_regular(path, 9), lambda: write_text(path, "x")):
    try:
        use()
    except VssnError as error:
        assert "Permission denied" in str(error), error
    else:
        sys.exit("no error")
"""
    (tmp_path / "closed").mkdir(mode=0o700)
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_text(pipe, "figures")
    reader.join(10)
    assert read == ["figures"]
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vssn.files.atomic.READER_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MediaError, match="nobody reads this pipe"):
        write_text(tmp_path / "pipe", "figures")


def test_temporary_names_can_not_be_foreseen_and_follow_no_link(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        with atomic_path(tmp_path / "a.txt") as temporary:
            names.add(temporary.name)
            assert not temporary.is_symlink()
            assert str(os.getpid()) not in temporary.name.split(".")
    assert len(names) == 2


def test_a_link_as_output_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "link").symlink_to("kept")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "kept").read_text() == "kept"
    assert (tmp_path / "link").read_text() == "new"


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "..", "", "a\0b"])
def test_names_that_leave_their_folder_are_refused(tmp_path: Path, name: str) -> None:
    assert child_path(tmp_path, "a.b") == tmp_path / "a.b"
    with pytest.raises(MediaError, match="without folders"):
        child_path(tmp_path, name)


def test_a_second_run_in_a_folder_is_told(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from vssn.errors import MediaError
from vssn.files import folder_lock
try:
    with folder_lock(Path({str(tmp_path)!r})):
        sys.exit(0)
except MediaError as error:
    print(error)
    sys.exit(3)
"""
    with folder_lock(tmp_path):
        second = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert second.returncode == 3
    assert "another run is writing to it" in second.stdout
    assert list(tmp_path.iterdir()) == []
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_killed_runs_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    left = temporary_name(tmp_path / "a.png")
    left.touch()
    others = [tmp_path / name for name in ("a.png", ".a.part.png", ".a.0123.part.png", "b.part")]
    for path in others:
        path.touch()
    link = tmp_path / ".a.0123456789abcdef.part.png"
    link.symlink_to(others[0])
    remove_abandoned(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([link, *others])
    remove_abandoned(tmp_path / "missing")


def test_kilobytes_of_a_file_are_not_quoted() -> None:
    error = BadInputError("name '" + "x" * 9000 + "'", argument("regions", "y" * 9000), "d")
    assert len(str(error)) < 4000
    assert len(error.for_command({})) < 4000
    assert str(error).isprintable()
    assert "--regions yyy" in error.for_command({})
