"""What the result of each of many sources is called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

SUFFIX = ".mp4"


def result_names(sources: Sequence[str]) -> list[str]:
    """A result's name for each source, no two alike, even where capitals don't count."""
    stems = [source_stem(source) for source in sources]
    shared = Counter(stem.casefold() for stem in stems)
    taken: set[str] = set()
    names = []
    for source, stem in zip(sources, stems, strict=True):
        parent = Path(source).parent.name
        name = f"{parent}-{stem}" if shared[stem.casefold()] > 1 and parent else stem
        free = next(each for each in _numbered(name) if each.casefold() not in taken)
        taken.add(free.casefold())
        names.append(f"{free}{SUFFIX}")
    return names


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def source_stem(source: str) -> str:
    """The part of a source's name that its result keeps."""
    if source == "-":
        return "standard-input"
    if source.isdecimal():
        return f"camera-{source}"
    name = Path(source.split("?")[0].rstrip("/")).stem
    safe = "".join(letter if letter.isalnum() or letter in "-_. " else "_" for letter in name)
    return safe.strip("._ ") or "video"
