"""Finding what the project ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from vssn import shipped
from vssn.shipped import find_shipped


def test_here_comes_before_the_checkout_and_the_checkout_before_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "vssn")
    assert find_shipped("list") == Path("list")
    for place in (tmp_path / "vssn" / "_shipped" / "list", tmp_path / "list", Path("list")):
        place.mkdir(parents=True)
        assert find_shipped("list") == place


def test_a_name_too_long_is_not_there() -> None:
    assert find_shipped("x" * 300) == Path("x" * 300)
