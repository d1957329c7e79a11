"""The lists of CamVid's 30 fps layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn.cli.main import main
from vssn.data.camvid import CAMVID_SPLITS, camvid_30_fps_entries
from vssn.errors import BadInputError


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
