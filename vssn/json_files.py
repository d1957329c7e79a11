"""Reading and writing small JSON files; a dataclass is the schema of each."""

from __future__ import annotations

import hashlib
import json
import math
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from vssn.errors import BadInputError, MediaError
from vssn.files import read_regular, write_text

MAX_JSON_BYTES = 1 << 20
MAX_WHOLE = 1 << 53  # what a double holds exactly
DIGEST_KEY = "sha256"
REMEDY = "make the file again, or remove it"
FRACTION = re.compile(r"-?\d{1,20}(/0*[1-9]\d{0,19})?")

T = TypeVar("T")


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object without its own digest, in hexadecimal."""
    rest = {key: value for key, value in content.items() if key != DIGEST_KEY}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _check_digest(value: object) -> None:
    if not isinstance(value, dict) or DIGEST_KEY not in value:
        raise ValueError(f"'{DIGEST_KEY}' is missing")
    if value[DIGEST_KEY] != content_digest(value):
        raise ValueError("its checksum is wrong, so it was changed")


def _whole(text: str) -> int:
    if len(text) > 20 or abs(int(text)) > MAX_WHOLE:
        raise ValueError(f"the number {text[:20]} is too large")
    return int(text)


def _real(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError(f"the number {text[:20]} is not finite")
    return float(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f"'{key[:40]}' stands there twice")
        made[key] = value
    return made


def loads(text: bytes | str) -> object:
    """Parse JSON from a file or another program: what every reader of ours begins with.

    Args:
        text: UTF-8, at most as long as the caller allows.

    Raises:
        ValueError: no JSON, a number that isn't finite or above 2^53, a key that stands twice in
            an object, or values nested too deep; in words.
    """
    try:
        made: object = json.loads(
            text,
            parse_int=_whole,
            parse_float=_real,
            parse_constant=_real,
            object_pairs_hook=_object,
        )
    except (json.JSONDecodeError, RecursionError) as problem:
        raise ValueError("no JSON") from problem
    except UnicodeDecodeError as problem:
        raise ValueError("no UTF-8") from problem
    return made


def _type_name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _parse_dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is no object")
    hints, known = get_type_hints(kind), {field.name: field for field in fields(kind)}
    missing = [
        name
        for name, field in known.items()
        if name not in value and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise ValueError(f"{where} lacks '{missing[0]}'")
    # What a later version adds is no harm.
    given = {name: parse(hints[name], value[name], name) for name in known if name in value}
    return kind(**given)


def _parse_sequence(kind: Any, value: object, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ValueError(f"{where} is no list")
    of = get_args(kind)
    if of[-1] is Ellipsis:
        return tuple(parse(of[0], each, where) for each in value)
    if len(of) != len(value):
        raise ValueError(f"{where} has {len(value)} values, not {len(of)}")
    return tuple(parse(each, item, where) for each, item in zip(of, value, strict=True))


def parse(kind: Any, value: object, where: str = "the file") -> Any:
    """Turn a JSON value into ``kind``.

    Args:
        kind: a dataclass, ``tuple[X, ...]``, ``tuple[X, Y]``, ``dict[str, X]``, ``X | None``,
            float, int, str, bool, a Fraction written as text such as "1001/30000", or Any for
            whatever it is.
        value: what :func:`loads` made.
        where: its name, for the error.

    Raises:
        ValueError: it is something else; in words.
    """
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _parse_dataclass(kind, value, where)
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in get_args(kind) if each is not types.NoneType)
        return None if value is None else parse(inner, value, where)
    if origin is tuple:
        return _parse_sequence(kind, value, where)
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise ValueError(f"{where} is no object")
        of = get_args(kind)[1]
        return {str(key): parse(of, each, f"'{key}'") for key, each in value.items()}
    if kind is Fraction and isinstance(value, str) and FRACTION.fullmatch(value):
        return Fraction(value)
    # A bool is an int to Python, not to JSON.
    if type(value) is kind or (kind is float and type(value) is int):
        return float(value) if isinstance(value, int) and kind is float else value
    raise ValueError(f"{where} is {str(value)[:40]!r}, no {_type_name(kind)}")


def read_json(
    path: Path,
    kind: type[T],
    what: str = "file",
    error: type[BadInputError] = MediaError,
    remedy: str = REMEDY,
    checked: bool = False,
    max_bytes: int = MAX_JSON_BYTES,
) -> T:
    """Read a JSON file of a dataclass's fields.

    Args:
        path: the file.
        kind: the dataclass; its own ``__post_init__`` may raise ValueError.
        what: the file is, for the error.
        error: to raise.
        remedy: for the error.
        checked: the file must hold its own digest, as :func:`write_json` adds it.
        max_bytes: that it may hold.

    Raises:
        BadInputError: of the kind ``error``; unreadable, no JSON, or not of these fields; numbers
            must be finite and at most 2^53.
    """
    data = read_regular(path, max_bytes, what, error)
    try:
        value = loads(data)
        if checked:
            _check_digest(value)
        parsed: T = parse(kind, value)
    except ValueError as problem:
        raise error(f"{what} '{path}' ({problem})", "what vssn writes there", remedy) from problem
    return parsed


def write_json(
    path: Path,
    content: Mapping[str, Any],
    what: str = "file",
    error: type[BadInputError] = MediaError,
    checked: bool = False,
) -> None:
    """Write a JSON object, atomically.

    Args:
        path: the file; its folder must exist.
        content: numbers must be finite.
        what: the file is, for the error.
        error: to raise.
        checked: add the object's digest, which tells whether it was changed.

    Raises:
        BadInputError: of the kind ``error``; it can't be written.
    """
    plain = json.loads(json.dumps(content, allow_nan=False))
    if checked:
        plain |= {DIGEST_KEY: content_digest(plain)}
    write_text(path, json.dumps(plain, indent=1) + "\n", what, error)
