"""JSON files are checked against a dataclass before anything uses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from vssn.errors import CheckpointError
from vssn.json_files import read_json, write_json


@dataclass(frozen=True)
class Inner:
    rate: float
    corners: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outer:
    name: str
    inner: dict[str, Inner]
    pair: tuple[float, float]
    count: int = 3
    note: str | None = None


GOOD = '{"name": "n", "inner": {"a": {"rate": 1, "corners": [1, 2.5]}}, "pair": [0, 1], "more": 1}'


def _read(path: Path, text: str) -> Outer:
    path.write_text(text)
    return read_json(path, Outer, "settings", CheckpointError)


def test_fields_are_read_with_their_types(tmp_path: Path) -> None:
    expected = Outer("n", {"a": Inner(1.0, (1.0, 2.5))}, (0.0, 1.0))
    assert _read(tmp_path / "a.json", GOOD) == expected


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "n", "inner": {}, "pair": [0.5, 1]})
    assert read_json(tmp_path / "a.json", Outer) == Outer("n", {}, (0.5, 1.0))


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("2.5", "1e400", "not finite"),
        ("2.5", "NaN", "not finite"),
        ("2.5", "1" + "0" * 400, "too large"),
        ("2.5", "1" + "0" * 10000, "too large"),
        ("2.5", '"2"', "no float"),
        ("2.5", "true", "no float"),
        ("[0, 1]", "[0, 1, 2]", "3 values"),
        ("[0, 1]", "{}", "no list"),
        ('{"rate": 1, "corners": [1, 2.5]}', "[]", "no object"),
        ('"name": "n", ', "", "lacks 'name'"),
        (GOOD, "[]", "no object"),
        (GOOD, GOOD[:-1], "no JSON"),
        (GOOD, "[" * 100000, "no JSON"),
        (GOOD, "", "no JSON"),
        ("more", "m\udcff", "no UTF-8"),
        ("2.5", "-Infinity", "not finite"),
        ("2.5", "-1e400", "not finite"),
        ("2.5", "-1" + "0" * 400, "too large"),
        ("2.5", "null", "no float"),
        ("2.5", "[2.5]", "no float"),
        ('"rate": 1,', '"rate": true,', "no float"),
        ('"more": 1', '"count": 3.0', "no int"),
        ('"more": 1', '"count": true', "no int"),
        ('"more": 1', '"count": "3"', "no int"),
        ('"more": 1', '"note": 3', "no str"),
        ('"more": 1', '"name": "m"', "'name' stands there twice"),
        ('"rate": 1,', '"rate": 1, "rate": 2,', "'rate' stands there twice"),
        ('"more": 1', '"more": ' + "[" * 100_000 + "]" * 100_000, "no JSON"),
        ('"more": 1', '"more": ' + '{"a":' * 100_000 + "1" + "}" * 100_000, "no JSON"),
    ],
)
def test_anything_else_is_one_line(tmp_path: Path, old: str, new: str, why: str) -> None:
    (tmp_path / "a.json").write_bytes(GOOD.replace(old, new).encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match=why) as caught:
        read_json(tmp_path / "a.json", Outer, "settings", CheckpointError)
    assert "\n" not in str(caught.value)


def test_a_changed_number_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"name": "n", "inner": {}, "pair": (0.5, 1)}, checked=True)
    assert read_json(path, Outer, checked=True) == Outer("n", {}, (0.5, 1.0))
    path.write_text(path.read_text().replace("0.5", "50.0"))
    with pytest.raises(CheckpointError, match="was changed"):
        read_json(path, Outer, "settings", CheckpointError, checked=True)
    path.write_text(GOOD)
    with pytest.raises(CheckpointError, match="'sha256' is missing"):
        read_json(path, Outer, "settings", CheckpointError, checked=True)
