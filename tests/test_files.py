"""Files take their final name when they are complete, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn.errors import BadInputError, MediaError
from vssn.files import atomic_path, make_directory


def test_a_file_appears_under_its_name_on_success_only(tmp_path: Path) -> None:
    final = tmp_path / "a.png"
    with atomic_path(final) as temporary:
        temporary.write_text("new")
        assert temporary.suffix == ".png"
        assert temporary.parent == tmp_path
        assert not final.exists()
    assert final.read_text() == "new"
    assert list(tmp_path.iterdir()) == [final]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
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
