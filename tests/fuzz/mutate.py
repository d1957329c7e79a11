"""Malformed files made of valid ones: damaged bytes, other values, things that are no files."""

from __future__ import annotations

import io
import json
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from fuzz.corpus import mended_png
from no_file import put_no_file

NUMBERS = (0, 1, 127, 128, 255, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
# Written as they are, since Python's json would refuse some.
RAW_JSON = (
    *("null", "true", "false", "[]", "{}", '""', "-1", "0", "1e400", "-1e400", "NaN", "Infinity"),
    *("1" + "0" * 400, "9" * 5000, "1.5", '"\\u001b[2J"', '"\\ud800"', "[" * 100_000, "[[[1]]]"),
    *('"' + "x" * 10_000 + '"', '"$\\\\frac$"', "-0.0", "5e-324", "1e308", '"car"', "[1,2,3]"),
)
# Of the case's folder, whose name the errors show.
NAMES = (
    "a b",
    "\x1b[2Jx",
    "$\\frac$",
    "%s{0}",
    "a\nb",
    b"\xff\xfe".decode("utf-8", "surrogateescape"),
)
LINES = (
    *("../../etc/passwd ../../etc/passwd x", "/etc/passwd /etc/passwd /etc/passwd", "a b", '"'),
    *("\x1b[2J a b", "x" * 5000 + " a b", "a\0b c d", "a/" * 3000 + " b c", "'' '' ''", "\t\t"),
    *("val/000.png\tval/000.png\tvalannot/000.png", "\ufeff a b c", "~ ~ ~", ". . .", "\udcff a b"),
)
WORDS = (b"\0" * 64, b"\xff" * 64, b"%n%s", b"{'descr': 'O'}", b"../../x", b"\x1b[2J", b"[" * 999)


def _number(rng: random.Random) -> bytes:
    size = rng.choice((1, 2, 4, 8))
    order = rng.choice(("little", "big"))
    return (rng.choice(NUMBERS) & (1 << 8 * size) - 1).to_bytes(size, order)


def _place(data: bytearray, rng: random.Random) -> int:
    """Headers are short and matter most."""
    limit = min(len(data), 256) if rng.random() < 0.5 else len(data)
    return rng.randrange(max(limit, 1))


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 8)):
        if data:
            data[_place(data, rng) % len(data)] ^= 1 << rng.randrange(8)


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at, number = _place(data, rng), _number(rng)
    data[at : at + len(number)] = number


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice((*WORDS, rng.randbytes(rng.randint(1, 64)), bytes(data[: at + 1])))


def _remove(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    del data[at : at + rng.randint(1, 64)]


def _zero(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    size = min(rng.choice((4, 16, 512)), len(data) - at)
    data[at : at + size] = bytes(size)


def damaged(data: bytes, rng: random.Random) -> bytes:
    """One to three kinds of damage."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        rng.choice((_flip, _overwrite, _truncate, _insert, _remove, _zero))(out, rng)
    return mended_png(bytes(out)) if data[1:4] == b"PNG" and rng.random() < 0.7 else bytes(out)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [path, *(p for k, v in value.items() for p in _places(v, (*path, k)))]
    if isinstance(value, list):
        return [path, *(p for n, v in enumerate(value) for p in _places(v, (*path, n)))]
    return [path]


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    """Another value at some place, or a key less, more or twice."""
    value = json.loads(data)
    place = rng.choice(_places(value))
    raw = rng.choice(RAW_JSON)
    if not place:
        return raw.encode()
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    what = rng.random()
    if what < 0.2:
        del parent[place[-1]]
    elif what < 0.3 and isinstance(parent, dict):
        parent["other \x1b[2J"] = parent.pop(place[-1])
    else:
        parent[place[-1]] = "@@"
    return json.dumps(value).replace('"@@"', raw).encode()


def damaged_list(data: bytes, rng: random.Random) -> bytes:
    """Other lines among the right ones."""
    lines = data.decode().splitlines()
    for _ in range(rng.randint(1, 3)):
        lines.insert(rng.randrange(len(lines)), rng.choice(LINES))
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def damaged_npy(data: bytes, rng: random.Random) -> bytes:
    """Another header over the same values."""
    types = (
        "'<f4'",
        "'<f8'",
        "'|O'",
        "'<U99999999'",
        "[('a','<f4')]",
        "'<c16'",
        "'<M8[s]'",
        "None",
    )
    shapes = (
        *("()", "(2,)", "(-1,)", "(1<<62,)", "(4611686018427387904, 8)", "(2, 4, 5, 384)", "'x'"),
        *("(" + "1," * 65 + ")", "(0, 4, 5, 384)", "(1e400,)", "(" * 500, "(99999999999,)", "[2]"),
    )
    header = (
        f"{{'descr': {rng.choice(types)}, 'fortran_order': {rng.choice(('False', 'True', '7'))}, "
        f"'shape': {rng.choice(shapes)}}}"
    ).encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data[128:]


def damaged_state(data: bytes, rng: random.Random) -> bytes:
    """A training's state with another header, or entries that are no arrays."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(out, "w") as archive:
        chosen = rng.choice(given.namelist())
        for name in given.namelist():
            content = given.read(name)
            if name == "header.npy" and rng.random() < 0.7:
                header = damaged_json(str(np.load(io.BytesIO(content))).encode(), rng)
                text = np.array(header.decode("utf-8", "replace"))
                np.save(changed := io.BytesIO(), text)
                content = changed.getvalue()
            elif name == chosen:
                content = rng.choice((damaged, damaged_npy))(content, rng)
            archive.writestr(name, content)
    return out.getvalue()


def _own_kind(path: Path) -> Callable[[bytes, random.Random], bytes] | None:
    return {
        ".json": damaged_json,
        ".txt": damaged_list,
        ".npy": damaged_npy,
        ".npz": damaged_state,
    }.get(path.suffix)


def _no_file(path: Path, rng: random.Random) -> str:
    """Put something else where the file was; tell what."""
    path.unlink()
    kind = rng.choice(
        ("pipe", "folder", "loop", "dangling", "device", "null", "sparse", "empty", "none")
    )
    if kind == "empty":
        path.touch()
    elif kind != "none":
        put_no_file(path, kind)
    return kind


def _longer(path: Path, rng: random.Random) -> Path:
    return rng.choice((path.with_name("x" * 300), path / "below", path.with_name("a\0b")))


def make_case(seed: Path, folder: Path, rng: random.Random) -> tuple[Path, str]:
    """Copy a seed and damage one of its files.

    Args:
        seed: the folder of valid files.
        folder: where the case goes; it is made, and may get a name of another kind.
        rng: decides everything.

    Returns:
        The file to read, and what was done to it.
    """
    if rng.random() < 0.15:
        folder = folder.with_name(f"{folder.name} {rng.choice(NAMES)}")
    shutil.copytree(seed, folder)
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.stat().st_size)
    path = rng.choice(files)
    what = rng.random()
    if what < 0.06:
        return path, _no_file(path, rng)
    if what < 0.08:
        return _longer(path, rng), "name"
    if what < 0.09:
        return path, "nothing"
    own = _own_kind(path)
    data = path.read_bytes()
    if own and rng.random() < 0.6:
        path.write_bytes(own(data, rng))
        return path, own.__name__
    path.write_bytes(damaged(data, rng))
    return path, "damaged"
