"""Lists: the form, the way from a line to a file, CamVid's lists, users' own folders."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from vssn.data import lists
from vssn.data.dataset import existing
from vssn.data.lists import (
    MAX_BYTES,
    ListEntry,
    default_list,
    read_list,
    resolve,
    write_list,
)
from vssn.errors import MediaError

ENTRY = ListEntry("val/a.png", "val/b.png", "valannot/b.png")


def _list_file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "some_list.txt"
    path.write_bytes(data)
    return path


# --- reading ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"val/a.png val/b.png valannot/b.png\n",
        b"val/a.png val/b.png valannot/b.png",
        b"\xef\xbb\xbfval/a.png val/b.png valannot/b.png\r\n",
        b"\r\n\r\nval/a.png  val/b.png\tvalannot/b.png \r\n  \r\n",
        b"./val/a.png val//b.png ././valannot/b.png\n",
        b"\"val/a.png\" 'val/b.png' valannot/b.png\n",
        b"val/a.png\tval/b.png\tvalannot/b.png\n",
    ],
    ids=["plain", "no line end", "Windows", "blank lines", "dots", "quotes", "tabs"],
)
def test_read_list_takes_every_usual_form(tmp_path: Path, data: bytes) -> None:
    assert read_list(_list_file(tmp_path, data)) == [ENTRY]


def test_an_entry_is_labelled_where_both_columns_name_one_file(tmp_path: Path) -> None:
    path = _list_file(tmp_path, b"./a.png a.png l.png\na.png b.png l.png\n")
    assert [entry.is_labelled for entry in read_list(path)] == [True, False]


@pytest.mark.parametrize(
    "line",
    [
        '"my val/a.png" "my val/a ""b"".png" it\'s.png',
        'my val/a.png\tmy val/a "b".png\tit\'s.png',
        "'my val/a.png' 'my val/a \"b\".png' it's.png",
    ],
    ids=["double", "tabs", "single"],
)
def test_paths_with_spaces_and_quotes_are_read(tmp_path: Path, line: str) -> None:
    expected = ListEntry("my val/a.png", 'my val/a "b".png', "it's.png")
    assert read_list(_list_file(tmp_path, line.encode())) == [expected]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a b c\n\na b\n", "some_list.txt:3' holds 2 fields"),
        (b"a b c d\n", "some_list.txt:1' holds 4 fields"),
        (b"a b c\n\x89PNG \x00 \xff\n", "some_list.txt:2' holds bytes that are no text"),
        ("a b c\n".encode("utf-16"), "some_list.txt:1' holds bytes that are no text"),
        (b"", "some_list.txt', which is empty"),
        (b"\r\n \n", "some_list.txt', which is empty"),
        (b'"a b c\n', "some_list.txt:1' holds a quote that is not closed"),
        (b'"a"b c d\n', "some_list.txt:1' holds a quote that is not closed"),
        (b'a "" c\n', "some_list.txt:1' holds 3 fields"),
    ],
    ids=[
        *("two fields", "four fields", "binary", "UTF-16", "empty", "blank"),
        *("open quote", "text after a quote", "empty path"),
    ],
)
def test_read_list_names_the_file_and_the_line(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_list(_list_file(tmp_path, data))
    assert said in str(caught.value)
    str(caught.value).encode()  # can be printed


def test_read_list_refuses_what_is_no_plain_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    names = ("missing.txt", "", "pipe", "loop", "sparse", "x" * 300)
    for path in (*(tmp_path / name for name in names), Path("/dev/zero")):
        with pytest.raises(MediaError, match=f"^list '{path}'"):
            read_list(path)


def test_read_list_refuses_more_lines_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MAX_ENTRIES", 2)
    with pytest.raises(MediaError, match="of 3 lines: expected at most 2"):
        read_list(_list_file(tmp_path, b"a b c\n" * 3))


# --- from a line to a file -------------------------------------------------------------------


def test_resolve_accepts_what_ends_up_inside(tmp_path: Path) -> None:
    (tmp_path / "data" / "val").mkdir(parents=True)
    data_dir = tmp_path / "data" / "val" / ".."
    expected = tmp_path / "data" / "val" / "a.png"
    for relative in ("val/a.png", "./val/a.png", "val/../val/a.png", str(expected)):
        assert resolve(data_dir, relative) == expected


@pytest.mark.parametrize("relative", ["../secret", "val/../../secret", "/etc/passwd", "../data2/a"])
def test_resolve_refuses_what_leads_outside(tmp_path: Path, relative: str) -> None:
    with pytest.raises(MediaError, match="outside"):
        resolve(tmp_path / "data", relative)


def test_resolve_refuses_a_link_that_leads_outside(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "data" / "val").symlink_to(tmp_path / "outside")
    with pytest.raises(MediaError, match="lies outside of the data directory"):
        resolve(tmp_path / "data", "val/a.png")


def test_resolve_refuses_what_is_no_path(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="list entry"):
        resolve(tmp_path, "a\0b")


def test_a_name_too_long_is_no_existing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="expected an existing file"):
        existing(tmp_path, "x" * 300)


# --- writing ---------------------------------------------------------------------------------


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.txt"
    entries = [ENTRY, ListEntry("vid\u00e9o/a.png", "vid\u00e9o/a.png", "l.png")]
    assert write_list(path, entries) == 2
    assert read_list(path) == entries
    assert path.read_bytes().startswith(b"val/a.png val/b.png valannot/b.png\n")


@pytest.mark.parametrize(
    "name", ["my video/a.png", " a.png", 'a"b".png', '"a".png', "'a.png", "a\u202fb.png"]
)
def test_any_printable_name_reads_back(tmp_path: Path, name: str) -> None:
    entries = [ENTRY, ListEntry(name, name, "l.png")]
    write_list(tmp_path / "list.txt", entries)
    assert read_list(tmp_path / "list.txt") == entries


@pytest.mark.parametrize("name", ["a\n.png", "a\t.png", "", "a\x07.png", "a\udcff.png"])
def test_a_name_that_a_list_has_no_room_for_writes_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "list.txt"
    with pytest.raises(MediaError, match="file name"):
        write_list(path, [ENTRY, ListEntry(name, "b.png", "l.png")])
    assert list(tmp_path.iterdir()) == []


def test_write_list_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a directory"):
        write_list(tmp_path, [ENTRY])


def test_a_list_that_differs_from_its_digest_is_refused(tmp_path: Path) -> None:
    text = "a.png a.png b.png\n"
    (tmp_path / "l.txt").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  l.txt\n{'0' * 64}  other.txt\n")
    assert len(read_list(tmp_path / "l.txt")) == 1
    (tmp_path / "l.txt").write_bytes(text.replace("\n", "\r\n").encode())
    assert len(read_list(tmp_path / "l.txt")) == 1
    (tmp_path / "l.txt").write_text(text * 2)
    with pytest.raises(MediaError, match=r"l\.txt' \(its checksum is wrong\)"):
        read_list(tmp_path / "l.txt")


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_the_lists_that_are_shipped_are_as_shipped(split: str) -> None:
    assert read_list(default_list(split))
    names = default_list(split).with_name("SHA256SUMS").read_text().split()
    assert default_list(split).name in names
