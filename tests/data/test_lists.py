"""Lists: the form, the way from a line to a file, CamVid's lists, users' own folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn.cli.main import main
from vssn.data.lists import (
    CAMVID_SPLITS,
    ListEntry,
    camvid_30_fps_entries,
    entries_for_sparse_video,
    entries_for_stills,
    read_list,
    resolve,
    write_list,
)
from vssn.errors import BadInputError, MediaError

ENTRY = ListEntry("val/a.png", "val/b.png", "valannot/b.png")


def _touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


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
    ],
    ids=["plain", "no line end", "Windows", "blank lines", "dots"],
)
def test_read_list_takes_every_usual_form(tmp_path: Path, data: bytes) -> None:
    assert read_list(_list_file(tmp_path, data)) == [ENTRY]


def test_an_entry_is_labelled_where_both_columns_name_one_file(tmp_path: Path) -> None:
    path = _list_file(tmp_path, b"./a.png a.png l.png\na.png b.png l.png\n")
    assert [entry.is_labelled for entry in read_list(path)] == [True, False]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a b c\n\na b\n", "some_list.txt:3' holds 2 fields"),
        (b"a b c d\n", "some_list.txt:1' holds 4 fields"),
        (b"a b c\n\x89PNG \x00 \xff\n", "some_list.txt:2' holds bytes that are no text"),
        ("a b c\n".encode("utf-16"), "some_list.txt:1' holds bytes that are no text"),
        (b"", "some_list.txt', which is empty"),
        (b"\r\n \n", "some_list.txt', which is empty"),
    ],
    ids=["two fields", "four fields", "binary", "UTF-16", "empty", "blank"],
)
def test_read_list_names_the_file_and_the_line(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(MediaError) as caught:
        read_list(_list_file(tmp_path, data))
    assert said in str(caught.value)
    str(caught.value).encode()  # can be printed


def test_read_list_refuses_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(MediaError, match=path.name):
            read_list(path)


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


# --- writing ---------------------------------------------------------------------------------


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "list.txt"
    entries = [ENTRY, ListEntry("vid\u00e9o/a.png", "vid\u00e9o/a.png", "l.png")]
    assert write_list(path, entries) == 2
    assert read_list(path) == entries
    assert path.read_bytes().startswith(b"val/a.png val/b.png valannot/b.png\n")


@pytest.mark.parametrize("name", ["my video/a.png", "a\n.png", "", "a\x07.png", "a\udcff.png"])
def test_a_name_that_a_list_has_no_room_for_writes_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / "list.txt"
    with pytest.raises(MediaError, match="file name"):
        write_list(path, [ENTRY, ListEntry(name, "b.png", "l.png")])
    assert list(tmp_path.iterdir()) == []


def test_write_list_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a directory"):
        write_list(tmp_path, [ENTRY])


# --- CamVid at 30 frames per second ----------------------------------------------------------


@pytest.mark.parametrize(("split", "lines"), [("train", 11005), ("val", 229), ("test", 6959)])
def test_the_camvid_lists_have_their_known_lengths(split: str, lines: int) -> None:
    entries = camvid_30_fps_entries(split)
    assert len(entries) == len({entry.frame for entry in entries}) == lines


@pytest.mark.parametrize(("split", "labels"), [("train", 367), ("val", 8), ("test", 233)])
def test_the_camvid_lists_name_every_label(split: str, labels: int) -> None:
    # 367 and 233 are the numbers of labelled images in CamVid's own train and test splits.
    assert len({entry.label for entry in camvid_30_fps_entries(split)}) == labels


@pytest.mark.parametrize("split", CAMVID_SPLITS)
def test_camvid_entries_name_the_next_label_within_thirty_frames(split: str) -> None:
    for entry in camvid_30_fps_entries(split):
        folder, frame = entry.frame.rsplit("/", 1)
        number, upcoming = (int(name[-10:-4]) for name in (frame, entry.labelled))
        assert 0 <= upcoming - number <= 30
        assert entry.labelled.startswith(folder + "/")
        assert entry.label == entry.labelled.replace(f"{split}/", f"{split}annot/", 1)
        assert upcoming <= int(folder.rsplit("_", 1)[1])


def _labelled_numbers(split: str, folder: str) -> dict[int, int]:
    return {
        int(entry.frame[-10:-4]): int(entry.labelled[-10:-4])
        for entry in camvid_30_fps_entries(split)
        if f"/{folder}/" in entry.frame
    }


def test_a_camvid_folder_starts_29_before_its_first_label_and_stops_before_its_last() -> None:
    numbers = _labelled_numbers("test", "01TP_1890_3720")
    assert (min(numbers), max(numbers)) == (1861, 3719)
    assert (numbers[1861], numbers[1890], numbers[1891]) == (1890, 1890, 1920)
    numbers = _labelled_numbers("test", "05VD_0_5100")
    assert (min(numbers), max(numbers)) == (0, 5099)
    assert (numbers[0], numbers[1], numbers[5099]) == (0, 30, 5100)


def test_the_last_val_frames_name_the_last_label() -> None:
    numbers = _labelled_numbers("val", "16E5_7959_8159")
    assert (min(numbers), max(numbers)) == (7930, 8158)
    assert (numbers[7930], numbers[8139], numbers[8140], numbers[8158]) == (7959, 8139, 8159, 8159)


def test_the_label_due_at_900_is_numbered_901() -> None:
    numbers = _labelled_numbers("train", "16E5_390_2400")
    assert [numbers[frame] for frame in (870, 871, 900, 901, 902)] == [870, 901, 901, 901, 930]


def test_camvid_knows_three_splits() -> None:
    with pytest.raises(BadInputError, match="train or val or test"):
        camvid_30_fps_entries("all")


def test_the_committed_lists_are_what_the_command_writes(repo_root: Path, tmp_path: Path) -> None:
    assert main(["make-lists", "camvid", "--save_dir", str(tmp_path)]) == 0
    for split in CAMVID_SPLITS:
        name = f"{split}_file_list.txt"
        assert (tmp_path / name).read_bytes() == (repo_root / "list" / name).read_bytes()


# --- users' own folders ----------------------------------------------------------------------


def test_stills_are_their_own_labelled_frames(tmp_path: Path) -> None:
    _touch(tmp_path, "val/10.jpg", "val/9.PNG", "val/unlabelled.png", "val/notes.txt")
    _touch(tmp_path, "valannot/9.png", "valannot/10.png", "valannot/notes.png")
    assert entries_for_stills(tmp_path, "val") == [
        ListEntry("val/9.PNG", "val/9.PNG", "valannot/9.png"),
        ListEntry("val/10.jpg", "val/10.jpg", "valannot/10.png"),
    ]


def test_each_frame_of_a_sparse_video_names_the_next_label(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"clip/f{number}.jpg" for number in range(8, 13)))
    _touch(tmp_path, "annot/f9.png", "annot/f11.png")
    entries = entries_for_sparse_video(tmp_path, "clip", "annot")
    assert [(entry.frame, entry.labelled) for entry in entries] == [
        ("clip/f8.jpg", "clip/f9.jpg"),
        ("clip/f9.jpg", "clip/f9.jpg"),
        ("clip/f10.jpg", "clip/f11.jpg"),
        ("clip/f11.jpg", "clip/f11.jpg"),
    ]
    assert entries[2].label == "annot/f11.png"


def test_each_folder_is_a_video_of_its_own(tmp_path: Path) -> None:
    # The 30 fps layout: a frame never names the label of another folder.
    _touch(tmp_path, "train/A_1_2/A_000001.png", "train/A_1_2/A_000002.png")
    _touch(tmp_path, "train/B_1_2/B_000001.png", "train/B_1_2/B_000002.png")
    _touch(tmp_path, "trainannot/A_1_2/A_000001.png", "trainannot/B_1_2/B_000002.png")
    entries = entries_for_sparse_video(tmp_path, "train", str(tmp_path / "trainannot"))
    assert [(entry.frame[-12:], entry.label) for entry in entries] == [
        ("A_000001.png", "trainannot/A_1_2/A_000001.png"),
        ("B_000001.png", "trainannot/B_1_2/B_000002.png"),
        ("B_000002.png", "trainannot/B_1_2/B_000002.png"),
    ]


def test_folders_that_give_no_list_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "data/val/a.png", "data/empty/b.png", "frames/a.png")
    data_dir = tmp_path / "data"
    for frames, labels, said in [
        ("val", "valannot", "a folder"),
        ("val", "empty", "no frame has a label"),
        ("../frames", "val", "outside"),
    ]:
        with pytest.raises(MediaError, match=said):
            entries_for_sparse_video(data_dir, frames, labels)


# --- the command -----------------------------------------------------------------------------


def test_the_command_lists_stills_and_videos(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _touch(tmp_path, "data/val/a.png", "data/val/b.png", "data/valannot/b.png")
    common = ["--data_dir", str(tmp_path / "data"), "--output"]
    stills, video = tmp_path / "stills.txt", tmp_path / "video.txt"
    assert main(["make-lists", "stills", *common, str(stills), "--split", "val"]) == 0
    assert (
        main(
            ["make-lists", "video", *common, str(video), "--frames", "val", "--labels", "valannot"]
        )
        == 0
    )
    assert [len(read_list(path)) for path in (stills, video)] == [1, 2]
    assert capsys.readouterr().out == f"{stills}: 1 lines\n{video}: 2 lines\n"


def test_the_command_needs_a_layout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["make-lists"])
    assert caught.value.code == 2
    assert "camvid|stills|video" in capsys.readouterr().err


@pytest.mark.real
def test_the_real_validation_stills_are_101(shared_data: Path) -> None:
    entries = entries_for_stills(shared_data / "camvid", "val")
    assert len(entries) == 101
    assert all(resolve(shared_data / "camvid", entry.label).is_file() for entry in entries)
