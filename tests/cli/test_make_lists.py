"""``vssn make-lists``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vssn.cli.main import main
from vssn.data.lists import read_list


def _touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


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


@pytest.mark.parametrize(
    "flags",
    [("--distances", "0"), ("--every", "-1"), ("--every", "x"), ("--distances", "9" * 5000)],
)
def test_numbers_out_of_range_are_refused(
    tmp_path: Path, refuses: Callable[..., str], flags: tuple[str, str]
) -> None:
    _touch(tmp_path, "f/1.png", "f/2.png")
    common = ["--data_dir", tmp_path, "--frames", "f", "--output", tmp_path / "l.txt"]
    refuses(["make-lists", "pairs", *common, *flags], flags[0])


@pytest.mark.parametrize("output", ["x" * 300, "file/l.txt", "folder"])
def test_a_list_that_cannot_be_written_is_refused(
    tmp_path: Path, refuses: Callable[..., str], output: str
) -> None:
    _touch(tmp_path, "val/a.png", "valannot/a.png", "file", "folder/b")
    argv = ["make-lists", "stills", "--data_dir", tmp_path, "--split", "val"]
    refuses([*argv, "--output", tmp_path / output], output[:4])


@pytest.mark.usefixtures("unprivileged")
def test_a_folder_that_cannot_be_written_to_is_refused(
    tmp_path: Path, refuses: Callable[..., str]
) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    argv = ["make-lists", "camvid", "--save_dir"]
    refuses([*argv, tmp_path / "closed"], "closed", "Permission denied")
