"""Lists of users' own folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn.data.folders import entries_for_pairs, entries_for_sparse_video, entries_for_stills
from vssn.data.lists import ListEntry, resolve
from vssn.errors import MediaError


def _touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


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


def test_labels_named_as_camvid_hands_them_out_are_found(tmp_path: Path) -> None:
    _touch(tmp_path, "raw/0001TP_006690.png", "raw/0001TP_006691.png", "raw/b.png")
    _touch(tmp_path, "labels/0001TP_006690_L.png", "labels/0001TP_006691_L.png")
    _touch(tmp_path, "labels/b.png", "labels/b_L.png")
    entries = entries_for_sparse_video(tmp_path, "raw", "labels")
    assert [entry.label for entry in entries] == [
        "labels/0001TP_006690_L.png",
        "labels/0001TP_006691_L.png",
        "labels/b.png",
    ]


def test_hidden_files_and_folders_are_passed_over(tmp_path: Path) -> None:
    _touch(tmp_path, "val/a.png", "val/._a.png", "val/.trash/b.png")
    _touch(tmp_path, "valannot/a.png", "valannot/._a.png", "valannot/.trash/b.png")
    assert [entry.frame for entry in entries_for_stills(tmp_path, "val")] == ["val/a.png"]
    _touch(tmp_path, "val/c.png", "val/._c.png")
    pairs = entries_for_pairs(tmp_path, "val", [1, 1])
    assert pairs == [ListEntry("val/a.png", "val/c.png", "val/c.png")]


def test_frames_are_counted_in_pairs_too(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"f/{number}.png" for number in (1, 2, 10)))
    pairs = entries_for_pairs(tmp_path, "f", [2, 1], every=2)
    assert [(pair.frame, pair.labelled) for pair in pairs] == [
        ("f/2.png", "f/10.png"),
        ("f/1.png", "f/10.png"),
    ]
    with pytest.raises(MediaError, match="at least 4"):
        entries_for_pairs(tmp_path, "f", [3])


def test_names_too_long_are_refused(tmp_path: Path) -> None:
    _touch(tmp_path, "val/a.png")
    with pytest.raises(MediaError, match="a folder"):
        entries_for_sparse_video(tmp_path, "val", "x" * 300)


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    _touch(tmp_path, "val/a/1.png", "valannot/a/1.png")
    (tmp_path / "val" / "a").chmod(0)
    with pytest.raises(MediaError, match=r"val/a.*Permission denied"):
        entries_for_stills(tmp_path, "val")


@pytest.mark.real
def test_the_real_validation_stills_are_101(shared_data: Path) -> None:
    entries = entries_for_stills(shared_data / "camvid", "val")
    assert len(entries) == 101
    assert all(resolve(shared_data / "camvid", entry.label).is_file() for entry in entries)
